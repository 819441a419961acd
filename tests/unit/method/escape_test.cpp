#include "thalweg/method/escape.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/method/gradient_descent.hpp"
#include "thalweg/method/levenberg_marquardt.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using Switch = Escaping::Options::Switch;

template <class MethodType>
Escaping escaping(const MethodType& method, Escaping::Options options = {}) {
  options.escape = Switch::on;
  return {std::make_unique<MethodType>(method), options};
}

Result run_for(const Objective& problem, const Method& method, const Vector& x0,
               std::int64_t steps) {
  RunOptions options;
  options.stop = max_steps(steps);
  return run(problem, method, x0, options);
}

// Centred targets, so that the all-zero network is stationary.
struct Fit {
  Matrix inputs, targets;
  explicit Fit(Index samples) {
    RandomStream random(5, "escape-fit");
    inputs = random.normal_vector(2 * samples).reshaped(samples, 2);
    targets = (inputs.col(0).array().sin() + inputs.col(1).array().square()).matrix();
    targets.array() -= targets.mean();
  }
  CompositeObjective objective(std::vector<Index> hidden) const {
    const Network network({.inputs = 2, .hidden = std::move(hidden), .outputs = 1});
    return {network.on(inputs), std::make_shared<SquaredLoss>(targets)};
  }
};

TEST(Escape, LeavesTheMethodAloneWhereNothingIsStationary) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Vector beside = (Vector(2) << 0.8, 1).finished();
  const Result plain = run_for(problem, GradientDescent(), beside, 8);
  const Result wrapped = run_for(problem, escaping(GradientDescent(), {.eps = 1e-9}), beside, 8);
  EXPECT_EQ(plain.last, wrapped.last);
  EXPECT_EQ(*wrapped.trace.back().escapes, 0);
}

TEST(Escape, StrictSaddlesAreLeftAlongTheCurvatureWithADecrease) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Result result =
      run_for(problem, escaping(GradientDescent(), {.eps = 1e-3}), Vector::Zero(2), 200);
  ASSERT_GE(result.trace.size(), 2U);
  const StepRecord& left = result.trace[1];
  EXPECT_EQ(*left.escapes, 1);
  EXPECT_LT(left.value, result.trace[0].value);
  EXPECT_FALSE(left.heuristic_radius);
  EXPECT_NEAR(std::abs(result.best[0]), 1, 1e-6);
}

// One hidden layer at zero: the second derivatives show the way. Two: they are positive
// semidefinite, and the radius is heuristic.
TEST(Escape, AllZeroNetworksAreLeftByWhatTheirHessianTells) {
  const Fit fit(40);
  for (const std::vector<Index>& hidden : {std::vector<Index>{6}, {6, 6}}) {
    const CompositeObjective problem = fit.objective(hidden);
    const Vector zero = Vector::Zero(problem.dimension());
    const Result stuck = run_for(problem, LevenbergMarquardt(), zero, 60);
    EXPECT_GT(stuck.value, 0.999 * problem.value(zero));
    const Result left = run_for(problem, escaping(LevenbergMarquardt()), zero, 60);
    EXPECT_LT(left.value, 0.2 * problem.value(zero)) << hidden.size();
    bool heuristic = false;
    for (const StepRecord& record : left.trace) {
      heuristic = heuristic || record.heuristic_radius;
      EXPECT_LE(record.heuristic_radius.value_or(0), problem.start_norm());
    }
    EXPECT_EQ(heuristic, hidden.size() == 2);
  }
}

TEST(Escape, AMinimumStaysWhereItIs) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Vector minimum = (Vector(2) << 1, 0).finished();
  const Result result = run_for(problem, escaping(GradientDescent()), minimum, 20);
  EXPECT_EQ(result.last, minimum);
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(*result.trace.back().escapes, 0);
}

// A wide linear model is rank deficient for ever: that is no plateau to leave.
TEST(Escape, RankLossOfALinearModelIsNoPlateau) {
  const Fit fit(5);
  const CompositeObjective problem = fit.objective({});
  const Result result =
      run_for(problem, escaping(LevenbergMarquardt()), Vector::Zero(problem.dimension()), 50);
  EXPECT_EQ(*result.trace.back().escapes, 0);
}

TEST(Escape, OptionsOutOfRangeAreNamedTogether) {
  try {
    escaping(GradientDescent(), {.eps = -1, .plateau = 0});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("escape-eps"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("escape-plateau"), std::string::npos);
  }
}

}  // namespace
}  // namespace thalweg
