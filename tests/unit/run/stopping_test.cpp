// Every criterion against its formula, at the threshold and one representable number beside it.
#include "thalweg/run/stopping.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double above(double x) { return std::nextafter(x, infinity); }
double below(double x) { return std::nextafter(x, -infinity); }

// A run by its values; every field can be changed before progress() is asked for.
struct Story {
  explicit Story(std::vector<double> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      StepRecord record;
      record.iteration = static_cast<std::int64_t>(i);
      record.value = values[i];
      trace.push_back(record);
    }
  }
  Progress progress() const {
    Progress now{trace.front(), trace.back(), trace, trace.front().value, 0, {}, 0, 0, false};
    for (const StepRecord& record : trace)
      if (record.value <= now.best_value) {
        now.best_value = record.value;
        now.best_step = record.iteration;
      }
    now.stop_requested = stop_requested;
    now.validations_since_best = validations_since_best;
    return now;
  }
  StepRecord& last() { return trace.back(); }

  std::vector<StepRecord> trace;
  bool stop_requested = false;
  std::int64_t validations_since_best = 0;
};

std::optional<StopReason> check(const StopWhen& criterion, const Story& story) {
  return criterion->check(story.progress());
}

TEST(Stopping, TargetLossHoldsAtOrBelowTheTarget) {
  const StopWhen criterion = target_loss(0.25);
  EXPECT_FALSE(check(criterion, Story({1, above(0.25)})));
  EXPECT_FALSE(check(criterion, Story({1, not_a_number})));
  const auto reason = check(criterion, Story({1, 0.25}));
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->outcome, Outcome::converged);
  EXPECT_EQ(reason->criterion, "target-loss");
  EXPECT_EQ(reason->measured, 0.25);
  EXPECT_EQ(reason->threshold, 0.25);
  EXPECT_TRUE(check(criterion, Story({below(0.25)}))) << "the start counts";
}

TEST(Stopping, GradientToleranceNeedsAMeasuredNorm) {
  const StopWhen criterion = gradient_tolerance(1e-3);
  Story story({1, 0.5});
  EXPECT_FALSE(check(criterion, story)) << "no norm was measured";
  story.last().gradient_norm = above(1e-3);
  EXPECT_FALSE(check(criterion, story));
  story.last().gradient_norm = not_a_number;
  EXPECT_FALSE(check(criterion, story));
  story.last().gradient_norm = 1e-3;
  const auto reason = check(criterion, story);
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->outcome, Outcome::converged);
  EXPECT_EQ(reason->measured, 1e-3);
}

TEST(Stopping, ZeroGradientMeansExactlyZero) {
  Story story({1});
  story.last().gradient_norm = std::numeric_limits<double>::denorm_min();
  EXPECT_FALSE(check(zero_gradient(), story));
  story.last().gradient_norm = 0;
  EXPECT_EQ(check(zero_gradient(), story)->outcome, Outcome::converged);
}

TEST(Stopping, MaxStepsCountsSteps) {
  EXPECT_FALSE(check(max_steps(3), Story({4, 3, 2})));
  const auto reason = check(max_steps(3), Story({4, 3, 2, 1}));
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->outcome, Outcome::budget_exhausted);
  EXPECT_EQ(reason->measured, 3);
  EXPECT_EQ(reason->threshold, 3);
  EXPECT_TRUE(check(max_steps(0), Story({4})));
}

TEST(Stopping, BudgetAdviceSaysWhatStillFallsAndHowFast) {
  std::vector<double> values;
  for (int k = 0; k <= 40; ++k) values.push_back(std::pow(0.9, k));
  const std::string falling = check(max_steps(40), Story(values))->advice;
  EXPECT_NE(falling.find("the value still falls by 10 % per step"), std::string::npos) << falling;
  EXPECT_EQ(falling.find("gradient"), std::string::npos) << "none was measured";
  const std::string flat = check(max_steps(40), Story(std::vector<double>(41, 2)))->advice;
  EXPECT_NE(flat.find("neither value nor gradient norm fell"), std::string::npos) << flat;
}

