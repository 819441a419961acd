// Runs that get stuck, from solve to the report: what they stand on is named with numbers.
#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/scalar_problems.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

Goal goal_of(const std::string& method, std::map<std::string, std::string> options,
             std::optional<std::int64_t> steps = {}) {
  Goal goal;
  goal.method = method;
  goal.method_options = std::move(options);
  goal.max_steps = steps;
  return goal;
}

const PlateauDiagnosis& last_of(const Solved& solved) {
  static const PlateauDiagnosis none;
  EXPECT_FALSE(solved.record.plateaus.empty()) << report::text_after_run(solved.record);
  if (solved.record.plateaus.empty()) return none;
  EXPECT_TRUE(solved.record.plateaus.back().at_end) << report::text_after_run(solved.record);
  return solved.record.plateaus.back();
}

void expect_in_stop_reason(const Solved& solved, const std::string& words) {
  EXPECT_NE(solved.record.outcome->reason.advice.find(words), std::string::npos)
      << solved.record.outcome->reason.advice;
  ASSERT_FALSE(solved.record.advice.empty());
  EXPECT_EQ(solved.record.advice.front(), solved.record.outcome->reason.advice);
}

struct Fit {
  Network network;
  CompositeObjective objective;
};

Fit fit(Index samples, std::vector<Index> hidden, double noise) {
  RandomStream random(2, "rows");
  Matrix inputs(samples, 3), targets(samples, 1);
  for (Index i = 0; i < samples; ++i) {
    inputs.row(i) = random.normal_vector(3).transpose();
    targets(i, 0) = std::sin(inputs(i, 0)) + 0.5 * inputs(i, 1) + noise * random.normal();
  }
  const Network network({.inputs = 3, .hidden = std::move(hidden), .outputs = 1});
  return {network, {network.on(inputs), std::make_shared<SquaredLoss>(targets)}};
}

TEST(Plateaus, DescentOnTheStableManifoldOfASaddle) {
  const StrictSaddleObjective problem({});
  const Solved solved =
      solve(problem, problem.start(), goal_of("gd", {{"stepsize", "0.05"}}, 3000));
  const PlateauDiagnosis& plateau = last_of(solved);
  EXPECT_EQ(plateau.kind, "saddle");
  EXPECT_NEAR(plateau.measured.at("smallest_curvature"), -1, 1e-6);
  EXPECT_NEAR(plateau.value, 0.25, 1e-3);
  EXPECT_LT(plateau.first_step, 200);
  expect_in_stop_reason(solved, "escape=on");
}

TEST(Plateaus, ANetworkThatStartsAtZeroHasARankOfOne) {
  const Fit problem = fit(60, {8, 8}, 0);
  const Vector zero = Vector::Zero(problem.objective.dimension());
  const Solved solved = solve(problem.objective, zero, goal_of("levenberg-marquardt", {}, 80));
  const PlateauDiagnosis& plateau = last_of(solved);
  EXPECT_EQ(plateau.kind, "rank-loss");
  EXPECT_EQ(plateau.measured.at("rank"), 1);
  expect_in_stop_reason(solved, "rank");
}

TEST(Plateaus, ConstantStepsOnBatchesEndInTheirNoise) {
  const Fit problem = fit(400, {}, 1.0);
  const Vector start = problem.network.initial_parameters(1);
  const Solved solved =
      solve(problem.objective, start,
            goal_of("sgd", {{"stepsize", "0.2"}, {"batch", "4"}, {"schedule", "constant"}}, 40000));
  const PlateauDiagnosis& plateau = last_of(solved);
  EXPECT_EQ(plateau.kind, "noise-floor");
  EXPECT_GT(plateau.measured.at("noise_deviation"), plateau.measured.at("gradient_norm"));
  expect_in_stop_reason(solved, "batch=16");
}

TEST(Plateaus, StepsOfFixedLengthEndAtTheirFloor) {
  const PowerObjective problem(4);
  const Solved solved =
      solve(problem, Vector::Constant(1, 1.003),
            goal_of("normalized", {{"stepsize", "0.01"}, {"exponent", "1"}}, 6000));
  const PlateauDiagnosis& plateau = last_of(solved);
  EXPECT_EQ(plateau.kind, "step-floor");
  EXPECT_NEAR(plateau.measured.at("step_norm"), 0.01, 1e-9);
  expect_in_stop_reason(solved, "smaller stepsize");
}

// 1 + (x y)^2 / 2: every point of the axes is a minimum.
class Valley final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override {
    return 1 + 0.5 * std::pow(x[0] * x[1], 2);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = x[0] * x[1] * x[1];
    g[1] = x[0] * x[0] * x[1];
    return value(x);
  }
};

TEST(Plateaus, AFlatMinimumIsCalledSo) {
  Vector start(2);
  start << 2, 1;
  const Solved solved =
      solve(Valley(), start, goal_of("gd", {{"stepsize", "0.2"}, {"rule", "constant"}}, 400));
  EXPECT_EQ(last_of(solved).kind, "flat-minimum");
}

TEST(Plateaus, HealthyRunsHaveNone) {
  const Fit problem = fit(30, {64}, 0);
  const Vector start = problem.network.initial_parameters(1);
  for (const char* method : {"levenberg-marquardt", "lbfgs", "adapted-flow"}) {
    const Solved solved = solve(problem.objective, start, goal_of(method, {}));
    EXPECT_TRUE(solved.record.plateaus.empty()) << method << ": " << report::to_text(solved.record);
  }
  const Solved adam = solve(problem.objective, start, goal_of("adam", {{"batch", "16"}}, 2000));
  EXPECT_TRUE(adam.record.plateaus.empty()) << report::to_text(adam.record);
}

TEST(Plateaus, AreReadBackFromTheReport) {
  const StrictSaddleObjective problem({});
  const Solved solved =
      solve(problem, problem.start(), goal_of("gd", {{"stepsize", "0.05"}}, 1000));
  const std::string json = report::to_json(solved.record);
  const report::Record again = report::from_json(json, "test");
  EXPECT_EQ(report::to_json(again), json);
  ASSERT_EQ(again.plateaus.size(), solved.record.plateaus.size());
  EXPECT_EQ(again.plateaus.back().measured, solved.record.plateaus.back().measured);
  EXPECT_NE(report::text_after_run(solved.record).find("plateaus:"), std::string::npos);
}

}  // namespace
}  // namespace thalweg
