#include "thalweg/plan/planner.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

ProblemSize network_size(Index samples, Index inputs, std::vector<Index> hidden,
                         Index outputs = 1) {
  ProblemSize size;
  size.samples = samples;
  size.outputs_per_sample = outputs;
  size.inputs = inputs;
  size.hidden = std::move(hidden);
  Index in = inputs;
  for (const Index width : size.hidden) {
    size.parameters += (in + 1) * width;
    in = width;
  }
  size.parameters += (in + 1) * outputs;
  return size;
}

Preflight measured(const ProblemSize& size, std::optional<bool> full, double condition = 1e3) {
  Preflight preflight;
  preflight.initial_loss = 0.5;
  preflight.initial_gradient_norm = 2;
  RankReport rank;
  rank.rows = size.outputs();
  rank.columns = size.parameters;
  const Index most = std::min(rank.rows, rank.columns);
  rank.full = full;
  rank.rank = full.value_or(false) ? most : most - 1;
  rank.sigma_max = 1;
  rank.tolerance = 1e-12;
  if (full.value_or(false)) {
    rank.condition = condition;
    rank.sigma_min = 1 / condition;
    rank.floor = 0;
  } else if (full) {
    rank.floor = 0.03;
  }
  rank.conflicting_duplicates = 0;
  rank.residual_norm = std::sqrt(2 * preflight.initial_loss * static_cast<double>(size.samples));
  rank.curvature = 1e-8;
  rank.curvature_ratio = *rank.curvature * *rank.residual_norm * condition * condition;
  rank.trial_reduction = 0.5;
  preflight.rank = rank;
  preflight.memory.limit = 4e9;
  return preflight;
}

const ProblemSize wide = network_size(50, 8, {64, 64});   // n = 4801 >= m = 50
const ProblemSize tall = network_size(800, 8, {16, 16});  // n = 433 < m = 800

bool same(const Plan& a, const Plan& b) {
  if (a.method != b.method || a.options != b.options || a.max_steps != b.max_steps) return false;
  if (a.target_loss != b.target_loss || a.gradient_tolerance != b.gradient_tolerance) return false;
  if (a.decisions.size() != b.decisions.size()) return false;
  for (std::size_t i = 0; i < a.decisions.size(); ++i)
    if (a.decisions[i].chosen != b.decisions[i].chosen ||
        a.decisions[i].because != b.decisions[i].because)
      return false;
  return true;
}

// ---- method

TEST(MakePlan, TakesLevenbergMarquardtForATableAndSaysWhyNotTheOthers) {
  Goal goal;
  goal.validation = true;
  const Plan plan = make_plan(tall, measured(tall, true), goal);
  EXPECT_EQ(plan.method, "levenberg-marquardt");
  ASSERT_FALSE(plan.decisions.empty());
  const Decision& decision = plan.decisions.front();
  EXPECT_EQ(decision.what, "method");
  EXPECT_NE(decision.because.find("433 of 433"), std::string::npos) << decision.because;
  ASSERT_EQ(decision.rejected.size(), 3U);
  for (const Rejected& rejected : decision.rejected) EXPECT_FALSE(rejected.why.empty());
}

TEST(MakePlan, TakesTheAdaptedFlowOnlyWhereItsPromiseHoldsAndWasAskedFor) {
  Goal goal;
  EXPECT_NE(make_plan(wide, measured(wide, true, 1e2), goal).method, "adapted-flow");
  goal.target_loss = 1e-6;
  EXPECT_EQ(make_plan(wide, measured(wide, true, 1e2), goal).method, "adapted-flow");
  EXPECT_NE(make_plan(wide, measured(wide, true, 1e6), goal).method, "adapted-flow");
  EXPECT_NE(make_plan(wide, measured(wide, false), goal).method, "adapted-flow");
  EXPECT_NE(make_plan(wide, measured(wide, std::nullopt), goal).method, "adapted-flow");
  EXPECT_NE(make_plan(tall, measured(tall, true, 1e2), goal).method, "adapted-flow");
  goal.validation = true;
  EXPECT_NE(make_plan(wide, measured(wide, true, 1e2), goal).method, "adapted-flow");
}

