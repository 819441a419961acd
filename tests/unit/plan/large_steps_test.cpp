// Decisions and promises about linear models of classes, from made-up measurements.
#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/method/large_step_theory.hpp"
#include "thalweg/plan/planner.hpp"

namespace thalweg {
namespace {

constexpr double row_norm = 4;

ProblemSize linear_classes(Index samples, int classes = 2) {
  ProblemSize size;
  size.samples = samples;
  size.outputs_per_sample = classes == 2 ? 1 : classes;
  size.inputs = 10;
  size.parameters = 11 * size.outputs_per_sample;
  size.classification = size.linear = true;
  size.classes = classes;
  return size;
}

Preflight separable(double margin) {
  Preflight preflight;
  preflight.initial_loss = std::log(2.0);
  preflight.initial_gradient_norm = 1;
  preflight.memory.limit = 4e9;
  preflight.separability.emplace();
  preflight.separability->verdict = Separable::yes;
  preflight.separability->margin_lower = preflight.separability->margin_upper = margin;
  preflight.separability->row_norm = row_norm;
  preflight.safe_stepsize = 0.5;
  return preflight;
}

Preflight overlapping() {
  Preflight preflight = separable(0.1);
  preflight.separability->verdict = Separable::no;
  preflight.separability->margin_lower = preflight.separability->margin_upper = 0;
  preflight.critical_step = CriticalStep{40, 0.05, 1e-12, true};
  return preflight;
}

Goal budget(std::int64_t steps, std::optional<std::string> method = {}) {
  Goal goal;
  goal.budget = steps;
  goal.method = std::move(method);
  return goal;
}

double option_number(const Plan& plan, const std::string& key) {
  return std::stod(plan.options.at(key));
}

std::string why_not(const Plan& plan, const std::string& method) {
  for (const Decision& decision : plan.decisions)
    for (const Rejected& rejected : decision.rejected)
      if (rejected.option == method) return rejected.why;
  return {};
}

const Assumption* find(const Forecast& forecast, const std::string& part) {
  for (const Assumption& assumption : forecast.assumptions)
    if (assumption.text.find(part) != std::string::npos) return &assumption;
  return nullptr;
}

TEST(LargeStepPlan, TheBudgetSetsTheProvedStepsizeOrThePracticalOne) {
  const ProblemSize size = linear_classes(100);
  const Preflight preflight = separable(0.1);
  Goal goal = budget(5000, "large-step");
  const double scale = 0.1 * 0.1 * 5000 / (row_norm * row_norm);
  const Plan proved = make_plan(size, preflight, goal);
  EXPECT_DOUBLE_EQ(option_number(proved, "eta"), scale / 120);
  EXPECT_EQ(proved.max_steps, 5000);
  EXPECT_TRUE(proved.takes_all_steps);
  EXPECT_FALSE(proved.gradient_tolerance);

  goal.method_options["budget-rule"] = "practical";
  const Plan practical = make_plan(size, preflight, goal);
  EXPECT_DOUBLE_EQ(option_number(practical, "eta"), scale / 4);
  EXPECT_FALSE(practical.options.contains("budget-rule")) << "no option of the method";

  goal.method_options["budget-rule"] = "bold";
  EXPECT_THROW(make_plan(size, preflight, goal), UsageError);
}

TEST(LargeStepPlan, AGivenStepsizeUnderEitherNameIsKept) {
  for (const char* key : {"eta", "stepsize"}) {
    Goal goal = budget(5000, "large-step");
    goal.method_options[key] = "8";
    const Plan plan = make_plan(linear_classes(100), separable(0.1), goal);
    EXPECT_EQ(plan.options.at(key), "8");
    EXPECT_EQ(plan.options.contains("eta") + plan.options.contains("stepsize"), 1);
  }
}

TEST(LargeStepPlan, ABudgetPastTheBurnInPicksTheAdaptiveMethod) {
  const Plan plan = make_plan(linear_classes(100), separable(0.1), budget(201));
  EXPECT_EQ(plan.method, "large-step-adaptive");
  EXPECT_DOUBLE_EQ(option_number(plan, "margin"), 0.1);
  EXPECT_DOUBLE_EQ(option_number(plan, "row-norm"), row_norm);
  EXPECT_GT(option_number(plan, "eta"), 0);
}

TEST(LargeStepPlan, AHopelessBurnInIsSaidAndAnotherMethodTaken) {
  const Plan plan = make_plan(linear_classes(569), separable(6.77e-5), budget(100000));
  EXPECT_EQ(plan.method, "newton");
  EXPECT_NE(why_not(plan, "large-step-adaptive").find("2.2e+08"), std::string::npos);
}

TEST(LargeStepPlan, OverlappingClassesGetNewtonAndNoPromise) {
  EXPECT_EQ(make_plan(linear_classes(100), overlapping(), budget(10000)).method, "newton");
  const Plan plan = make_plan(linear_classes(100), overlapping(), budget(10000, "large-step"));
  EXPECT_DOUBLE_EQ(option_number(plan, "eta"), 0.5) << "the safe stepsize";
  const Forecast forecast = make_forecast(linear_classes(100), overlapping(), plan, 1e9);
  EXPECT_FALSE(forecast.log_loss_bound);
  EXPECT_FALSE(forecast.claims_rate);
  ASSERT_TRUE(find(forecast, "critical step"));
  EXPECT_EQ(find(forecast, "critical step")->status, Status::pass);
}

TEST(LargeStepPlan, AStepsizeBeyondTheCriticalOneFailsItsAssumption) {
  Goal goal = budget(10000, "large-step");
  goal.method_options["eta"] = "41";
  const Plan plan = make_plan(linear_classes(100), overlapping(), goal);
  const Forecast forecast = make_forecast(linear_classes(100), overlapping(), plan, 1e9);
  EXPECT_EQ(find(forecast, "critical step")->status, Status::fail);
}

TEST(LargeStepForecast, PromisesTheBoundOfTheTheoremForTheStepsOfTheBudget) {
  const ProblemSize size = linear_classes(100);
  const Preflight preflight = separable(0.1);
  const Plan plan = make_plan(size, preflight, budget(2000000, "large-step"));
  const Forecast forecast = make_forecast(size, preflight, plan, 1e9);
  const SeparableRows rows{0.1, row_norm, 100};
  ASSERT_TRUE(forecast.log_loss_bound && forecast.transition_bound);
  EXPECT_DOUBLE_EQ(*forecast.log_loss_bound,
                   ln_best_loss_bound(rows, option_number(plan, "eta"), 2000000));
  EXPECT_LE(*forecast.transition_bound, 1000000) << "corollary 2: by half of the budget";
  EXPECT_TRUE(forecast.claims_rate);
  EXPECT_EQ(forecast.claims_separates, *forecast.log_loss_bound < std::log(std::log(2.0) / 100));
}

TEST(LargeStepForecast, PromisesNothingFromAnotherStartOrWithARamp) {
  const ProblemSize size = linear_classes(100);
  Preflight preflight = separable(0.1);
  Goal goal = budget(2000000, "large-step");
  preflight.start_norm = 1;
  EXPECT_FALSE(
      make_forecast(size, preflight, make_plan(size, preflight, goal), 1e9).log_loss_bound);
  preflight.start_norm = 0;
  goal.method_options["stages"] = "3";
  EXPECT_FALSE(
      make_forecast(size, preflight, make_plan(size, preflight, goal), 1e9).log_loss_bound);
}

TEST(LargeStepForecast, TheAdaptiveBoundNeedsItsBurnIn) {
  const ProblemSize size = linear_classes(100);
  const Preflight preflight = separable(0.1);
  for (const std::int64_t steps : {150, 400}) {
    const Plan plan = make_plan(size, preflight, budget(steps, "large-step-adaptive"));
    const Forecast forecast = make_forecast(size, preflight, plan, 1e9);
    ASSERT_TRUE(find(forecast, "burn-in"));
    EXPECT_DOUBLE_EQ(*find(forecast, "burn-in")->measured, 1 / (0.1 * 0.1));
    EXPECT_EQ(find(forecast, "burn-in")->status, steps >= 200 ? Status::pass : Status::fail);
    // ln L <= -(eta R^2 / 2)(gamma^2 t - 1), written out.
    const double eta = option_number(plan, "eta");
    const double bound = -(eta * row_norm * row_norm / 2) * (0.01 * static_cast<double>(steps) - 1);
    EXPECT_NEAR(*forecast.log_loss_bound, bound, 1e-9 * std::abs(bound));
  }
}

TEST(LargeStepForecast, ANetworkIsToldTheWidthThatTheTheoremAsksFor) {
  ProblemSize size = linear_classes(100);
  size.linear = false;
  size.hidden = {64};
  Preflight preflight = separable(0.05);
  preflight.rank.emplace();
  preflight.rank->sigma_max = 20;
  const Plan plan = make_plan(size, preflight, budget(1000, "large-step"));
  EXPECT_DOUBLE_EQ(option_number(plan, "eta"), 8 * 100 / (0.25 * 400));
  const Forecast forecast = make_forecast(size, preflight, plan, 1e9);
  ASSERT_TRUE(find(forecast, "width"));
  EXPECT_EQ(find(forecast, "width")->status, Status::fail);
  EXPECT_FALSE(forecast.log_loss_bound) << "no promise outside the regime";
}

TEST(ChooseHidden, ClassesThatOutnumberTheUnitsOfALayerGetALinearModel) {
  std::vector<Decision> decisions;
  EXPECT_TRUE(choose_hidden(1437, 64, 10, true, {}, decisions).empty());
  EXPECT_EQ(decisions.back().chosen, "linear");
  EXPECT_FALSE(choose_hidden(1437, 8, 1, true, {}, decisions).empty());
  EXPECT_TRUE(choose_hidden(1437, 8, 3, true, {}, decisions).empty()) << "no validation rows";
  Goal validated;
  validated.validation = true;
  EXPECT_FALSE(choose_hidden(1437, 8, 3, true, validated, decisions).empty());
  Goal goal;
  goal.method = "large-step";
  EXPECT_TRUE(choose_hidden(1437, 8, 1, true, goal, decisions).empty());
}

}  // namespace
}  // namespace thalweg
