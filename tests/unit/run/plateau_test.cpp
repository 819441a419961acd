// What counts as a plateau, on traces made up for it, and the watch on runs that are cut in two.
#include "thalweg/run/plateau.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "scratch_folder.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/scalar_problems.hpp"

namespace thalweg {
namespace {

constexpr double unbounded = -std::numeric_limits<double>::infinity();

std::vector<StepRecord> trace_of(std::int64_t steps, const std::function<double(double)>& value,
                                 std::int64_t updates = 1) {
  std::vector<StepRecord> trace;
  for (std::int64_t t = 0; t <= steps; ++t) {
    StepRecord record;
    record.iteration = t * updates;
    record.value = value(static_cast<double>(t));
    trace.push_back(record);
  }
  return trace;
}

std::vector<Plateau> plateaus(std::int64_t steps, const std::function<double(double)>& value,
                              double lower_bound = 0) {
  return find_plateaus(trace_of(steps, value), lower_bound);
}

TEST(Plateau, WhatConvergesLinearlyIsNone) {
  for (const double rate : {1e-4, 3e-4, 1e-3, 1e-2, 0.1, 0.5})
    EXPECT_TRUE(plateaus(20000, [=](double t) { return std::pow(1 - rate, t); }).empty()) << rate;
}

TEST(Plateau, WhatConvergesLikeAPowerIsNone) {
  for (const double p : {0.05, 0.5, 1.0, 2.0, 4.0})
    EXPECT_TRUE(plateaus(50000, [=](double t) { return std::pow(1 + t, -p); }).empty()) << p;
}

TEST(Plateau, ADecayThatSwingsIsNone) {
  const auto ringing = [](double t) { return (1.2 + std::sin(0.7 * t)) * std::exp(-3e-4 * t); };
  EXPECT_TRUE(plateaus(20000, ringing).empty());
  RandomStream random(3, "swings");
  const auto noisy = [&](double t) { return (1 + 0.3 * random.uniform()) / (1 + t); };
  EXPECT_TRUE(plateaus(20000, noisy).empty());
}

TEST(Plateau, AValueThatRisesIsNone) {
  EXPECT_TRUE(plateaus(5000, [](double t) { return 1 + 1e-2 * t; }).empty());
}

TEST(Plateau, ShortRunsHaveNone) {
  EXPECT_TRUE(plateaus(18, [](double) { return 1.0; }).empty());
  EXPECT_EQ(plateaus(30, [](double) { return 1.0; }).size(), 1U);
}

TEST(Plateau, AStepOfTheLossIsFoundWithItsExtent) {
  // Down to 1, still there for 4000 steps, then down to 0.
  const auto value = [](double t) {
    return t < 1000 ? 1 + std::exp(-t / 50) : std::exp(-std::max(t - 5000, 0.0) / 50);
  };
  const auto found = plateaus(10000, value);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].left);
  EXPECT_FALSE(found[0].noisy);
  EXPECT_NEAR(found[0].value, 1, 1e-3);
  // exp(-t / 50) is 1e-3 at t = 345; blocks are some 40 steps long by then.
  EXPECT_NEAR(static_cast<double>(found[0].first_step), 345, 120);
  EXPECT_NEAR(static_cast<double>(found[0].last_step), 5000, 120);
}

TEST(Plateau, ALevelUnderNoiseIsFound) {
  RandomStream random(5, "noise");
  const auto value = [&](double t) {
    return 1 + 20 * std::exp(-t / 30) + 0.2 * std::sin(2 * std::numbers::pi * random.uniform());
  };
  const auto found = plateaus(3000, value);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].left);
  EXPECT_TRUE(found[0].noisy);
  EXPECT_NEAR(found[0].value, 1, 0.02);
  EXPECT_NEAR(found[0].deviation, 0.2 / std::sqrt(2), 0.02);
  EXPECT_LT(found[0].first_step, 600);
  EXPECT_EQ(found[0].last_step, 3000);
}

TEST(Plateau, ValuesThatJumpBetweenTwoLevelsAreFound) {
  const auto value = [](double t) {
    return t < 200 ? std::pow(1 - t / 200, 4) + 1e-8 : std::fmod(t, 2) < 1 ? 1e-8 : 1e-30;
  };
  const auto found = plateaus(6000, value);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].left);
  EXPECT_TRUE(found[0].noisy);
}

// Decay under noise, many times: whatever is found in the middle, hardly any run ends on a plateau.
TEST(Plateau, NoiseSeldomHidesADecay) {
  RandomStream random(8, "decays");
  int false_alarms = 0;
  for (int run = 0; run < 200; ++run) {
    const double power = run % 2 == 0 ? 1 : 0.5, noise = run % 4 < 2 ? 0.1 : 0.5;
    const auto value = [&](double t) {
      return std::pow(1 + t, -power) * (1 + noise * (2 * random.uniform() - 1));
    };
    const auto found = plateaus(1000, value);
    false_alarms += !found.empty();
  }
  EXPECT_LE(false_alarms, 4);
}

