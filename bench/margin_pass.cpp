// One pass of a linear model: the logistic loss and its gradient, against reading as many bytes.

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"

namespace thalweg::bench {
namespace {

// Uniform numbers: their values do not matter, and a table of gigabytes is there in seconds.
std::shared_ptr<const LinearModel> make_model(Index rows, Index columns) {
  RandomStream random(1, "margin-pass");
  Matrix table(rows, columns);
  for (double& number : table.reshaped()) number = 2 * random.uniform() - 1;
  return std::make_shared<LinearModel>(table, LinearModel::Options{});
}

std::vector<int> alternating_labels(Index count) {
  std::vector<int> labels(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i * 7 % 3 % 2);
  return labels;
}

// Sum of `count` numbers, a multiple of 32, by independent additions: bound by the memory alone.
double sum_of(const double* numbers, Index count) {
  constexpr Index together = 32;
  using Lanes = Eigen::Array<double, together, 1>;
  Lanes sums = Lanes::Zero();
  for (Index k = 0; k < count; k += together) sums += Eigen::Map<const Lanes>(numbers + k);
  return sums.sum();
}

// Reads a table of its own with the threads of this process, one contiguous part each.
class Reading {
 public:
  explicit Reading(Index numbers) : numbers_(Vector::Ones(numbers)) {}

  double seconds() {
    const int parts = threads();
    const Index chunks = numbers_.size() / chunk;
    Vector sums(parts);
    const auto read = [&](int part) {
      const Index begin = chunks * part / parts, end = chunks * (part + 1) / parts;
      sums[part] = sum_of(numbers_.data() + begin * chunk, (end - begin) * chunk);
    };
    const double seconds = seconds_of([&] {
      std::vector<std::jthread> others;
      for (int part = 1; part < parts; ++part) others.emplace_back(read, part);
      read(0);
    });
    checksum_ += sums.sum();  // so that the reading is not optimized away
    return seconds;
  }

  double bytes() const {
    const Index whole_chunks = numbers_.size() / chunk;
    return static_cast<double>(whole_chunks * chunk) * sizeof(double);
  }
  double checksum() const { return checksum_; }

 private:
  static constexpr Index chunk = 32;
  Vector numbers_;
  double checksum_ = 0;
};

}  // namespace

Json margin_pass(const std::map<std::string, std::string>& given) {
  const Options options({{"rows", "4000000"}, {"columns", "32"}}, given);
  const Index rows = options.number("rows"), columns = options.number("columns");
  const auto model = make_model(rows, columns);
  const LinearObjective objective(model,
                                  std::make_shared<CrossEntropyLoss>(alternating_labels(rows), 2));
  const Vector x =
      RandomStream(1, "x").normal_vector(objective.dimension()) / static_cast<double>(columns);
  Vector g(x.size());
  Reading reading(rows * columns);

  const auto pass = [&] { objective.value_and_gradient(x, g); };
  const int repeats = repeats_for(seconds_of(pass) + reading.seconds());
  std::vector<double> seconds;
  double machine = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    seconds.push_back(seconds_of(pass));
    machine = std::max(machine, reading.bytes() / reading.seconds());
  }
  if (!(reading.checksum() > 0)) throw std::runtime_error("the table was not read");
  const double bytes = static_cast<double>(rows) * static_cast<double>(columns) * sizeof(double);
  const double bandwidth = bytes / median(seconds);
  return {{"seconds", median(seconds)},
          {"bytes", bytes},
          {"bandwidth", bandwidth},
          {"machine_bandwidth", machine},
          {"share", bandwidth / machine}};
}

}  // namespace thalweg::bench
