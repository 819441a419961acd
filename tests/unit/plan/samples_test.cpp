// What updates cost, against runs that count the samples they draw.
#include "thalweg/plan/samples.hpp"

#include <gtest/gtest.h>

#include "thalweg/core/error.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/phase_retrieval.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using Options = std::map<std::string, std::string>;

constexpr Index samples = 30;

std::int64_t samples_taken(const std::string& method, const Options& options, std::int64_t steps) {
  static const PhaseRetrieval problem = phase_retrieval({.samples = samples, .dimension = 3});
  RunOptions how;
  how.stop = max_steps(steps);
  return run(*problem.objective, *find_method(method).make(options), problem.start, how).samples;
}

struct Case {
  std::string method;
  Options options;
};

// Stepsizes so small that no run ends before its steps.
const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"sgd", {{"eta", "1e-9"}}},
      {"sgd", {{"eta", "1e-9"}, {"batch", "7"}}},
      {"sgd", {{"eta", "1e-9"}, {"batch", "99"}}},
      {"adam", {{"stepsize", "1e-9"}, {"batch", "8"}}},
      {"normalized", {{"stepsize", "1e-9"}, {"batch", "5"}}},
      {"ian-sgd", {{"stepsize", "1e-9"}, {"batch", "10"}, {"independent-batch", "3"}}},
      {"ian-sgd", {{"stepsize", "1e-9"}, {"batch", "10"}, {"independent-batch", "0"}}},
      {"clipped-sgd", {{"stepsize", "1e-9"}, {"batch", "6"}}},
      {"clipped-sgd", {{"stepsize", "1e-9"}, {"batch", "6"}, {"independent-batch", "2"}}},
      {"nsgd-momentum", {{"stepsize", "1e-9"}, {"batch", "4"}}},
      {"spider", {{"stepsize", "1e-9"}, {"batch", "4"}, {"period", "5"}}},
      {"spider", {{"stepsize", "1e-9"}, {"batch", "4"}, {"period", "1"}}},
      {"spider", {{"stepsize", "1e-9"}}},
  };
  return list;
}

TEST(Samples, AsManyUpdatesAsFitAndNoMore) {
  for (const Case& c : cases())
    for (const std::int64_t budget : {30, 31, 59, 60, 100, 137, 200, 299}) {
      const std::int64_t updates = updates_within(c.method, c.options, samples, budget);
      SCOPED_TRACE(c.method + " within " + std::to_string(budget));
      const std::int64_t taken = samples_taken(c.method, c.options, updates);
      EXPECT_LE(taken, budget);
      EXPECT_EQ(samples_of(c.method, c.options, samples, updates), taken);
      EXPECT_GT(samples_taken(c.method, c.options, updates + 1), budget);
    }
}

TEST(Samples, TheMeanOfAnUpdateIsThatOfManyUpdates) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.method);
    constexpr std::int64_t steps = 100;  // a multiple of every period
    EXPECT_DOUBLE_EQ(samples_per_update(c.method, c.options, samples),
                     static_cast<double>(samples_taken(c.method, c.options, steps)) / steps);
  }
}

TEST(Samples, FullPassesCountTheOneOfTheStart) {
  for (const char* method : {"adam", "gd", "lbfgs", "large-step"}) {
    SCOPED_TRACE(method);
    EXPECT_EQ(samples_per_update(method, {}, samples), samples);
    EXPECT_EQ(updates_within(method, {}, samples, 10 * samples), 9);
    EXPECT_EQ(updates_within(method, {}, samples, samples - 1), 0);
  }
  const Options small{{"stepsize", "1e-9"}};
  EXPECT_EQ(samples_taken("adam", small, 9), 10 * samples);
  EXPECT_EQ(samples_of("adam", small, samples, 9), 10 * samples);
}

TEST(Samples, TheStepsizeIsAnOptionOrNone) {
  EXPECT_EQ(stepsize_option("sgd", {}), "eta");
  EXPECT_EQ(stepsize_option("sgd", {{"stepsize", "2"}}), "eta");
  EXPECT_EQ(stepsize_option("adam", {}), "stepsize");
  EXPECT_EQ(stepsize_option("gd", {{"rule", "constant"}}), "stepsize");
  EXPECT_FALSE(stepsize_option("gd", {})) << "backtracking finds it";
  EXPECT_FALSE(stepsize_option("lbfgs", {}));
  EXPECT_FALSE(stepsize_option("normalized", {})) << "0: from the curvature";
  EXPECT_EQ(stepsize_option("normalized", {{"stepsize", "0.1"}}), "stepsize");
  EXPECT_EQ(stepsize_option("clipped-sgd", {}), "stepsize");
  EXPECT_FALSE(stepsize_option("clipped-sgd", {{"rule", "standard"}}));
}

TEST(Samples, TheDefaultBudgetShrinksWithTheWorkAndHasAFloor) {
  ProblemSize size;
  size.samples = 100;
  size.parameters = 3;
  size.sampled = true;
  EXPECT_EQ(default_sample_budget({{"adam", {}, 17}, {"sgd", {}, 17}}, size), 30 * 100);
  size.samples = 2000;
  size.parameters = 2000;
  const std::int64_t few = default_sample_budget({{"adam", {}, 17}}, size);
  const std::int64_t many = default_sample_budget({{"adam", {}, 17}, {"adam", {}, 170}}, size);
  EXPECT_LT(many, few);
  EXPECT_EQ(few % size.samples, 0);
  size.parameters = 1'000'000;
  EXPECT_EQ(default_sample_budget({{"lbfgs", {}, 5}}, size), 3 * size.samples);
}

}  // namespace
}  // namespace thalweg
