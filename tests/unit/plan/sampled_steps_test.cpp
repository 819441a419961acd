// What a network on batches gets where the user leaves it open.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalweg/plan/planner.hpp"

namespace thalweg {
namespace {

ProblemSize images(Index samples) {
  ProblemSize size;
  size.samples = samples;
  size.outputs_per_sample = size.classes = 10;
  size.inputs = 784;
  size.hidden = {256, 128};
  size.parameters = 785 * 256 + 257 * 128 + 129 * 10;
  size.gradient_flops = 6.0 * static_cast<double>(size.parameters * samples);
  size.classification = size.sampled = true;
  return size;
}

Preflight measured() {
  Preflight preflight;
  preflight.initial_loss = 2.4;
  preflight.initial_gradient_norm = 2;
  preflight.curvature.emplace();
  preflight.curvature->law = {.l0 = 10, .l1 = 0, .alpha = 0};
  preflight.curvature->spread = 1.25;
  return preflight;
}

Goal by(const std::string& method, std::map<std::string, std::string> options = {}) {
  Goal goal;
  goal.method = method;
  goal.method_options = std::move(options);
  return goal;
}

bool has_reason(const Plan& plan, const std::string& what) {
  return std::ranges::any_of(plan.decisions, [&](const Decision& decision) {
    return decision.what == what && !decision.because.empty();
  });
}

TEST(SampledSteps, ManySamplesHaveLargerBatches) {
  for (const char* method : {"adam", "sgd", "ian-sgd", "clipped-sgd", "nsgd-momentum"}) {
    EXPECT_EQ(make_plan(images(8000), measured(), by(method)).options.at("batch"), "64") << method;
    EXPECT_EQ(make_plan(images(60000), measured(), by(method)).options.at("batch"), "128");
    const Plan asked = make_plan(images(60000), measured(), by(method, {{"batch", "32"}}));
    EXPECT_EQ(asked.options.at("batch"), "32");
  }
  ProblemSize linear = images(60000);
  linear.hidden.clear();
  linear.linear = true;
  EXPECT_EQ(make_plan(linear, measured(), by("ian-sgd")).options.at("batch"), "64");
}

TEST(SampledSteps, ARunWithoutABoundTakesTwentyEpochs) {
  const Plan plan = make_plan(images(60000), measured(), by("clipped-sgd"));
  EXPECT_EQ(plan.max_steps, 20 * 60000 / 128);
  EXPECT_EQ(plan.options.at("horizon"), std::to_string(plan.max_steps));
  EXPECT_TRUE(has_reason(plan, "steps"));

  Goal bounded = by("clipped-sgd");
  bounded.max_steps = 77;
  EXPECT_EQ(make_plan(images(60000), measured(), bounded).max_steps, 77);
  EXPECT_EQ(make_plan(images(60000), measured(), by("clipped-sgd", {{"eps", "0.1"}})).max_steps,
            10000);
  EXPECT_EQ(make_plan(images(60000), measured(), by("adam", {{"batch", "0"}})).max_steps, 10000);
  EXPECT_EQ(make_plan(images(300), measured(), by("clipped-sgd")).max_steps, 10000);
}

TEST(SampledSteps, AdamShrinksTheStepsizeThatThePlanTook) {
  const Plan open = make_plan(images(8000), measured(), by("adam"));
  EXPECT_EQ(open.options.at("schedule"), "cosine");
  EXPECT_TRUE(has_reason(open, "schedule"));
  const auto schedule_of = [](std::map<std::string, std::string> options) {
    const Plan plan = make_plan(images(8000), measured(), by("adam", std::move(options)));
    return plan.options.contains("schedule") ? plan.options.at("schedule") : "";
  };
  EXPECT_EQ(schedule_of({{"stepsize", "0.01"}}), "");
  EXPECT_EQ(schedule_of({{"schedule", "constant"}}), "constant");
  EXPECT_EQ(schedule_of({{"batch", "0"}}), "");
}

// The longest multiple of a gradient is the same whatever the power of the norm, and shorter for
// models that are no networks: there half of the descent is kept.
TEST(SampledSteps, NoStepIsLongerThanTheCurvatureAllows) {
  const double typical = 10 / 1.25;
  ProblemSize linear = images(8000);
  linear.hidden.clear();
  linear.linear = true;
  for (const char* exponent : {"0.5", "0.8", "1"}) {
    const auto longest = [&](const ProblemSize& size) {
      const Plan plan = make_plan(size, measured(), by("clipped-sgd", {{"exponent", exponent}}));
      return std::stod(plan.options.at("stepsize")) /
             std::pow(std::stod(plan.options.at("threshold")), std::stod(exponent));
    };
    EXPECT_NEAR(longest(images(8000)), 1.4 / typical, 1e-9);
    EXPECT_LT(longest(images(8000)), 2 / typical);  // where a quadratic no longer descends
    EXPECT_NEAR(longest(linear), 0.7 / typical, 1e-9);
  }
}

TEST(RankWorkLimit, OfAMethodOnBatchesDoesNotGrow) {
  EXPECT_EQ(rank_work_limit(images(60000), by("adam")), rank_work_limit(images(2000), by("sgd")));
  EXPECT_GT(rank_work_limit(images(60000), by("lbfgs")),
            rank_work_limit(images(60000), by("adam")));
}

}  // namespace
}  // namespace thalweg