TEST(MakePlan, ARobustLinearModelTakesNewton) {
  ProblemSize size = network_size(200, 5, {});
  size.linear = true;
  EXPECT_EQ(make_plan(size, measured(size, true), {}).method, "levenberg-marquardt");
  size.squared = false;
  EXPECT_EQ(make_plan(size, measured(size, true), {}).method, "newton");
  size.linear = false;
  EXPECT_EQ(make_plan(size, measured(size, true), {}).method, "levenberg-marquardt");
}

TEST(MakePlan, TakesLbfgsWhereAnExactStepDoesNotPayOrFit) {
  const ProblemSize huge = network_size(500000, 50, {256, 256});
  EXPECT_EQ(make_plan(huge, measured(huge, std::nullopt), {}).method, "lbfgs");
  Preflight little = measured(tall, true);
  little.memory.limit = 2e6;
  EXPECT_EQ(make_plan(tall, little, {}).method, "lbfgs");
  ProblemSize gradients_only = tall;
  gradients_only.composite = false;
  EXPECT_EQ(make_plan(gradients_only, {}, {}).method, "lbfgs");
}

TEST(MakePlan, ClassesTakeAnExactStepUpToFifteenHundredParameters) {
  ProblemSize classes = network_size(1000, 20, {20, 20}, 3);
  classes.classification = true;
  EXPECT_EQ(make_plan(classes, measured(classes, true), {}).method, "levenberg-marquardt");
  classes = network_size(1000, 20, {64, 64}, 3);
  classes.classification = true;
  EXPECT_EQ(make_plan(classes, measured(classes, true), {}).method, "lbfgs");
}

TEST(MakePlan, KeepsTheMethodThatWasAskedFor) {
  Goal goal;
  goal.method = "adam";
  goal.method_options = {{"stepsize", "0.1"}};
  const Plan plan = make_plan(tall, measured(tall, true), goal);
  EXPECT_EQ(plan.method, "adam");
  EXPECT_EQ(plan.options.at("stepsize"), "0.1");
  EXPECT_TRUE(plan.decisions.front().rejected.empty());
}

// ---- what ends the run

TEST(MakePlan, FirstOrderToleranceIsTheContracts) {
  const Plan plan = make_plan(tall, measured(tall, true), {});
  EXPECT_DOUBLE_EQ(*plan.gradient_tolerance, 2e-3);  // 1e-3 max(1, 2)
  EXPECT_FALSE(plan.target_loss.has_value());
  Preflight flat = measured(tall, true);
  flat.initial_gradient_norm = 0.1;
  EXPECT_DOUBLE_EQ(*make_plan(tall, flat, {}).gradient_tolerance, 1e-3);
}

TEST(MakePlan, ATargetLossReplacesTheTolerance) {
  Goal goal;
  goal.target_loss = 1e-4;
  const Plan plan = make_plan(tall, measured(tall, true), goal);
  EXPECT_EQ(plan.target_loss, 1e-4);
  EXPECT_FALSE(plan.gradient_tolerance.has_value());
  EXPECT_EQ(plan.max_steps, 10000);
}

TEST(MakePlan, WithMaxStepsAloneAllStepsAreTaken) {
  for (const char* method : {"auto", "adapted-flow", "levenberg-marquardt", "gd"}) {
    Goal goal;
    goal.method = method;
    goal.max_steps = 17;
    const Plan plan = make_plan(wide, measured(wide, true), goal);
    EXPECT_FALSE(plan.target_loss.has_value());
    EXPECT_FALSE(plan.gradient_tolerance.has_value());
    EXPECT_EQ(plan.max_steps, 17);
    EXPECT_TRUE(plan.takes_all_steps);
    EXPECT_EQ(*make_forecast(wide, measured(wide, true), plan, 1e9).steps, 17);
  }
}

TEST(MakePlan, EpsIsTakenOutOfTheMethodsOptions) {
  Goal goal;
  goal.method = "gd";
  goal.method_options = {{"eps", "1e-5"}, {"stepsize", "0.5"}};
  const Plan plan = make_plan(tall, measured(tall, true), goal);
  EXPECT_EQ(*plan.gradient_tolerance, 1e-5);
  EXPECT_EQ(plan.options.count("eps"), 0U);
  EXPECT_EQ(plan.options.count("stepsize"), 1U);
  for (const char* wrong : {"0", "-1", "x", "1e-3 ", "nan", "inf", ""}) {
    goal.method_options["eps"] = wrong;
    EXPECT_THROW(make_plan(tall, measured(tall, true), goal), UsageError) << wrong;
  }
}

