// What every registered method must do on every problem it can work on.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "contract/problems.hpp"
#include "contract/registry_names.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/run/run.hpp"
#include "unit/run/scratch_folder.hpp"

namespace thalweg::contract {
namespace {

using Texts = std::map<std::string, std::string>;

struct Case {
  std::string method;
  std::size_t problem;  // its place in problems_for(method)
  int threads;
  bool escape = false;  // wrapped to leave stationary points
};

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const MethodInfo& method : methods())
    for (std::size_t problem = 0; problem < problems_for(method).size(); ++problem)
      for (const int threads : {1, 2}) list.push_back({method.name, problem, threads});
  // Wrapped, where there are points to leave, and on the first problem.
  for (const MethodInfo& method : methods())
    for (std::size_t problem = 0; problem < problems_for(method).size(); ++problem) {
      const std::string& name = problems_for(method)[problem].name;
      if (problem == 0 || name == "strict_saddle" || name == "symmetric_network")
        list.push_back({method.name, problem, 1, true});
    }
  return list;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return identifier(c.method) + "_on_" + problems_for(find_method(c.method))[c.problem].name +
         "_threads_" + std::to_string(c.threads) + (c.escape ? "_escape" : "");
}

class MethodOnProblem : public testing::TestWithParam<Case> {
 protected:
  MethodOnProblem() { set_threads(GetParam().threads); }
  ~MethodOnProblem() override { set_threads(hardware_threads()); }

  Result run_steps(std::int64_t steps) const {
    return run(*problem.objective, *method, problem.start, options(steps));
  }
  static Texts options_of(const MethodInfo& info) {
    Texts texts;
    if (info.sampled) texts["evaluate"] = "1";
    if (GetParam().escape) texts["escape"] = "on";
    return texts;
  }
  static RunOptions options(std::int64_t steps) {
    RunOptions result;
    result.stop = max_steps(steps);
    return result;
  }

  const MethodInfo& info = find_method(GetParam().method);
  const Problem problem = problems_for(info)[GetParam().problem];
  // Sampled methods measure at every update, so that every step has a record.
  const std::unique_ptr<Method> method = info.make(options_of(info));
};
INSTANTIATE_TEST_SUITE_P(Registry, MethodOnProblem, testing::ValuesIn(cases()), case_name);

using Bits = std::vector<std::uint64_t>;

Bits bits(const Vector& v) {
  Bits list;
  for (const double x : v) list.push_back(std::bit_cast<std::uint64_t>(x));
  return list;
}

// Everything a record says but the seconds.
Bits bits(const StepRecord& r) {
  Bits list = {std::bit_cast<std::uint64_t>(r.value),
               static_cast<std::uint64_t>(r.iteration),
               r.accepted,
               static_cast<std::uint64_t>(r.evaluations),
               static_cast<std::uint64_t>(r.samples),
               r.halt.has_value()};
  for (const auto& field :
       {r.gradient_norm,   r.step_norm,          r.stepsize,       r.damping,
        r.gain_ratio,      r.flow_time,          r.sigma_min,      r.predicted,
        r.deviation,       r.validation,         r.log_value,      r.training_error,
        r.margin,          r.average_log_value,  r.last_log_value, r.bound_log_value,
        r.transition_step, r.last_increase_step, r.escapes,        r.smallest_curvature,
        r.heuristic_radius}) {
    list.push_back(field.has_value());
    list.push_back(std::bit_cast<std::uint64_t>(field.value_or(0)));
  }
  return list;
}

void expect_same(const Result& a, const Result& b) {
  EXPECT_EQ(bits(a.best), bits(b.best));
  EXPECT_EQ(bits(a.last), bits(b.last));
  EXPECT_EQ(a.best_step, b.best_step);
  EXPECT_EQ(a.reason.criterion, b.reason.criterion);
  EXPECT_EQ(a.samples, b.samples);
  ASSERT_EQ(a.trace.size(), b.trace.size());
  for (std::size_t i = 0; i < a.trace.size(); ++i)
    EXPECT_EQ(bits(a.trace[i]), bits(b.trace[i])) << "step " << i;
}

TEST_P(MethodOnProblem, RecordsBelongToThePointReached) {
  Context context;
  const auto state = method->init(*problem.objective, problem.start, context);
  EXPECT_EQ(bits(state->x), bits(problem.start));
  StepRecord record = method->start_record(*problem.objective, *state);
  Vector gradient(problem.start.size());
  for (int step = 0; step < 25; ++step) {
    const double value = problem.objective->value_and_gradient(state->x, gradient);
    // The value may come from another order of summation, and the residual from a difference.
    EXPECT_NEAR(record.value, value, 1e-13 + 1e-11 * std::abs(value));
    EXPECT_EQ(record.value, state->value);
    if (record.gradient_norm) {
      EXPECT_NEAR(*record.gradient_norm, gradient.norm(), 1e-13 + 1e-9 * gradient.norm());
    }
    EXPECT_FALSE(record.validation) << "is measured by the loop";
    if (record.halt) break;

    const Vector before = state->x;
    record = method->step(*problem.objective, *state, context);
    const double moved = (state->x - before).norm();
    if (!record.accepted) {
      EXPECT_EQ(bits(state->x), bits(before)) << "a rejected trial moved x";
    }
    if (record.step_norm) {
      EXPECT_NEAR(*record.step_norm, moved, 1e-9 * moved + 1e-15 * before.norm());
    }
  }
}

