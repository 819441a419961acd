// Steps, thresholds and the choice of batches from a measured law, where the model is no network.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalweg/plan/planner.hpp"

namespace thalweg {
namespace {

constexpr double l0 = 20, l1 = 4, alpha = 0.5, spread = 2, start = 900, tau2 = 80;

ProblemSize sampled(Index samples = 3000) {
  ProblemSize size;
  size.samples = samples;
  size.parameters = 100;
  size.sampled = true;
  size.composite = false;
  return size;
}

Preflight measured() {
  Preflight preflight;
  preflight.initial_loss = 1e4;
  preflight.initial_gradient_norm = start;
  preflight.curvature.emplace();
  preflight.curvature->law = {.l0 = l0, .l1 = l1, .alpha = alpha};
  preflight.curvature->spread = spread;
  preflight.curvature->samples = 16;
  preflight.noise.emplace();
  preflight.noise->law = {1, tau2};
  return preflight;
}

Preflight biased(bool significant) {
  Preflight preflight = measured();
  NormalizationBias& bias = preflight.normalization_bias.emplace();
  bias.significant = significant;
  bias.same_batch = significant ? -0.5 : 0.1;
  bias.false_alarm = 1e-3;
  bias.points = 3;
  bias.searched = true;
  return preflight;
}

Goal by(const std::string& method, std::map<std::string, std::string> options = {}) {
  Goal goal;
  goal.method = method;
  goal.method_options = std::move(options);
  goal.sampled_problem = true;
  return goal;
}

const Decision* decision_of(const Plan& plan, const std::string& what) {
  const auto found = std::ranges::find(plan.decisions, what, &Decision::what);
  return found == plan.decisions.end() ? nullptr : &*found;
}

double number(const Plan& plan, const std::string& key) { return std::stod(plan.options.at(key)); }

double typical(double norm) { return (l0 + l1 * std::pow(norm, alpha)) / spread; }

TEST(MeasuredSteps, SgdIsSafeAtTheStart) {
  const Plan plan = make_plan(sampled(), measured(), by("sgd"));
  EXPECT_NEAR(number(plan, "eta") * typical(start), 0.7, 1e-12);
  EXPECT_FALSE(plan.options.contains("threshold"));
  ASSERT_TRUE(decision_of(plan, "stepsize"));
  EXPECT_NE(decision_of(plan, "stepsize")->because.find("at the start"), std::string::npos);
}

TEST(MeasuredSteps, ClippingBeginsWhereTheLawTurns) {
  const double turning = std::pow(l0 / l1, 1 / alpha);  // 25, between noise and start
  for (const auto& [method, factor, exponent] :
       {std::tuple{"clipped-sgd", 1.0, 1.0}, {"ian-sgd", 2.0, 2.0 / 3}}) {
    SCOPED_TRACE(method);
    const Plan plan = make_plan(sampled(), measured(), by(method));
    EXPECT_NEAR(number(plan, "threshold"), factor * turning, 1e-9);
    // Below the threshold a gradient is multiplied by stepsize / threshold^exponent.
    EXPECT_NEAR(number(plan, "stepsize") / std::pow(factor * turning, exponent) * typical(turning),
                0.7, 1e-9);
    EXPECT_TRUE(decision_of(plan, "threshold"));
    // A threshold of the user stays, and the multiplier below it is the same.
    const Plan given = make_plan(sampled(), measured(), by(method, {{"threshold", "7"}}));
    EXPECT_EQ(given.options.at("threshold"), "7");
    EXPECT_NEAR(number(given, "stepsize") / std::pow(7, exponent) * typical(turning), 0.7, 1e-9);
    EXPECT_FALSE(decision_of(given, "threshold"));
  }
}

TEST(MeasuredSteps, TheTurningNormStaysWithinTheRun) {
  // L0 / L1 beyond the start: never clipped before it.
  Preflight flat = measured();
  flat.curvature->law.l1 = 1e-9;
  EXPECT_NEAR(number(make_plan(sampled(), flat, by("clipped-sgd")), "threshold"), start, 1e-6);
  // And below the noise of a batch of 64: not lower than that.
  Preflight steep = measured();
  steep.curvature->law.l0 = 1e-9;
  EXPECT_NEAR(number(make_plan(sampled(), steep, by("clipped-sgd")), "threshold"), tau2 / 8, 1e-9);
}

TEST(MeasuredSteps, NormalizedStepsFitMidwayToTheNoise) {
  const double middle = std::sqrt(start * tau2 / 8);
  for (const auto& [method, exponent] : {std::pair{"normalized", 2.0 / 3}, {"spider", 1.0}}) {
    SCOPED_TRACE(method);
    const Plan plan = make_plan(sampled(), measured(), by(method));
    EXPECT_NEAR(number(plan, "stepsize") * std::pow(middle, -exponent) * typical(middle), 0.7,
                1e-9);
  }
  // The schedule without parameters shrinks by itself from the start.
  const Plan momentum = make_plan(sampled(), measured(), by("nsgd-momentum"));
  EXPECT_NEAR(number(momentum, "stepsize") / start * typical(start), 0.7, 1e-9);
}

TEST(MeasuredSteps, AScheduleEndsWithTheRun) {
  Goal goal = by("ian-sgd");
  goal.max_steps = 123;
  const Plan plan = make_plan(sampled(), measured(), goal);
  EXPECT_EQ(plan.options.at("schedule"), "cosine");
  EXPECT_EQ(plan.options.at("horizon"), "123");
  ASSERT_TRUE(decision_of(plan, "schedule"));
  EXPECT_EQ(decision_of(plan, "schedule")->rejected.front().option, "constant");
  // With a stepsize of the user nothing is added; a schedule of his has the horizon of the run.
  const Plan given = make_plan(sampled(), measured(), by("ian-sgd", {{"stepsize", "0.1"}}));
  EXPECT_FALSE(given.options.contains("schedule"));
  EXPECT_FALSE(given.options.contains("horizon"));
  goal.method_options = {{"stepsize", "0.1"}, {"schedule", "step"}};
  EXPECT_EQ(make_plan(sampled(), measured(), goal).options.at("horizon"), "123");
}

TEST(MeasuredSteps, NothingIsChosenFromNothing) {
  Preflight bare;
  bare.initial_loss = 1;
  bare.initial_gradient_norm = 1;
  for (const char* method : {"sgd", "ian-sgd", "clipped-sgd", "normalized", "spider"}) {
    const Plan plan = make_plan(sampled(), bare, by(method));
    EXPECT_FALSE(plan.options.contains("stepsize")) << method;
    EXPECT_FALSE(plan.options.contains("eta")) << method;
    EXPECT_FALSE(decision_of(plan, "sampling")) << method;
  }
}

TEST(Batches, AFifthOfFewSamplesAndNoneWithoutThem) {
  EXPECT_EQ(make_plan(sampled(3000), measured(), by("ian-sgd")).options.at("batch"), "64");
  EXPECT_EQ(make_plan(sampled(50), measured(), by("ian-sgd")).options.at("batch"), "10");
  EXPECT_EQ(make_plan(sampled(3), measured(), by("ian-sgd")).options.at("batch"), "1");
  EXPECT_EQ(make_plan(sampled(50), measured(), by("normalized")).options.at("batch"), "10");
  Goal table = by("normalized");
  table.sampled_problem = false;  // few rows of a table: all of them
  EXPECT_FALSE(make_plan(sampled(50), measured(), table).options.contains("batch"));
  ProblemSize single = sampled(1);
  single.sampled = false;
  EXPECT_FALSE(make_plan(single, measured(), by("normalized")).options.contains("batch"));
}

TEST(SamplingDecision, SaysWhatWasMeasuredAndWhatWasAskedFor) {
  const Plan fair = make_plan(sampled(), biased(false), by("clipped-sgd"));
  ASSERT_TRUE(decision_of(fair, "sampling"));
  EXPECT_EQ(decision_of(fair, "sampling")->chosen, "same-batch");
  EXPECT_TRUE(decision_of(fair, "sampling")->rejected.empty());

  for (const char* method : {"clipped-sgd", "normalized"}) {
    const Plan against = make_plan(sampled(), biased(true), by(method));
    const Decision* decision = decision_of(against, "sampling");
    ASSERT_TRUE(decision) << method;
    EXPECT_EQ(decision->chosen, "same-batch");
    EXPECT_NE(decision->because.find("against the measurement"), std::string::npos);
    EXPECT_EQ(decision->rejected.front().option, "independent");
  }

  const Plan independent = make_plan(sampled(), biased(true), by("ian-sgd"));
  EXPECT_EQ(decision_of(independent, "sampling")->chosen, "independent");
  EXPECT_TRUE(decision_of(independent, "sampling")->rejected.empty());
  const Plan needless = make_plan(sampled(), biased(false), by("ian-sgd"));
  EXPECT_EQ(decision_of(needless, "sampling")->rejected.front().option, "same-batch");
  const Plan same = make_plan(sampled(), biased(true), by("ian-sgd", {{"independent-batch", "0"}}));
  EXPECT_EQ(decision_of(same, "sampling")->chosen, "same-batch");
  EXPECT_EQ(decision_of(same, "sampling")->rejected.front().option, "independent");
}

TEST(SamplingDecision, IsNoneWhereNothingIsSampledOrDivided) {
  EXPECT_FALSE(decision_of(make_plan(sampled(), biased(true), by("sgd")), "sampling"));
  EXPECT_FALSE(decision_of(make_plan(sampled(), biased(true), by("spider")), "sampling"));
  const Plan full = make_plan(sampled(), biased(true), by("normalized", {{"batch", "0"}}));
  EXPECT_FALSE(decision_of(full, "sampling"));
}

TEST(ForecastOfNormalizedSteps, RegimesByTheExponent) {
  ProblemSize size = sampled(1);
  size.sampled = false;
  Preflight preflight = measured();
  preflight.noise.reset();
  preflight.dominance = power_dominance(4);  // rho 4/3: linear at beta = 2/3
  const auto forecast_of = [&](const char* exponent) {
    const Plan plan = make_plan(size, preflight,
                                by("normalized", {{"exponent", exponent}, {"stepsize", "0.01"}}));
    return make_forecast(size, preflight, plan, 0);
  };
  const Forecast sublinear = forecast_of("0.3333333333333333");
  EXPECT_EQ(sublinear.regime, "sublinear");
  EXPECT_NEAR(sublinear.exponent.value_or(0), -4, 1e-9);
  EXPECT_FALSE(sublinear.step_floor);  // the step shrinks faster than the curvature grows
  EXPECT_EQ(forecast_of("0.6666666666666667").regime, "linear");
  const Forecast finite = forecast_of("1");
  EXPECT_EQ(finite.regime, "finite");
  EXPECT_FALSE(finite.exponent);
  EXPECT_GT(finite.step_floor.value_or(0), 0);
}

TEST(ForecastOfSamples, IsMadeOfWhatWasMeasured) {
  const ProblemSize size = sampled();
  const auto samples_of = [&](const Preflight& preflight) {
    const Plan plan = make_plan(size, preflight, by("ian-sgd", {{"eps", "1"}}));
    return make_forecast(size, preflight, plan, 0).samples;
  };
  const auto usual = samples_of(measured());
  ASSERT_TRUE(usual);
  Preflight noisier = measured();
  noisier.noise->law.tau2 *= 3;
  EXPECT_GT(samples_of(noisier).value_or(0), *usual);
  Preflight unknown = measured();
  unknown.noise.reset();
  EXPECT_FALSE(samples_of(unknown));
}

}  // namespace
}  // namespace thalweg