TEST(MakePlan, RefusesATargetLossThatIsNoPositiveNumber) {
  for (const double wrong : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    Goal goal;
    goal.target_loss = wrong;
    EXPECT_THROW(make_plan(tall, measured(tall, true), goal), UsageError);
  }
}

TEST(MakePlan, ValidationDecidesAlone) {
  Goal goal;
  goal.validation = true;
  const Plan plan = make_plan(tall, measured(tall, true), goal);
  EXPECT_FALSE(plan.target_loss.has_value());
  EXPECT_FALSE(plan.gradient_tolerance.has_value());
  EXPECT_FALSE(plan.takes_all_steps);
  EXPECT_TRUE(plan.may_end_early);
}

TEST(MakePlan, WhereThePointIsWantedLeastSquaresRunUntilRounding) {
  Goal goal;
  goal.until_rounding = true;
  ProblemSize size;
  size.samples = 14;
  size.parameters = 2;
  const Plan plan = make_plan(size, measured(size, true), goal);
  EXPECT_EQ(plan.method, "levenberg-marquardt");
  EXPECT_FALSE(plan.gradient_tolerance.has_value());
  EXPECT_EQ(plan.max_steps, 10000);
  goal.method = "gd";
  EXPECT_EQ(*make_plan(size, measured(size, true), goal).gradient_tolerance, 1e-8);
}

// ---- adapted flow

TEST(MakePlan, TheAdaptedFlowGetsItsStoppingTime) {
  Goal goal;
  goal.method = "adapted-flow";
  const Preflight preflight = measured(wide, true);
  const Plan plan = make_plan(wide, preflight, goal);
  EXPECT_DOUBLE_EQ(*plan.target_loss, 0.5e-8);
  const double expected = 25 * std::log(1e8);  // (N/2) ln(C0 / target)
  EXPECT_NEAR(std::stod(plan.options.at("flow-time")), expected, 1e-10);
  const Forecast forecast = make_forecast(wide, preflight, plan, 1e9);
  EXPECT_NEAR(*forecast.flow_time, expected, 1e-10);
  EXPECT_TRUE(forecast.claims_global_minimum);
  EXPECT_TRUE(forecast.claims_rate);
}

TEST(MakePlan, ARobustLossHasNoFlowTimeAndAToleranceOfItsOwnScale) {
  ProblemSize robust = wide;
  robust.squared = false;
  Preflight preflight = measured(robust, true, 1e2);
  preflight.rank->floor.reset();  // as measured for such a loss
  preflight.initial_gradient_norm = 2e-4;
  Goal goal;
  EXPECT_EQ(make_plan(robust, preflight, goal).gradient_tolerance, 1e-3 * 2e-4);
  EXPECT_EQ(make_plan(wide, preflight, goal).gradient_tolerance, 1e-3);
  goal.target_loss = 1e-6;
  EXPECT_NE(make_plan(robust, preflight, goal).method, "adapted-flow");
  goal.method = "adapted-flow";
  const Plan plan = make_plan(robust, preflight, goal);
  EXPECT_EQ(plan.options.count("flow-time"), 0U);
  const Forecast forecast = make_forecast(robust, preflight, plan, 1e9);
  EXPECT_FALSE(forecast.flow_time.has_value());
  EXPECT_FALSE(forecast.claims_global_minimum || forecast.claims_rate);
  EXPECT_TRUE(make_forecast(wide, preflight, make_plan(wide, preflight, goal), 1e9).flow_time);
  // Rank loss: how far the loss can fall is not known.
  preflight.rank->full = false;
  EXPECT_FALSE(make_forecast(robust, preflight, plan, 1e9).floor.has_value());
}

TEST(MakePlan, TheTauRuleEndsAtItsTargetNotAtAFlowTime) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.method_options = {{"integrator", "tau"}};
  for (const bool asked : {false, true}) {
    if (asked) goal.target_loss = 1e-6;
    const Preflight preflight = measured(wide, true);
    const Plan plan = make_plan(wide, preflight, goal);
    EXPECT_DOUBLE_EQ(*plan.target_loss, asked ? 1e-6 : 0.5e-8);
    EXPECT_EQ(plan.options.count("flow-time"), 0U);
    const Forecast forecast = make_forecast(wide, preflight, plan, 1e9);
    EXPECT_FALSE(forecast.flow_time.has_value());
    EXPECT_FALSE(forecast.claims_rate);
  }
}

