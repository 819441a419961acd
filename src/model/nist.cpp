#include "thalweg/model/nist.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <string_view>

#include "model/dual.hpp"
#include "model/embedded.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/model/output_losses.hpp"

namespace thalweg::nist {
namespace {

using detail::Dual;
using detail::square;
using std::atan;
using std::cos;
using std::exp;
using std::pow;
using std::sin;

constexpr double pi = std::numbers::pi;

// The models: b the parameters, x the predictors of one observation. T is double or Dual.

template <class T>
T gauss(const T* b, double x) {
  return b[0] * exp(-b[1] * x) + b[2] * exp(-square(x - b[3]) / square(b[4])) +
         b[5] * exp(-square(x - b[6]) / square(b[7]));
}

template <class T>
T lanczos(const T* b, double x) {
  return b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x);
}

template <class T>
T cubic_ratio(const T* b, double x) {
  return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1.0 + x * (b[4] + x * (b[5] + x * b[6])));
}

template <class T>
T enso(const T* b, double x) {
  const auto wave = [&](const T& cosine, const T& sine, const T& period) {
    const T angle = 2 * pi * x / period;
    return cosine * cos(angle) + sine * sin(angle);
  };
  return b[0] + wave(b[1], b[2], T(12)) + wave(b[4], b[5], b[3]) + wave(b[7], b[8], b[6]);
}

struct Formula {
  std::string_view name;
  double (*value)(const double* b, const double* x);
  Dual (*dual)(const Dual* b, const double* x);
};

// Makes both instances of a generic lambda [](auto b, const double* x).
template <class F>
constexpr Formula formula(std::string_view name, F f) {
  return {name, f, f};
}

const Formula formulas[] = {
    formula("Chwirut1", [](auto b, auto x) { return exp(-b[0] * x[0]) / (b[1] + b[2] * x[0]); }),
    formula("Chwirut2", [](auto b, auto x) { return exp(-b[0] * x[0]) / (b[1] + b[2] * x[0]); }),
    formula("DanWood", [](auto b, auto x) { return b[0] * exp(b[1] * std::log(x[0])); }),
    formula("Gauss1", [](auto b, auto x) { return gauss(b, x[0]); }),
    formula("Gauss2", [](auto b, auto x) { return gauss(b, x[0]); }),
    formula("Lanczos3", [](auto b, auto x) { return lanczos(b, x[0]); }),
    formula("Misra1a", [](auto b, auto x) { return b[0] * (1.0 - exp(-b[1] * x[0])); }),
    formula("Misra1b",
            [](auto b, auto x) { return b[0] * (1.0 - 1.0 / square(1.0 + b[1] * x[0] / 2.0)); }),
    formula("ENSO", [](auto b, auto x) { return enso(b, x[0]); }),
    formula("Gauss3", [](auto b, auto x) { return gauss(b, x[0]); }),
    formula("Hahn1", [](auto b, auto x) { return cubic_ratio(b, x[0]); }),
    formula("Kirby2",
            [](auto b, auto x) {
              return (b[0] + x[0] * (b[1] + x[0] * b[2])) / (1.0 + x[0] * (b[3] + x[0] * b[4]));
            }),
    formula("Lanczos1", [](auto b, auto x) { return lanczos(b, x[0]); }),
    formula("Lanczos2", [](auto b, auto x) { return lanczos(b, x[0]); }),
    formula(
        "MGH17",
        [](auto b, auto x) { return b[0] + b[1] * exp(-x[0] * b[3]) + b[2] * exp(-x[0] * b[4]); }),
    formula("Misra1c",
            [](auto b, auto x) { return b[0] * (1.0 - pow(1.0 + 2.0 * b[1] * x[0], -0.5)); }),
    formula("Misra1d", [](auto b, auto x) { return b[0] * b[1] * x[0] / (1.0 + b[1] * x[0]); }),
    formula("Nelson", [](auto b, auto x) { return b[0] - b[1] * x[0] * exp(-b[2] * x[1]); }),
    formula("Roszman1",
            [](auto b, auto x) { return b[0] - b[1] * x[0] - atan(b[2] / (x[0] - b[3])) / pi; }),
    formula("Bennett5", [](auto b, auto x) { return b[0] * pow(b[1] + x[0], -1.0 / b[2]); }),
    formula("BoxBOD", [](auto b, auto x) { return b[0] * (1.0 - exp(-b[1] * x[0])); }),
    formula("Eckerle4",
            [](auto b, auto x) { return b[0] / b[1] * exp(-0.5 * square((x[0] - b[2]) / b[1])); }),
    formula(
        "MGH09",
        [](auto b, auto x) { return b[0] * x[0] * (x[0] + b[1]) / (x[0] * (x[0] + b[2]) + b[3]); }),
    formula("MGH10", [](auto b, auto x) { return b[0] * exp(b[1] / (x[0] + b[2])); }),
    formula("Rat42", [](auto b, auto x) { return b[0] / (1.0 + exp(b[1] - b[2] * x[0])); }),
    formula("Rat43",
            [](auto b, auto x) { return b[0] / pow(1.0 + exp(b[1] - b[2] * x[0]), 1.0 / b[3]); }),
    formula("Thurber", [](auto b, auto x) { return cubic_ratio(b, x[0]); }),
};