TEST(Stopping, SampleLimitHoldsAtOrBeyondTheLimit) {
  Story story({1, 0.5});
  story.last().samples = 99;
  EXPECT_FALSE(check(sample_limit(100), story));
  story.last().samples = 100;
  const auto reason = check(sample_limit(100), story);
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->outcome, Outcome::budget_exhausted);
  EXPECT_EQ(reason->measured, 100);
  EXPECT_EQ(reason->threshold, 100);
}

TEST(Stopping, CombinationsKnowTheMostSamples) {
  EXPECT_EQ(any_of({max_steps(1), sample_limit(9), sample_limit(5)})->most_samples(), 5);
  EXPECT_EQ(all_of({sample_limit(9), sample_limit(5)})->most_samples(), 9);
  EXPECT_FALSE(all_of({max_steps(1), sample_limit(9)})->most_samples());
  EXPECT_FALSE(any_of({max_steps(1)})->most_samples());
}

TEST(Stopping, TimeLimitReadsTheRecord) {
  Story story({2, 1});
  story.last().seconds = below(1.5);
  EXPECT_FALSE(check(time_limit(1.5), story));
  story.last().seconds = 1.5;
  EXPECT_EQ(check(time_limit(1.5), story)->outcome, Outcome::budget_exhausted);
}

TEST(Stopping, PatienceCountsEvaluationsSinceTheBest) {
  Story story({2, 1});
  story.validations_since_best = 19;
  EXPECT_FALSE(check(patience(20), story));
  story.validations_since_best = 20;
  const auto reason = check(patience(20), story);
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->outcome, Outcome::early_stopped);
  EXPECT_EQ(reason->measured, 20);
}

TEST(Stopping, StallNeedsTheWholeWindowOfAcceptedSteps) {
  const StopWhen criterion = stall(3, 1e-6);
  EXPECT_FALSE(check(criterion, Story({1, 1, 1}))) << "two steps only";
  EXPECT_TRUE(check(criterion, Story({1, 1, 1, 1})));
  EXPECT_TRUE(check(criterion, Story({9, 1, 1, 1, 1})));
  EXPECT_FALSE(check(criterion, Story({1 + 2e-6, 1, 1, 1})));
  const auto reason = check(criterion, Story({1 + 0.5e-6, 1, 1, 1}));
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->outcome, Outcome::stalled);
  EXPECT_NEAR(*reason->measured, 0.5e-6, 1e-9);
}

TEST(Stopping, StallIgnoresRejectedTrialsAndIsNoSwing) {
  Story story({1, 1, 1, 1});
  story.trace[2].accepted = false;
  EXPECT_FALSE(check(stall(3, 1e-6), story));
  EXPECT_FALSE(check(stall(3, 1e-6), Story({1, 1.1, 1, 1})));
  EXPECT_FALSE(check(stall(3, 1e-6), Story({1, 1.1, 1.2, 1.3})));
  EXPECT_TRUE(check(stall(2, 1e-6), Story({0, 0, 0})));
}

TEST(Stopping, DivergenceIsFarAboveTheStartAndRising) {
  const StopWhen criterion = divergence(100);
  EXPECT_FALSE(check(criterion, Story({-2, 1, 200})));
  EXPECT_FALSE(check(criterion, Story({-2, 1, 300, 250}))) << "falling again";
  const auto reason = check(criterion, Story({-2, 1, above(200)}));
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->outcome, Outcome::diverged);
  EXPECT_EQ(reason->threshold, 200);
  EXPECT_TRUE(check(criterion, Story({0, 1e-13}))) << "a start of zero has the scale 2^-52";
}