TEST(MakePlan, AFlowTimeAskedForIsTheOneForecast) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.method_options = {{"flow-time", "20"}};
  const Preflight preflight = measured(wide, true);
  const Plan plan = make_plan(wide, preflight, goal);
  EXPECT_DOUBLE_EQ(*plan.target_loss, 0.5 * std::exp(-2 * 20.0 / 50));  // N = 50
  EXPECT_EQ(plan.options.at("flow-time"), "20");
  const Forecast forecast = make_forecast(wide, preflight, plan, 1e9);
  EXPECT_EQ(forecast.flow_time, 20.0);
  EXPECT_TRUE(forecast.claims_global_minimum);
  EXPECT_TRUE(forecast.claims_rate);

  goal.method_options["metric"] = "loss-hessian";  // rate 1 instead of 1/N
  const Plan newton = make_plan(wide, preflight, goal);
  EXPECT_DOUBLE_EQ(*newton.target_loss, 0.5 * std::exp(-2 * 20.0));
  EXPECT_EQ(make_forecast(wide, preflight, newton, 1e9).flow_time, 20.0);
}

TEST(MakePlan, RefusesAFlowTimeThatEndsBeforeTheTargetLoss) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.target_loss = 1e-6;
  const Preflight preflight = measured(wide, true);
  const double needed = 25 * std::log(0.5e6);  // (N/2) ln(C0 / target)
  goal.method_options["flow-time"] = "20";
  try {
    make_plan(wide, preflight, goal);
    FAIL() << "not refused";
  } catch (const UsageError& error) {
    EXPECT_NE(error.problem().find("flow-time"), std::string::npos) << error.problem();
    EXPECT_NE(error.problem().find("--target-loss"), std::string::npos) << error.problem();
    EXPECT_NE(error.remedy().find("flow-time=328.059"), std::string::npos) << error.remedy();
  }
  EXPECT_NEAR(needed, 328.059, 5e-4);
  // What the remedy names, and any longer time, reach the target.
  for (const double time : {328.059, needed, 400.0}) {
    goal.method_options["flow-time"] = std::to_string(time);
    const Plan plan = make_plan(wide, preflight, goal);
    EXPECT_EQ(plan.target_loss, 1e-6);
    EXPECT_NEAR(*make_forecast(wide, preflight, plan, 1e9).flow_time, time, 1e-6);
  }
  // Without the rank condition no loss is promised for a time: whichever comes first ends the run.
  goal.method_options["flow-time"] = "20";
  const Plan lost = make_plan(wide, measured(wide, false), goal);
  EXPECT_FALSE(make_forecast(wide, measured(wide, false), lost, 1e9).flow_time.has_value());
}

TEST(MakePlan, RefusesAFlowTimeThatIsNoNumber) {
  Goal goal;
  goal.method = "adapted-flow";
  for (const char* wrong : {"-1", "x", "20 ", "nan", "inf", ""}) {
    goal.method_options["flow-time"] = wrong;
    EXPECT_THROW(make_plan(wide, measured(wide, true), goal), UsageError) << wrong;
  }
}

TEST(MakeForecast, ATargetThatHoldsAtTheStartNeedsNoFlowTime) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.target_loss = 1;
  const Preflight preflight = measured(wide, true);  // the loss is 0.5
  const Plan plan = make_plan(wide, preflight, goal);
  EXPECT_EQ(plan.options.count("flow-time"), 0U);
  EXPECT_FALSE(make_forecast(wide, preflight, plan, 1e9).flow_time.has_value());
}

TEST(MakeForecast, AToleranceThatMayEndTheFlowSoonerTakesTheClaimOfTheTarget) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.target_loss = 1e-6;
  goal.method_options = {{"eps", "1e-2"}};
  const Preflight preflight = measured(wide, true);
  const Forecast forecast = make_forecast(wide, preflight, make_plan(wide, preflight, goal), 1e9);
  EXPECT_FALSE(forecast.claims_global_minimum);
  EXPECT_TRUE(forecast.claims_rate);
}