class FormulaModel final : public OutputModel {
 public:
  FormulaModel(const Formula& formula, Matrix predictors, Index parameters)
      : formula_(formula), predictors_(std::move(predictors)), parameters_(parameters) {}

  Index parameter_count() const override { return parameters_; }
  Index output_count() const override { return predictors_.cols(); }
  std::string description() const override { return "nist:" + std::string(formula_.name); }

  void outputs(const ConstVectorRef& b, VectorRef y) const override {
    for (Index i = 0; i < y.size(); ++i) y[i] = formula_.value(b.data(), predictors_.col(i).data());
  }

  std::unique_ptr<Linearization> linearize(const ConstVectorRef& b) const override {
    const auto n = static_cast<std::size_t>(parameters_);
    std::array<Dual, Dual::capacity> duals;
    for (std::size_t k = 0; k < n; ++k) duals[k] = Dual::variable(b[static_cast<Index>(k)], k);
    Vector y(output_count());
    Matrix jacobian(output_count(), parameters_);
    for (Index i = 0; i < y.size(); ++i) {
      const Dual at_i = formula_.dual(duals.data(), predictors_.col(i).data());
      y[i] = formula_.value(b.data(), predictors_.col(i).data());  // bitwise as outputs() has it
      for (std::size_t k = 0; k < n; ++k) jacobian(i, static_cast<Index>(k)) = at_i.slope[k];
    }
    return std::make_unique<DenseLinearization>(std::move(y), std::move(jacobian));
  }

 private:
  const Formula& formula_;
  Matrix predictors_;  // (predictors, N)
  Index parameters_;
};

using Cells = std::vector<std::string_view>;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// The data rows of an embedded table, without its header.
std::vector<Cells> table(std::string_view path) {
  std::vector<Cells> rows;
  for (const auto line : split(embedded_text(path), '\n')) rows.push_back(split(line, ','));
  rows.erase(rows.begin());
  return rows;
}

double number(std::string_view cell) {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return value;
}

// The observations: predictors by rows, then the response, one column per observation.
Matrix observations(std::string_view name) {
  const auto rows = table(fmt::format("csv/{}.csv", name));
  Matrix data(static_cast<Index>(rows.front().size()), static_cast<Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t c = 0; c < rows[i].size(); ++c)
      data(static_cast<Index>(c), static_cast<Index>(i)) = number(rows[i][c]);
  return data;
}

void load_parameters(Problem& problem) {
  std::vector<std::array<double, 3>> values;  // start 1, start 2, certified
  for (const auto& row : table("certified.csv"))
    if (row[0] == problem.name) values.push_back({number(row[2]), number(row[3]), number(row[4])});
  const auto n = static_cast<Index>(values.size());
  problem.starts = {Vector(n), Vector(n)};
  problem.certified.resize(n);
  for (Index k = 0; k < n; ++k) {
    const auto& of_k = values[static_cast<std::size_t>(k)];
    problem.starts[0][k] = of_k[0];
    problem.starts[1][k] = of_k[1];
    problem.certified[k] = of_k[2];
  }
}

void load_description(Problem& problem, Index sample_count) {
  for (const auto& row : table("sets.csv")) {
    if (row[0] != problem.name) continue;
    problem.difficulty = row[1];
    problem.certified_value = number(row[6]) / (2.0 * static_cast<double>(sample_count));
    problem.formula = row[8];
  }
}

}  // namespace

double Problem::digits(const ConstVectorRef& b) const {
  double fewest = 11;
  for (Index k = 0; k < certified.size(); ++k) {
    const double error = std::abs(b[k] - certified[k]) / std::abs(certified[k]);
    const double correct = std::isfinite(error) ? -std::log10(error) : 0;
    fewest = std::min(fewest, std::max(correct, 0.0));
  }
  return fewest;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& formula : formulas) all.emplace_back(formula.name);
  return all;
}

Problem load(const std::string& name) {
  const auto* const known = std::find_if(std::begin(formulas), std::end(formulas),
                                         [&](const Formula& f) { return f.name == name; });
  if (known == std::end(formulas))
    throw UsageError(fmt::format("unknown NIST set '{}'", name),
                     fmt::format("choose one of {}", fmt::join(names(), ", ")));
  Problem problem;
  problem.name = name;
  load_parameters(problem);

  const Matrix data = observations(name);
  const Index sample_count = data.cols();
  load_description(problem, sample_count);

  Vector response = data.bottomRows(1).transpose();
  if (name == "Nelson") response = response.array().log();
  problem.objective = std::make_shared<CompositeObjective>(
      std::make_shared<FormulaModel>(*known, data.topRows(data.rows() - 1),
                                     problem.certified.size()),
      std::make_shared<SquaredLoss>(Matrix(response)));
  return problem;
}

}  // namespace thalweg::nist
