// What ends a run of the adapted flow, from the goal to the certificates.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

constexpr Index samples = 12;

struct Fit {
  CompositeObjective objective;
  Vector start;
};

Fit fit() {
  Matrix inputs(samples, 2), targets(samples, 1);
  for (Index i = 0; i < samples; ++i) {
    const auto t = static_cast<double>(i);
    inputs(i, 0) = std::cos(0.9 * t + 0.2);
    inputs(i, 1) = std::sin(1.3 * t);
    targets(i, 0) = std::sin(2.1 * t + 0.5);
  }
  const Network network({.inputs = 2, .hidden = {32}, .outputs = 1});
  return {{network.on(inputs), std::make_shared<SquaredLoss>(targets)},
          network.initial_parameters(1)};
}

Goal flow_goal(std::map<std::string, std::string> options) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.method_options = std::move(options);
  return goal;
}

Verdict verdict(const Solved& solved, const std::string& claim) {
  const auto& all = solved.record.certificates;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Certificate& c) { return c.claim == claim; });
  EXPECT_NE(found, all.end()) << claim;
  return found == all.end() ? Verdict::undecided : found->verdict;
}

TEST(FlowStop, TheTargetLossEndsTheTauRule) {
  const Fit problem = fit();
  Goal goal = flow_goal({{"integrator", "tau"}});
  goal.target_loss = 1e-3;
  const Solved solved = solve(problem.objective, problem.start, goal);
  const auto& trace = solved.result.trace;
  EXPECT_EQ(solved.result.reason.outcome, Outcome::converged);
  EXPECT_EQ(solved.result.reason.threshold, 1e-3);
  ASSERT_GE(trace.size(), 2U);
  EXPECT_LE(trace.back().value, 1e-3);
  EXPECT_GT(trace[trace.size() - 2].value, 1e-3);  // and no step goes beyond it
  EXPECT_FALSE(solved.record.forecast->flow_time.has_value());
  EXPECT_EQ(verdict(solved, "global-minimum"), Verdict::holds);
}

TEST(FlowStop, AFlowTimeAskedForIsForecastKeptAndCertified) {
  const Fit problem = fit();
  const Solved solved = solve(problem.objective, problem.start, flow_goal({{"flow-time", "20"}}));
  const Forecast& forecast = *solved.record.forecast;
  EXPECT_EQ(forecast.flow_time, 20.0);
  EXPECT_EQ(solved.record.outcome->flow_time, 20.0);
  const double law = forecast.initial_loss * std::exp(-2 * 20.0 / samples);
  EXPECT_NEAR(*forecast.target_loss / law, 1, 1e-12);
  EXPECT_NEAR(solved.result.value / law, 1, 0.01);
  EXPECT_EQ(verdict(solved, "global-minimum"), Verdict::holds);
  EXPECT_EQ(verdict(solved, "rate"), Verdict::holds);
}

TEST(FlowStop, AFlowTimeTooShortForTheTargetIsRefused) {
  const Fit problem = fit();
  Goal goal = flow_goal({{"flow-time", "20"}});
  goal.target_loss = 1e-6;
  EXPECT_THROW(solve(problem.objective, problem.start, goal), UsageError);
}

TEST(FlowStop, ATargetThatHoldsAtTheStartTakesNoStep) {
  const Fit problem = fit();
  Goal goal = flow_goal({});
  goal.target_loss = 1e3;
  const Solved solved = solve(problem.objective, problem.start, goal);
  EXPECT_EQ(solved.result.steps, 0);
  EXPECT_EQ(solved.result.reason.outcome, Outcome::converged);
}

}  // namespace
}  // namespace thalweg