TEST(MakePlan, RankLossWithholdsTheStoppingTimeAndForecastsTheFloor) {
  Goal goal;
  goal.method = "adapted-flow";
  for (const bool asked : {false, true}) {
    if (asked) goal.target_loss = 1e-6;
    const Preflight preflight = measured(wide, false);
    const Plan plan = make_plan(wide, preflight, goal);
    EXPECT_EQ(plan.target_loss.has_value(), asked);
    EXPECT_EQ(plan.options.count("flow-time"), 0U);
    const Forecast forecast = make_forecast(wide, preflight, plan, 1e9);
    EXPECT_FALSE(forecast.flow_time.has_value());
    EXPECT_EQ(*forecast.floor, 0.03);
    EXPECT_FALSE(forecast.claims_global_minimum);
    EXPECT_FALSE(forecast.claims_rate);
    EXPECT_EQ(forecast.assumptions.front().status, Status::fail);
  }
}

TEST(MakePlan, ABoundedRunClaimsTheRateOnly) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.time_limit = 1;
  const Preflight preflight = measured(wide, true);
  const Forecast forecast = make_forecast(wide, preflight, make_plan(wide, preflight, goal), 1e9);
  EXPECT_FALSE(forecast.claims_global_minimum);
  EXPECT_TRUE(forecast.claims_rate);
}

TEST(MakeForecast, TheTauRuleIsCountedBeforehand) {
  Goal goal;
  goal.method = "adapted-flow";
  goal.method_options = {{"integrator", "tau"}};
  Preflight preflight = measured(wide, true, 10);
  // sigma = 0.1, beta chosen so that phase A has exactly 2 beta (|e0| - sigma^2/beta) / sigma^2 = 4
  // steps, that is |e0| = 3 sigma^2 / beta.
  const double norm = *preflight.rank->residual_norm;
  preflight.rank->curvature = 3 * 0.01 / norm;
  const Plan plan = make_plan(wide, preflight, goal);
  const Forecast forecast = make_forecast(wide, preflight, plan, 1e9);
  // Phase B from q = 1/2 to beta E / (2 sigma^2) with E = 1e-4 |e0|: 1.5e-4.
  const double phase_b = std::ceil(std::log2(std::log2(1 / 1.5e-4)));
  EXPECT_NEAR(*forecast.steps, 4 + phase_b, 1);  // the ceiling of 4 may round up
  EXPECT_FALSE(forecast.claims_rate);
}

TEST(MakeForecast, SecondsAreWorkOverRate) {
  const Preflight preflight = measured(tall, true);
  const Plan plan = make_plan(tall, preflight, {});
  const StepCost cost = step_cost(plan.method, plan.options, tall);
  const Forecast slow = make_forecast(tall, preflight, plan, 1e9);
  EXPECT_NEAR(*slow.seconds, *slow.steps * cost.flops / 1e9, 1e-9 * *slow.seconds);
  const Forecast fast = make_forecast(tall, preflight, plan, 1e9, 1e10);
  EXPECT_NEAR(*fast.seconds,
              *fast.steps * (cost.dense_flops / 1e10 + (cost.flops - cost.dense_flops) / 1e9),
              1e-9 * *fast.seconds);
  EXPECT_FALSE(make_forecast(tall, preflight, plan, 0).seconds.has_value());
}

TEST(MakeForecast, ConflictingRowsForceAFloorThatATargetCannotPass) {
  Preflight preflight = measured(tall, true);
  preflight.rank->conflicting_duplicates = 2;
  preflight.rank->duplicate_floor = 0.01;
  Goal goal;
  goal.target_loss = 0.001;
  const Forecast forecast = make_forecast(tall, preflight, make_plan(tall, preflight, goal), 1e9);
  EXPECT_EQ(*forecast.floor, 0.01);
  int failed = 0;
  for (const Assumption& assumption : forecast.assumptions)
    failed += assumption.status == Status::fail && assumption.measured.has_value();
  EXPECT_GE(failed, 2);  // the conflict, and the target under the floor
}

// ---- size and memory

TEST(RefuseTooLarge, NamesAMethodThatFits) {
  const ProblemSize size = network_size(20000, 10, {256, 256});
  const StepCost cost = step_cost("adapted-flow", {}, size);
  EXPECT_NO_THROW(refuse_too_large("adapted-flow", cost, 0, size));
  EXPECT_NO_THROW(refuse_too_large("adapted-flow", cost, cost.bytes, size));
  try {
    refuse_too_large("adapted-flow", cost, 1e9, size);
    FAIL() << "not refused";
  } catch (const RefusedError& error) {
    EXPECT_NE(error.problem().find("adapted-flow needs"), std::string::npos);
    EXPECT_NE(error.remedy().find("--method"), std::string::npos) << error.remedy();
  }
  try {
    refuse_too_large("adapted-flow", cost, 1000, size);
    FAIL() << "not refused";
  } catch (const RefusedError& error) {
    EXPECT_NE(error.remedy().find("no method fits"), std::string::npos) << error.remedy();
  }
}