TEST_P(MethodOnProblem, TheSameRunGivesTheSameBits) { expect_same(run_steps(12), run_steps(12)); }

TEST_P(MethodOnProblem, TheBudgetIsKeptExactly) {
  for (const std::int64_t budget : {0, 1, 7}) {
    const Result result = run_steps(budget);
    EXPECT_LE(result.steps, budget);
    if (!result.trace.back().halt) {
      EXPECT_EQ(result.steps, budget);
    }
    if (!info.needs_samples) {
      EXPECT_EQ(result.samples, result.evaluations * problem.objective->sample_count());
    }
  }
}

TEST_P(MethodOnProblem, ProgressIsMade) {
  const Result result = run_steps(60);
  EXPECT_LT(result.value, result.trace.front().value);
  EXPECT_GT(result.reason.outcome, Outcome::diverged);
}

TEST_P(MethodOnProblem, AResumedRunEqualsTheUninterruptedOne) {
  struct Interrupter final : Observer {
    void on_step(const Progress& progress) override {
      if (progress.record.iteration >= at) token.request();
    }
    StopToken token;
    std::int64_t at = 0;
  };
  const ScratchFolder folder;
  const Result whole = run_steps(12);
  for (const std::int64_t cut : {1, 2, 5, 11}) {
    Interrupter interrupter;
    interrupter.at = cut;
    RunOptions first = options(12);
    first.stop_token = &interrupter.token;
    first.observers = {&interrupter};
    first.checkpoint = CheckpointPlan{folder / "checkpoint", 1e9, {}};
    const Result part = run(*problem.objective, *method, problem.start, first);
    if (whole.steps < cut) break;  // a method may need fewer steps than that
    ASSERT_EQ(part.reason.outcome, Outcome::interrupted);
    ASSERT_EQ(part.steps, cut);
    expect_same(resume(*problem.objective, *method, folder / "checkpoint", options(12)), whole);
  }
}

class EveryMethod : public testing::TestWithParam<std::string> {
 protected:
  const MethodInfo& info = find_method(GetParam());
  const std::unique_ptr<Method> method = info.make({});
};
INSTANTIATE_TEST_SUITE_P(Registry, EveryMethod, testing::ValuesIn(method_names()), test_name);

TEST_P(EveryMethod, CountsEveryPassOverTheData) {
  Work work;
  const Problem problem = counted_problem(info, work);
  const std::int64_t samples = problem.objective->sample_count();
  Context context;
  const auto state = method->init(*problem.objective, problem.start, context);
  EXPECT_EQ(method->start_record(*problem.objective, *state).evaluations * samples, work.samples);
  for (int step = 0; step < 20; ++step) {
    const std::int64_t before = work.samples;
    const StepRecord record = method->step(*problem.objective, *state, context);
    EXPECT_EQ(record.evaluations * samples + record.drawn.value_or(0), work.samples - before)
        << "step " << step;
    if (record.halt) break;
  }
}

TEST_P(EveryMethod, KeepsNoPointThatIsNotFinite) {
  const Problem problem = bounded_problem(info);
  RunOptions options;
  options.stop = max_steps(200);
  const Result result = run(*problem.objective, *method, problem.start, options);
  EXPECT_TRUE(std::isfinite(result.value));
  EXPECT_TRUE(result.last.allFinite());
  EXPECT_LE(result.last.norm(), 2);
  EXPECT_NE(result.reason.outcome, Outcome::converged) << result.reason.criterion;
  for (const StepRecord& record : result.trace) EXPECT_TRUE(std::isfinite(record.value));
}

TEST_P(EveryMethod, KnowsAPointThatIsSolved) {
  const Problem problem = solved_problem(info);
  RunOptions options;
  options.stop = max_steps(5);
  const Result result = run(*problem.objective, *method, problem.start, options);
  EXPECT_EQ(bits(result.last), bits(problem.start));
  EXPECT_EQ(result.reason.outcome, Outcome::converged) << result.reason.criterion;
}

TEST_P(EveryMethod, NamesWhatAProblemLacks) {
  if (!info.needs_composite && !info.needs_samples)
    GTEST_SKIP() << "every problem has values and gradients";
  const Problem problem = gradient_problems().front();
  Context context;
  EXPECT_THROW(method->init(*problem.objective, problem.start, context), UsageError);
}

}  // namespace
}  // namespace thalweg::contract