TEST(Stopping, NonFiniteWatchesValueAndGradient) {
  EXPECT_FALSE(check(non_finite(), Story({1, 2})));
  for (const double bad : {infinity, -infinity, not_a_number}) {
    const auto reason = check(non_finite(), Story({1, bad}));
    ASSERT_TRUE(reason);
    EXPECT_EQ(reason->outcome, Outcome::failed);
    EXPECT_FALSE(reason->measured) << "every number of a report is finite";
    Story story({1, 2});
    story.last().gradient_norm = bad;
    EXPECT_TRUE(check(non_finite(), story));
  }
}

TEST(Stopping, InterruptionReadsTheToken) {
  Story story({1});
  EXPECT_FALSE(check(interruption(), story));
  story.stop_requested = true;
  EXPECT_EQ(check(interruption(), story)->outcome, Outcome::interrupted);
}

TEST(Stopping, AnyOfEvaluatesAllAndTheWorstLeads) {
  Story story({1, 0.1});
  story.validations_since_best = 5;
  const StopWhen criterion = max_steps(1) | patience(5) | target_loss(0.1) | target_loss(0.01);
  EXPECT_EQ(check(criterion, story)->outcome, Outcome::converged);
  const auto reasons = criterion->check_all(story.progress());
  ASSERT_EQ(reasons.size(), 3u) << "nested combinations are taken apart, the rest is left out";
  EXPECT_EQ(reasons[0].criterion, "max-steps");
  EXPECT_EQ(reasons[1].criterion, "patience");
  EXPECT_EQ(reasons[2].criterion, "target-loss");
  EXPECT_FALSE(check(any_of({}), story));
}

TEST(Stopping, AllOfHoldsOnlyTogether) {
  const StopWhen both = target_loss(0.5) & max_steps(2);
  EXPECT_FALSE(check(both, Story({1, 0.4})));
  EXPECT_FALSE(check(both, Story({1, 0.8, 0.7})));
  const Story story({1, 0.8, 0.4});
  EXPECT_EQ(check(both, story)->outcome, Outcome::converged);
  EXPECT_EQ(both->check_all(story.progress()).size(), 2u);
}

TEST(Stopping, OrderOfOutcomesIsTheirPrecedence) {
  const Outcome order[] = {Outcome::failed,          Outcome::diverged,      Outcome::interrupted,
                           Outcome::converged,       Outcome::early_stopped, Outcome::stalled,
                           Outcome::budget_exhausted};
  for (std::size_t i = 0; i + 1 < std::size(order); ++i) {
    const StopReason worse{order[i], "", {}, {}, ""}, better{order[i + 1], "", {}, {}, ""};
    EXPECT_TRUE(outranks(worse, better));
    EXPECT_FALSE(outranks(better, worse));
    EXPECT_EQ(outcome_from_string(to_string(order[i])), order[i]);
  }
  EXPECT_FALSE(outcome_from_string("success"));
}

TEST(Stopping, MisuseIsAUsageError) {
  EXPECT_THROW(target_loss(not_a_number), UsageError);
  EXPECT_THROW(gradient_tolerance(-1), UsageError);
  EXPECT_THROW(max_steps(-1), UsageError);
  EXPECT_THROW(time_limit(not_a_number), UsageError);
  EXPECT_THROW(sample_limit(-1), UsageError);
  EXPECT_THROW(patience(0), UsageError);
  EXPECT_THROW(stall(0, 1), UsageError);
  EXPECT_THROW(divergence(1), UsageError);
  EXPECT_THROW(any_of({nullptr}), UsageError);
}

TEST(AfterStart, LeavesOutTheStartAlone) {
  Story story({1.0});
  story.last().gradient_norm = 0;
  const StopWhen criterion = after_start(zero_gradient());
  EXPECT_FALSE(check(criterion, story));
  EXPECT_TRUE(criterion->check_all(story.progress()).empty());
  Story later({1.0, 1.0});
  later.last().gradient_norm = 0;
  ASSERT_TRUE(check(criterion, later));
  EXPECT_EQ(check(criterion, later)->criterion, "zero-gradient");
  EXPECT_EQ(after_start(max_steps(7))->last_step(), 7);
}

}  // namespace
}  // namespace thalweg