TEST(RefuseTooLarge, NeedsNoMemoryToRefuseAnAbsurdSize) {
  const ProblemSize size = network_size(100000000, 1000, {100000, 100000});
  const StepCost cost = step_cost("levenberg-marquardt", {}, size);
  EXPECT_TRUE(std::isfinite(cost.bytes));
  EXPECT_THROW(refuse_too_large("levenberg-marquardt", cost, 1e12, size), RefusedError);
}

TEST(StepCost, FollowsTheLeadingTerms) {
  // Dual: Cholesky of the Gram matrix, m^3 / 3, takes over for many outputs.
  const ProblemSize dual = network_size(8000, 2, {100, 100});
  const StepCost cost = step_cost("levenberg-marquardt", {{"solver", "dual"}}, dual);
  const double m = 8000;
  EXPECT_NEAR(cost.dense_flops, m * m * m / 3 + m * m * (3 + 101 + 101 + 202), 0.01 * m * m * m);
  EXPECT_GE(cost.bytes, 2 * 8 * m * m);
  // Normal: does not depend on the outputs per sample.
  const StepCost one =
      step_cost("gauss-newton", {{"solver", "normal"}}, network_size(10000, 5, {20}, 1));
  const StepCost three =
      step_cost("gauss-newton", {{"solver", "normal"}}, network_size(10000, 5, {20}, 3));
  EXPECT_LT(three.dense_flops, 3 * one.dense_flops);
}

TEST(StepCost, TheGramCountIsThatOfTheLayers) {
  // N = 3, Q = 2, one hidden layer of 4 on 5 inputs; m = 6. Per layer N^2 (in + 1); per hidden
  // layer m^2 (out + 1); Cholesky m^3 / 3.
  const ProblemSize size = network_size(3, 5, {4}, 2);
  const StepCost cost = step_cost("levenberg-marquardt", {{"solver", "dual"}}, size);
  EXPECT_DOUBLE_EQ(cost.dense_flops, 9 * 6 + 9 * 5 + 36 * 5 + 216.0 / 3);
}

TEST(RankWorkLimit, GrowsWithTheRunAndNeverStarvesASmallOne) {
  EXPECT_GE(rank_work_limit(wide, {}), 1e10);
  EXPECT_GT(rank_work_limit(network_size(8000, 8, {64, 64}), {}), rank_work_limit(wide, {}));
}

TEST(ChooseHidden, KeepsHalfAsManyParametersAsOutputs) {
  std::vector<Decision> decisions;
  const auto hidden = choose_hidden(824, 8, 1, false, {}, decisions);
  ASSERT_EQ(hidden.size(), 2U);
  const ProblemSize size = network_size(824, 8, hidden);
  EXPECT_LE(size.parameters, 412);
  EXPECT_GT(network_size(824, 8, {hidden[0] + 1, hidden[0] + 1}).parameters, 412);
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions[0].what, "model");
  EXPECT_EQ(decisions[0].chosen,
            "mlp:" + std::to_string(hidden[0]) + "," + std::to_string(hidden[0]));
}

TEST(ChooseHidden, StaysSmallOnManyRowsAndDoesNotFailOnFew) {
  std::vector<Decision> decisions;
  const auto many = choose_hidden(1000000, 4, 1, false, {}, decisions);
  EXPECT_LE(network_size(1000000, 4, many).parameters, 600);
  const auto few = choose_hidden(2, 10000, 1, false, {}, decisions);
  EXPECT_GE(few[0], 1);
}

TEST(ChooseHidden, GivesTheAdaptedFlowParametersToSpare) {
  std::vector<Decision> decisions;
  Goal goal;
  goal.method = "adapted-flow";
  const auto hidden = choose_hidden(50, 8, 1, false, goal, decisions);
  EXPECT_GE(network_size(50, 8, hidden).parameters, 16 * 50);
  EXPECT_LE(choose_hidden(1000000, 8, 1, false, goal, decisions)[0], 512);
}

// ---- properties

