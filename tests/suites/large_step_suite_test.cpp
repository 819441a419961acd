// What is published of large steps, on the tables it is claimed for.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <cmath>

#include "tests/suites/separable_tables.hpp"
#include "thalweg/method/large_step.hpp"
#include "thalweg/method/large_step_adaptive.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using namespace separable_tables;

Result run_for(const Objective& problem, const Method& method, std::int64_t steps) {
  RunOptions options;
  options.stop = max_steps(steps);
  return run(problem, method, Vector::Zero(problem.dimension()), options);
}

// Wu et al., figure 1: four raw rows, no intercept.
struct Toy {
  double eta, loss;
  std::int64_t last_increase;
};

class LogisticToy : public testing::TestWithParam<Toy> {};
INSTANTIATE_TEST_SUITE_P(Figure1, LogisticToy,
                         testing::Values(Toy{4, 2.39e-5, 0}, Toy{8, 1.19e-5, 15},
                                         Toy{16, 5.96e-6, 12}, Toy{32, 2.91e-6, 12}));

TEST_P(LogisticToy, EndsAsPublished) {
  Matrix rows(4, 2);
  rows << 1, 0.2, -2, 0.2, -1, -0.2, 2, -0.2;
  const LinearObjective problem(
      std::make_shared<LinearModel>(rows, LinearModel::Options{.intercept = false}),
      std::make_shared<CrossEntropyLoss>(std::vector{1, 1, 0, 0}, 2));
  constexpr std::int64_t steps = 1 << 18;
  const Toy toy = GetParam();
  const Result result = run_for(problem, LargeStep({.eta = toy.eta}), steps);
  const StepRecord& end = result.trace.back();
  EXPECT_NEAR(end.value, toy.loss, 0.01 * toy.loss);
  EXPECT_NEAR(*end.last_increase_step, static_cast<double>(toy.last_increase), 2);
  EXPECT_EQ(result.best_step, steps);
  // Once it is stable the loss is 1/(gamma^2 eta t), with the margin 0.2 of the rows.
  EXPECT_NEAR(end.value * toy.eta * 0.2 * 0.2 * steps, 1, 0.03);
  const SeparableRows table{0.2 / std::sqrt(4.04), std::sqrt(4.04), 4};
  EXPECT_LE(*end.transition_step, transition_steps(table, toy.eta));
  EXPECT_LE(std::log(result.value), ln_best_loss_bound(table, toy.eta, steps));
}

// Slope of the least-squares line.
double slope(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double mx = 0, my = 0, xy = 0, xx = 0;
  for (const double a : x) mx += a / n;
  for (const double b : y) my += b / n;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
  }
  return xy / xx;
}

class BudgetRule : public testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    if (!present(GetParam())) GTEST_SKIP() << GetParam().file << " is not in " << folder();
  }
  // Slope in ln T of the final loss of T steps of stepsize(T).
  template <class Rule>
  double slope_of(const LinearObjective& problem, Rule stepsize) const {
    std::vector<double> x, y;
    for (const std::int64_t steps : {3000, 10000, 30000, 100000}) {
      const double eta = stepsize(static_cast<double>(steps));
      const Result result = run_for(problem, LargeStep({.eta = eta}), steps);
      x.push_back(std::log(static_cast<double>(steps)));
      y.push_back(*result.trace.back().log_value);
      fmt::print("{} eta {:.4g} T {}: loss {:.4g}\n", GetParam().name, eta, steps,
                 result.trace.back().value);
    }
    return slope(x, y);
  }
};
std::string pair_name(const testing::TestParamInfo<Pair>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Tables, BudgetRule, testing::Values(wine_0_1, digits_0_1), pair_name);

TEST_P(BudgetRule, StepsizeProportionalToTheBudgetGainsTheSquare) {
  const auto table = problem(GetParam());
  const SeparableRows rows = rows_of(*table);
  const double fitted =
      slope_of(*table, [&](double steps) { return practical_stepsize(rows, steps); });
  EXPECT_GE(fitted, -2.1);
  EXPECT_LE(fitted, -1.75);
}

TEST_P(BudgetRule, AStepsizeFixedBySmoothnessDoesNot) {
  const auto table = problem(GetParam());
  const Matrix rows = table->model().linearize(Vector::Zero(table->dimension()))->jacobian();
  const double top =
      Eigen::SelfAdjointEigenSolver<Matrix>(rows.transpose() * rows).eigenvalues().maxCoeff();
  const double beta = top / static_cast<double>(table->sample_count()) / 4;
  const double fitted = slope_of(*table, [&](double) { return 1 / beta; });
  EXPECT_GE(fitted, -1.1);
  EXPECT_LE(fitted, -0.85);
}

class AdaptiveBound : public testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    if (!present(GetParam())) GTEST_SKIP() << GetParam().file << " is not in " << folder();
  }
};
INSTANTIATE_TEST_SUITE_P(Tables, AdaptiveBound,
                         testing::Values(iris_0_1, wine_0_1, wine_1_2, digits_0_1, digits_1_7,
                                         digits_3_8),
                         pair_name);

TEST_P(AdaptiveBound, HoldsAtEveryStep) {
  const auto table = problem(GetParam());
  const SeparableRows rows = rows_of(*table);
  const auto steps = static_cast<std::int64_t>(4 / (rows.margin * rows.margin));
  for (const double unit_eta : {1.0, 10.0, 100.0, 1e4}) {
    const double eta = unit_eta / (rows.row_norm * rows.row_norm);
    const LargeStepAdaptive method({.eta = eta, .margin = rows.margin});
    const Result result = run_for(*table, method, steps);
    for (const StepRecord& record : result.trace) {
      ASSERT_TRUE(std::isfinite(record.value));
      ASSERT_TRUE(record.log_value && record.average_log_value && record.last_log_value);
      if (record.iteration > 0) {
        ASSERT_LE(*record.average_log_value, *record.bound_log_value)
            << "step " << record.iteration << " eta R^2 " << unit_eta;
      }
    }
    const StepRecord& end = result.trace.back();
    EXPECT_LE(*end.average_log_value, -unit_eta / 2 * (4 - 1) * 0.999);
    EXPECT_TRUE(result.last.allFinite());
    EXPECT_EQ(*end.training_error, 0);
  }
}

}  // namespace
}  // namespace thalweg