TEST(Plateau, RecordsMayStandForManySteps) {
  const auto trace = trace_of(
      200, [](double t) { return 1 + std::exp(-t / 4); }, 500);
  const auto found = find_plateaus(trace, 0);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].last_step, 200 * 500);
}

TEST(Plateau, TheGapCountsWhereABoundIsKnown) {
  const auto value = [](double t) { return 5 + std::exp(-t / 500); };
  EXPECT_TRUE(plateaus(3000, value, 5).empty());
  const auto unknown = plateaus(6000, value, unbounded);  // where 5 may or may not be the end
  ASSERT_EQ(unknown.size(), 1U);
  EXPECT_FALSE(unknown[0].left);
}

TEST(Plateau, NothingIsLeftToGainAtAnExactFit) {
  EXPECT_TRUE(plateaus(1000, [](double t) { return std::max(std::exp(-t), 1e-24); }).empty());
  EXPECT_EQ(plateaus(1000, [](double t) { return std::max(std::exp(-t), 1e-12); }).size(), 1U);
}

TEST(Plateau, RejectedTrialsAreNoRecords) {
  auto trace = trace_of(60, [](double t) { return std::exp(-t / 20); });
  std::vector<StepRecord> with_trials;
  for (const StepRecord& record : trace) {
    for (int k = 0; k < 30; ++k) {
      with_trials.push_back(record);
      with_trials.back().accepted = k == 0;
      with_trials.back().iteration = static_cast<std::int64_t>(with_trials.size()) - 1;
    }
  }
  EXPECT_TRUE(find_plateaus(with_trials, 0).empty());
}

TEST(Plateau, OnlyTheLongestAreKept) {
  // Stairs: every landing is twice as long as the one before.
  const auto value = [](double t) { return std::exp2(-std::floor(std::log2(1 + t / 100))); };
  const auto found = plateaus(100 * 255, value);
  ASSERT_GE(found.size(), 2U);
  ASSERT_LE(found.size(), 4U);
  for (const Plateau& p : found) EXPECT_GE(p.length(), 2550);
}

// ---- the watch

RunOptions options_for(PlateauWatch& watch, std::int64_t steps) {
  RunOptions options;
  options.stop = max_steps(steps);
  options.observers = {&watch};
  return options;
}

// gd with a tiny stepsize: still at the start for ever.
std::unique_ptr<Method> slow_descent() {
  return find_method("gd").make({{"rule", "constant"}, {"stepsize", "1e-9"}});
}

// Asks to stop at a step.
class StopAt final : public Observer {
 public:
  StopAt(std::int64_t step, StopToken& token) : step_(step), token_(token) {}
  void on_step(const Progress& progress) override {
    if (progress.record.iteration >= step_) token_.request();
  }

 private:
  std::int64_t step_;
  StopToken& token_;
};

TEST(PlateauWatch, KeepsThePointAndSurvivesAResume) {
  const PowerObjective problem(4);
  const auto method = slow_descent();
  PlateauWatch whole(0);
  run(problem, *method, PowerObjective::start(), options_for(whole, 400));
  ASSERT_EQ(whole.found().size(), 1U);

  const ScratchFolder folder;
  PlateauWatch first(0), second(0);
  StopToken token;
  StopAt stop(150, token);
  RunOptions options = options_for(first, 400);
  options.observers.push_back(&stop);
  options.stop_token = &token;
  options.checkpoint.emplace().path = folder / "run.checkpoint";
  const Result cut = run(problem, *method, PowerObjective::start(), options);
  ASSERT_EQ(cut.reason.outcome, Outcome::interrupted);
  RunOptions rest = options_for(second, 400);
  rest.checkpoint = options.checkpoint;
  resume(problem, *method, rest.checkpoint->path, rest);

  const auto a = whole.found(), b = second.found();
  ASSERT_EQ(b.size(), 1U);
  EXPECT_EQ(a[0].point, b[0].point);
  EXPECT_EQ(a[0].plateau.first_step, b[0].plateau.first_step);
  EXPECT_EQ(a[0].plateau.last_step, b[0].plateau.last_step);
  EXPECT_EQ(a[0].plateau.seen, b[0].plateau.seen);
  EXPECT_EQ(a[0].plateau.value, b[0].plateau.value);
  EXPECT_EQ(a[0].plateau.deviation, b[0].plateau.deviation);
  EXPECT_EQ(a[0].plateau.last_step_norm, b[0].plateau.last_step_norm);
}

}  // namespace
}  // namespace thalweg
