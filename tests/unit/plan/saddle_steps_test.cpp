// What methods that leave saddles get from the curvature bound, and what they promise.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalweg/method/saddle_theory.hpp"
#include "thalweg/plan/planner.hpp"

namespace thalweg {
namespace {

ProblemSize two_parameters() {
  ProblemSize size;
  size.samples = 1;
  size.parameters = 2;
  size.composite = false;
  return size;
}

// The quartic saddle from (0, 2), or the same numbers from a measurement.
Preflight measured(CurvatureBound::Source source = CurvatureBound::Source::closed_form) {
  Preflight preflight;
  preflight.initial_loss = 2.25;
  preflight.initial_gradient_norm = 2;
  ValueCurvature& curvature = preflight.value_curvature.emplace();
  curvature.source = source;
  curvature.gap = 2.25;
  curvature.smoothness = 14.37;
  curvature.hessian_lipschitz = 13.58;
  curvature.radius = 0.5;  // far beyond what an escape travels
  return preflight;
}

Goal by(const std::string& method, std::map<std::string, std::string> options = {}) {
  Goal goal;
  goal.method = method;
  goal.method_options = std::move(options);
  goal.until_rounding = true;
  return goal;
}

double number(const Plan& plan, const std::string& key) { return std::stod(plan.options.at(key)); }

TEST(SaddleSteps, AllConstantsArePlannedFromTheBoundAndEps) {
  const Plan plan = make_plan(two_parameters(), measured(), by("perturbed", {{"eps", "1e-3"}}));
  const SaddleConstants constants{.smoothness = 14.37, .hessian_lipschitz = 13.58, .gap = 2.25};
  const PerturbationRule rule = perturbation_rule(constants, 2, 1e-3, 0.1, SaddlePreset::published);
  EXPECT_EQ(number(plan, "eps"), 1e-3);
  EXPECT_EQ(number(plan, "stepsize"), rule.stepsize);
  EXPECT_EQ(number(plan, "radius"), rule.radius);
  EXPECT_EQ(number(plan, "waiting"), rule.waiting);
  EXPECT_EQ(number(plan, "decrease"), rule.decrease);
  EXPECT_EQ(plan.gradient_tolerance, 1e-3);
  for (const char* what : {"curvature", "perturbation"})
    EXPECT_TRUE(std::ranges::any_of(plan.decisions, [&](const Decision& d) {
      return d.what == what;
    })) << what;
  EXPECT_FALSE(plan.options.contains("smoothness")) << "the problem states it";
}

TEST(SaddleSteps, TheDefaultEpsIsTheFirstOrderTolerance) {
  const Plan plan = make_plan(two_parameters(), measured(), by("negative-curvature"));
  EXPECT_EQ(number(plan, "eps"), 2e-3);
}

TEST(SaddleSteps, WhatIsGivenStays) {
  const Plan plan = make_plan(two_parameters(), measured(),
                              by("perturbed", {{"radius", "0.01"}, {"waiting", "77"}}));
  EXPECT_EQ(plan.options.at("radius"), "0.01");
  EXPECT_EQ(plan.options.at("waiting"), "77");
  EXPECT_GT(number(plan, "decrease"), 0);
}

TEST(SaddleSteps, MeasuredConstantsAreHandedOnAndPromisedWithLess) {
  const Preflight preflight = measured(CurvatureBound::Source::measured);
  const Plan plan = make_plan(two_parameters(), preflight, by("perturbed", {{"eps", "1e-3"}}));
  EXPECT_EQ(number(plan, "smoothness"), 14.37);
  const auto status_of_bound = [&](const Preflight& measurement) {
    const Plan its = make_plan(two_parameters(), measurement, by("perturbed", {{"eps", "1e-3"}}));
    const Forecast forecast = make_forecast(two_parameters(), measurement, its, 1e9);
    EXPECT_TRUE(forecast.claims_second_order);
    const auto found = std::ranges::find_if(forecast.assumptions, [](const Assumption& a) {
      return a.text.starts_with("second-order stationary after");
    });
    EXPECT_NE(found, forecast.assumptions.end());
    return found->status;
  };
  EXPECT_EQ(status_of_bound(preflight), Status::unknown);
  EXPECT_EQ(status_of_bound(measured()), Status::pass);
}

TEST(SaddleSteps, RestartsArePlannedFromTheNoise) {
  Preflight preflight = measured();
  preflight.noise.emplace();
  preflight.noise->law = {.tau1 = 0, .tau2 = 8};
  ProblemSize size = two_parameters();
  size.samples = 1000;
  size.sampled = true;
  const Plan plan = make_plan(size, preflight, by("restarted", {{"eps", "1e-3"}, {"batch", "64"}}));
  const SaddleConstants constants{.smoothness = 14.37, .hessian_lipschitz = 13.58, .gap = 2.25};
  const RestartRule rule =
      restart_rule(constants, 2, 1e-3, 0.1, 1 + 1e-6, 0, SaddlePreset::practical);
  EXPECT_NEAR(number(plan, "stepsize") / rule.stepsize, 1, 1e-12);
  EXPECT_EQ(number(plan, "radius"), rule.radius);
  EXPECT_NEAR(number(plan, "waiting") / rule.waiting, 1, 1e-3);
  EXPECT_EQ(number(plan, "noise"), 1e-3);
}

TEST(SaddleSteps, NegativeCurvaturePromisesOneRhoAndFollowsTheValue) {
  const Plan stated = make_plan(two_parameters(), measured(), by("negative-curvature"));
  EXPECT_FALSE(stated.options.contains("hessian-lipschitz"));
  const Plan plan = make_plan(two_parameters(), measured(CurvatureBound::Source::measured),
                              by("negative-curvature"));
  EXPECT_EQ(number(plan, "hessian-lipschitz"), 13.58);
  EXPECT_FALSE(plan.options.contains("smoothness"));
}

TEST(SaddleSteps, ConstantsInThePlaceOfStatedOnesAreCalledGiven) {
  for (const char* method : {"perturbed", "tamed", "restarted"}) {
    const Plan plan = make_plan(two_parameters(), measured(), by(method, {{"smoothness", "20"}}));
    const auto found = std::ranges::find(plan.decisions, "curvature", &Decision::what);
    ASSERT_NE(found, plan.decisions.end()) << method;
    EXPECT_EQ(found->because, "given at f(x0) + 2") << method;
  }
}

TEST(SaddleSteps, OnlyMethodsThatDeliverItClaimTheSecondOrder) {
  const auto claims = [](const std::string& method, std::map<std::string, std::string> options) {
    const Plan plan = make_plan(two_parameters(), measured(), by(method, std::move(options)));
    return make_forecast(two_parameters(), measured(), plan, 1e9).claims_second_order;
  };
  EXPECT_TRUE(claims("perturbed", {}));
  EXPECT_TRUE(claims("negative-curvature", {}));
  EXPECT_TRUE(claims("tamed", {{"perturbed", "true"}}));
  EXPECT_FALSE(claims("tamed", {}));
  EXPECT_FALSE(claims("gd", {}));
  EXPECT_FALSE(claims("gd", {{"escape", "on"}}));
}

TEST(SaddleSteps, EscapeGetsTheToleranceOfThePlan) {
  const Plan plan = make_plan(two_parameters(), measured(), by("lbfgs", {{"escape", "on"}}));
  EXPECT_EQ(number(plan, "escape-eps"), 2e-3);
}

}  // namespace
}  // namespace thalweg