ProblemSize any_size() {
  ProblemSize size =
      network_size(*rc::gen::inRange<Index>(2, 200000), *rc::gen::inRange<Index>(1, 200),
                   *rc::gen::container<std::vector<Index>>(rc::gen::inRange<Index>(1, 300)),
                   *rc::gen::inRange<Index>(1, 11));
  size.classification = *rc::gen::arbitrary<bool>();
  size.composite = *rc::gen::arbitrary<bool>();
  return size;
}

Preflight any_preflight(const ProblemSize& size) {
  const int kind = *rc::gen::inRange(0, 4);
  if (kind == 0) return {};
  Preflight preflight =
      measured(size, kind == 1 ? std::optional<bool>() : std::optional<bool>(kind == 2),
               std::pow(10.0, *rc::gen::inRange(0, 14)));
  preflight.memory.limit = std::pow(10.0, *rc::gen::inRange(5, 12));
  return preflight;
}

Goal any_goal() {
  Goal goal;
  const char* const methods[] = {"adapted-flow", "gauss-newton", "levenberg-marquardt",
                                 "lbfgs",        "adam",         "gd"};
  if (*rc::gen::arbitrary<bool>()) goal.method = methods[*rc::gen::inRange(0, 6)];
  if (*rc::gen::arbitrary<bool>()) goal.target_loss = std::pow(10.0, *rc::gen::inRange(-12, 2));
  if (*rc::gen::arbitrary<bool>()) goal.max_steps = *rc::gen::inRange(1, 100000);
  goal.validation = *rc::gen::arbitrary<bool>();
  goal.until_rounding = *rc::gen::arbitrary<bool>();
  return goal;
}

RC_GTEST_PROP(Planner, NeverTakesAMethodWhoseNeedsAreUnmet, ()) {
  const ProblemSize size = any_size();
  const Preflight preflight = any_preflight(size);
  Goal goal = any_goal();
  goal.method.reset();
  const Plan plan = make_plan(size, preflight, goal);
  if (!size.composite) RC_ASSERT(plan.method == "lbfgs");
  const double limit = preflight.memory.limit;
  const bool least_fits = limit <= 0 || step_cost("lbfgs", {}, size).bytes <= limit;
  if (least_fits && limit > 0) {
    RC_ASSERT(step_cost(plan.method, plan.options, size).bytes <= limit);
    refuse_too_large(plan.method, step_cost(plan.method, plan.options, size), limit, size);
  }
}

RC_GTEST_PROP(Planner, NeverPromisesAFlowTimeWithoutFullRankOfTheOutputs, ()) {
  const ProblemSize size = any_size();
  const Preflight preflight = any_preflight(size);
  const Plan plan = make_plan(size, preflight, any_goal());
  const Forecast forecast = make_forecast(size, preflight, plan, 1e9);
  const bool full = preflight.rank && preflight.rank->full.value_or(false);
  if (forecast.flow_time) {
    RC_ASSERT(full && size.overparametrized() && !size.classification && size.composite);
    RC_ASSERT(plan.method == "adapted-flow");
    RC_ASSERT(*forecast.flow_time == std::stod(plan.options.at("flow-time")));
  }
  if (forecast.claims_global_minimum || forecast.claims_rate) RC_ASSERT(forecast.flow_time);
}

RC_GTEST_PROP(Planner, IsAPureFunctionWithFiniteNumbers, ()) {
  const ProblemSize size = any_size();
  const Preflight preflight = any_preflight(size);
  const Goal goal = any_goal();
  const Plan plan = make_plan(size, preflight, goal);
  RC_ASSERT(same(plan, make_plan(size, preflight, goal)));
  const Forecast forecast = make_forecast(size, preflight, plan, 1e9, 1e10);
  for (const auto& number : {forecast.target_loss, forecast.floor, forecast.flow_time,
                             forecast.steps, forecast.seconds, forecast.bytes})
    if (number) RC_ASSERT(std::isfinite(*number) && *number >= 0);
  for (const Assumption& assumption : forecast.assumptions)
    if (assumption.measured) RC_ASSERT(std::isfinite(*assumption.measured));
}

RC_GTEST_PROP(Planner, MaxStepsAloneLeavesNoOtherTarget, ()) {
  const ProblemSize size = any_size();
  Goal goal = any_goal();
  goal.max_steps = 50;
  goal.target_loss.reset();
  const Plan plan = make_plan(size, any_preflight(size), goal);
  RC_ASSERT(!plan.target_loss && !plan.gradient_tolerance && plan.max_steps == 50);
}

}  // namespace
}  // namespace thalweg
