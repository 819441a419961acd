#include "bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <sstream>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg::bench {
namespace {

Index positive(const std::string& text, const std::string& name) {
  Index value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1)
    throw UsageError("--" + name + " must be a positive whole number, got '" + text + "'");
  return value;
}

}  // namespace

Options::Options(std::map<std::string, std::string> defaults,
                 const std::map<std::string, std::string>& given)
    : values_(std::move(defaults)) {
  for (const auto& [name, value] : given) {
    const auto known = values_.find(name);
    if (known == values_.end()) {
      std::string names;
      for (const auto& entry : values_) names += (names.empty() ? "--" : ", --") + entry.first;
      throw UsageError("unknown option --" + name, "use " + names);
    }
    known->second = value;
  }
}

Index Options::number(const std::string& name) const { return positive(values_.at(name), name); }

std::vector<Index> Options::numbers(const std::string& name) const {
  std::vector<Index> numbers;
  std::istringstream list(values_.at(name));
  for (std::string item; std::getline(list, item, ',');) numbers.push_back(positive(item, name));
  return numbers;
}

std::vector<double> Options::reals(const std::string& name) const {
  std::vector<double> reals;
  std::istringstream list(values_.at(name));
  for (std::string item; std::getline(list, item, ',');) {
    double value = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), value);
    if (error != std::errc() || end != item.data() + item.size() || !(value >= 0))
      throw UsageError(fmt::format("--{} must be numbers, not negative, got '{}'", name, item));
    reals.push_back(value);
  }
  return reals;
}

double seconds_of(const std::function<void()>& work) {
  if (threads() == 1) {
    const std::clock_t start = std::clock();
    work();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  }
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

int repeats_for(double seconds) {
  return static_cast<int>(std::clamp(4.0 / std::max(seconds, 1e-9), 5.0, 100.0));
}

MatrixProductRate::MatrixProductRate()
    : a_(normal_matrix(2048, 2048, "a")), b_(normal_matrix(2048, 2048, "b")), c_(2048, 2048) {
  c_.setZero();
}

void MatrixProductRate::measure() {
  const double seconds =
      seconds_of([&] { linalg::gemm(1, linalg::Op::none, a_, linalg::Op::none, b_, 0, c_); });
  best_ = std::max(best_, 2 * 2048.0 * 2048.0 * 2048.0 / seconds);
}

Matrix normal_matrix(Index rows, Index cols, const char* name) {
  const Vector entries = RandomStream(1, name).normal_vector(rows * cols);
  return Eigen::Map<const Matrix>(entries.data(), rows, cols);
}

}  // namespace thalweg::bench
