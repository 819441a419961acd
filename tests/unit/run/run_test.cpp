// The loop with a method whose path is written down beforehand.
#include "thalweg/run/run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "scratch_folder.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/tensor_file.hpp"

namespace thalweg {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// f(x) = x: a path of points is a path of values.
class Identity final : public Objective {
 public:
  Index dimension() const override { return 1; }
  double value(const ConstVectorRef& x) const override { return x[0]; }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = 1;
    return x[0];
  }
  Index sample_count() const override { return 7; }
};

struct ScriptState final : State {
  std::int64_t position = 0;
  void visit(StateVisitor& visitor) override {
    State::visit(visitor);
    visitor.field("position", position);
  }
};

// Walks along `path`; an absent point is a rejected trial. Past its end it halts as stalled.
class Script final : public MethodFor<Objective, ScriptState> {
 public:
  explicit Script(std::vector<std::optional<double>> path) : path_(std::move(path)) {}
  std::string_view name() const override { return "script"; }
  mutable int steps_taken = 0;

 protected:
  void start(const Objective& problem, ScriptState& state, Context&) const override {
    state.value = problem.value(state.x);
  }
  StepRecord advance(const Objective& problem, ScriptState& state, Context&) const override {
    ++steps_taken;
    StepRecord record;
    record.evaluations = 2;
    if (state.position == static_cast<std::int64_t>(path_.size())) {
      record.accepted = false;
      record.value = state.value;
      record.halt = StopReason{Outcome::stalled, "end of script", not_a_number, 0.5, ""};
      return record;
    }
    const auto next = path_[static_cast<std::size_t>(state.position++)];
    record.accepted = next.has_value();
    if (next) state.x[0] = *next;
    state.value = record.value = problem.value(state.x);
    return record;
  }
  StepRecord describe(const Objective&, const ScriptState& state) const override {
    StepRecord record;
    record.value = state.value;
    record.evaluations = 1;
    return record;
  }
  void rebuild(const Objective&, ScriptState&, Context&) const override {}

 private:
  std::vector<std::optional<double>> path_;
};

const Vector start = Vector::Constant(1, 10);

RunOptions options(StopWhen stop) {
  RunOptions result;
  result.stop = std::move(stop);
  return result;
}

std::vector<double> values(const Result& result) {
  std::vector<double> list;
  for (const StepRecord& record : result.trace) list.push_back(record.value);
  return list;
}

TEST(Run, RecordsTheStartAndEveryStep) {
  const Result result = run(Identity(), Script({9.0, 8.0, {}, 7.0}), start, options(max_steps(4)));
  EXPECT_EQ(values(result), (std::vector<double>{10, 9, 8, 8, 7}));
  for (std::size_t i = 0; i < result.trace.size(); ++i)
    EXPECT_EQ(result.trace[i].iteration, static_cast<std::int64_t>(i));
  EXPECT_FALSE(result.trace[3].accepted);
  EXPECT_EQ(result.steps, 4) << "a rejected trial is a step";
  EXPECT_EQ(result.evaluations, 1 + 4 * 2);
  EXPECT_EQ(result.samples, 7 * 9);
  EXPECT_EQ(result.trace[1].samples, 7 * 3);
  EXPECT_EQ(result.reason.outcome, Outcome::budget_exhausted);
  EXPECT_GE(result.seconds, result.trace.back().seconds);
}

TEST(Run, ReturnsTheBestPointWithItsValue) {
  const Result result = run(Identity(), Script({3.0, 5.0, 4.0}), start, options(max_steps(3)));
  EXPECT_EQ(result.best[0], 3);
  EXPECT_EQ(result.value, 3);
  EXPECT_EQ(result.best_step, 1);
  EXPECT_EQ(result.last[0], 4);
}

TEST(Run, OfEqualValuesTheLaterPointIsBest) {
  const Result result = run(Identity(), Script({3.0, 5.0, 3.0, {}}), start, options(max_steps(4)));
  EXPECT_EQ(result.best_step, 3);
}

// Stops at one step, whatever the values.
class ConvergedAt final : public Criterion {
 public:
  explicit ConvergedAt(std::int64_t step) : step_(step) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    if (progress.record.iteration != step_) return std::nullopt;
    return StopReason{Outcome::converged, "test", std::nullopt, std::nullopt, ""};
  }

 private:
  std::int64_t step_;
};

TEST(Run, AConvergedRunReturnsThePointThatConverged) {
  const Result result =
      run(Identity(), Script({3.0, 5.0, {}}), start, options(std::make_shared<ConvergedAt>(3)));
  EXPECT_EQ(result.best[0], 5);
  EXPECT_EQ(result.value, 5);
  EXPECT_EQ(result.best_step, 2);
}

TEST(Run, AConvergedRunReturnsThatPointWithValidationToo) {
  RunOptions to_target = options(any_of({target_loss(5.5), patience(20)}));
  to_target.validation = [](const ConstVectorRef& x) { return std::abs(x[0] - 7.4); };
  const Result result = run(Identity(), Script({9.0, 7.0, 5.0, 4.0}), start, to_target);
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(result.best[0], 5) << "the target holds at the point returned";
  EXPECT_EQ(result.value, 5);
  EXPECT_EQ(result.validation, 7.4 - 5);
  EXPECT_EQ(result.best_step, 3);
}

TEST(Run, TheBestPointIsByValidationWhereThereIsOne) {
  RunOptions by_validation = options(patience(2));
  by_validation.validation = [](const ConstVectorRef& x) { return std::abs(x[0] - 7.4); };
  const Result result =
      run(Identity(), Script({9.0, 7.0, {}, 6.0, 5.0, 4.0}), start, by_validation);
  EXPECT_EQ(result.reason.outcome, Outcome::early_stopped);
  EXPECT_EQ(result.steps, 5) << "the rejected trial is no evaluation";
  EXPECT_EQ(result.best[0], 7);
  EXPECT_EQ(result.value, 7);
  EXPECT_EQ(result.best_step, 2);
  EXPECT_EQ(*result.validation, 7.4 - 7);
  EXPECT_FALSE(result.trace[3].validation);
  EXPECT_TRUE(result.trace[4].validation);
  EXPECT_TRUE(result.trace[0].validation);
}

TEST(Run, ValidationThatIsNotFiniteIsNeverBest) {
  RunOptions by_validation = options(max_steps(3));
  by_validation.validation = [](const ConstVectorRef& x) {
    return x[0] > 8.5 ? not_a_number : x[0];
  };
  const Result result = run(Identity(), Script({9.0, 8.0, 8.2}), start, by_validation);
  EXPECT_EQ(result.best[0], 8);
  EXPECT_EQ(result.validation, 8);
}

TEST(Run, ANonFiniteValueFailsAndKeepsTheLastGoodPoint) {
  const Result result =
      run(Identity(), Script({9.0, 12.0, not_a_number, 1.0}), start, options(max_steps(3)));
  EXPECT_EQ(result.reason.outcome, Outcome::failed);
  ASSERT_EQ(result.reasons.size(), 2u) << "bad news outranks the budget, which is told too";
  EXPECT_EQ(result.reasons[1].outcome, Outcome::budget_exhausted);
  EXPECT_EQ(result.best[0], 9);
  EXPECT_EQ(result.value, 9);
}

TEST(Run, AStartWithoutAFiniteValueFails) {
  class Nowhere final : public Objective {
   public:
    Index dimension() const override { return 1; }
    double value(const ConstVectorRef&) const override { return not_a_number; }
    double value_and_gradient(const ConstVectorRef&, VectorRef g) const override {
      g[0] = 0;
      return not_a_number;
    }
  };
  const Script script({1.0});
  const Result result = run(Nowhere(), script, start, options(max_steps(3)));
  EXPECT_EQ(result.reason.outcome, Outcome::failed);
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(script.steps_taken, 0);
  EXPECT_EQ(result.best, start);
}

TEST(Run, AMethodMayHalt) {
  const Result result = run(Identity(), Script({9.0}), start, options(max_steps(100)));
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_EQ(result.reason.criterion, "end of script");
  EXPECT_FALSE(result.reason.measured) << "a NaN is no measurement";
  EXPECT_EQ(result.reason.threshold, 0.5);
  EXPECT_EQ(result.steps, 2);
}

TEST(Run, CriteriaHoldAtTheStartToo) {
  const Script script({9.0});
  EXPECT_EQ(run(Identity(), script, start, options(target_loss(10))).steps, 0);
  EXPECT_EQ(run(Identity(), script, start, options(max_steps(0))).steps, 0);
  EXPECT_EQ(script.steps_taken, 0);
}

// Identity has 7 samples and a step of Script takes 2 passes: 7, 21, 35, 49 samples so far.
TEST(Run, TheSampleLimitEndsTheRun) {
  const Script script({9.0, 8.0, 7.0, 6.0});
  const Result exact = run(Identity(), script, start, options(sample_limit(35)));
  EXPECT_EQ(exact.reason.outcome, Outcome::budget_exhausted);
  EXPECT_EQ(exact.reason.criterion, "sample-limit");
  EXPECT_EQ(exact.samples, 35);
  EXPECT_EQ(exact.value, 8);
}

TEST(Run, AStepBeyondTheSampleLimitDoesNotCount) {
  const Script script({9.0, 8.0, 7.0, 6.0});
  const Result result = run(Identity(), script, start, options(sample_limit(36)));
  EXPECT_EQ(result.steps, 3);
  EXPECT_EQ(result.samples, 49) << "what was taken is told";
  EXPECT_EQ(result.best_step, 2);
  EXPECT_EQ(result.best[0], 8);
  EXPECT_EQ(result.value, 8);
  const Result none = run(Identity(), script, start, options(sample_limit(3)));
  EXPECT_EQ(none.steps, 0);
  EXPECT_EQ(none.value, 10) << "the start was given";
}

TEST(Run, AStepBeyondTheSampleLimitDoesNotConverge) {
  const Script script({9.0, 8.0, 7.0, 6.0});
  const Result beyond = run(Identity(), script, start, options(target_loss(7) | sample_limit(36)));
  EXPECT_EQ(beyond.reason.outcome, Outcome::budget_exhausted);
  EXPECT_EQ(beyond.value, 8);
  const Result within = run(Identity(), script, start, options(target_loss(8) | sample_limit(36)));
  EXPECT_EQ(within.reason.outcome, Outcome::converged);
  EXPECT_EQ(within.value, 8);
}

TEST(Run, TheTimeLimitEndsTheRun) {
  RunOptions limited = options(time_limit(0.02));
  limited.validation = [](const ConstVectorRef&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return 1.0;
  };
  const Result result =
      run(Identity(), Script(std::vector<std::optional<double>>(100, 5.0)), start, limited);
  EXPECT_EQ(result.reason.criterion, "time-limit");
  EXPECT_LE(result.steps, 4);
}

TEST(Run, ObserversSeeStartStepsAndEnd) {
  struct Watcher final : Observer {
    void on_start(const StepRecord& record) override { seen += "s" + text(record.value); }
    void on_step(const Progress& progress) override { seen += " " + text(progress.record.value); }
    void on_end(const StopReason& reason) override { seen += " " + reason.criterion; }
    static std::string text(double value) { return std::to_string(static_cast<int>(value)); }
    std::string seen;
  } watcher;
  RunOptions watched = options(max_steps(2));
  watched.observers = {&watcher};
  run(Identity(), Script({9.0, 8.0, 7.0}), start, watched);
  EXPECT_EQ(watcher.seen, "s10 9 8 max-steps");
}

TEST(Run, MisuseIsThrownBeforeTheFirstStep) {
  const Script script({9.0});
  EXPECT_THROW(run(Identity(), script, start, RunOptions{}), UsageError);
  EXPECT_THROW(run(Identity(), script, Vector::Zero(2), options(max_steps(1))), UsageError);
  EXPECT_THROW(run(Identity(), script, Vector::Constant(1, not_a_number), options(max_steps(1))),
               UsageError);
  RunOptions unwritable = options(max_steps(1));
  unwritable.checkpoint = CheckpointPlan{"/absent/folder/checkpoint", 1.0, {}};
  EXPECT_THROW(run(Identity(), script, start, unwritable), DataError);
  EXPECT_EQ(script.steps_taken, 0);
}

class CheckpointTest : public testing::Test {
 protected:
  RunOptions saved(StopWhen stop) {
    RunOptions result = options(std::move(stop));
    result.checkpoint = CheckpointPlan{path, 0.0, {{"data", "a.csv"}}};
    return result;
  }

  const ScratchFolder folder;
  const std::filesystem::path path = folder / "checkpoint.safetensors";
  const Script script{{9.0, 8.0, {}, 6.0, 7.0, 5.5, 5.0}};
};

TEST_F(CheckpointTest, AnInterruptedRunGoesOnWhereItWas) {
  // The token is set by an observer at each step in turn, as a signal would.
  struct Interrupter final : Observer {
    void on_step(const Progress& progress) override {
      if (progress.record.iteration == at) token.request();
    }
    StopToken token;
    std::int64_t at = 0;
  };
  const Result whole = run(Identity(), script, start, options(max_steps(6)));
  for (std::int64_t cut = 0; cut <= 6; ++cut) {
    Interrupter interrupter;
    interrupter.at = cut;
    if (cut == 0) interrupter.token.request();
    RunOptions first = saved(max_steps(6));
    first.stop_token = &interrupter.token;
    first.observers = {&interrupter};
    const Result part = run(Identity(), script, start, first);
    EXPECT_EQ(part.reason.outcome, Outcome::interrupted);
    EXPECT_EQ(part.steps, cut);
    EXPECT_FALSE(read_checkpoint_info(path).finished);

    const Result rest = resume(Identity(), script, path, saved(max_steps(6)));
    EXPECT_EQ(values(rest), values(whole));
    EXPECT_EQ(rest.best, whole.best);
    EXPECT_EQ(rest.best_step, whole.best_step);
    EXPECT_EQ(rest.reason.criterion, whole.reason.criterion);
    EXPECT_EQ(rest.samples, whole.samples);
    EXPECT_EQ(rest.evaluations, whole.evaluations);
    EXPECT_GE(rest.seconds, part.seconds);
  }
}

TEST_F(CheckpointTest, ALongTraceIsThinnedAndResumesToTheSame) {
  constexpr std::int64_t steps = 60000;
  std::vector<std::optional<double>> path_taken;
  for (std::int64_t k = 0; k < steps; ++k)
    path_taken.push_back(k == 30001 ? -1.0 : 2 + std::sin(static_cast<double>(k)));
  const Script wave(path_taken);
  const Result whole = run(Identity(), wave, start, options(max_steps(steps)));
  EXPECT_EQ(whole.steps, steps);
  EXPECT_EQ(whole.best_step, 30002) << "the best step stays in the trace, and is found there";
  EXPECT_EQ(whole.value, -1);
  EXPECT_LE(whole.trace.size(), 16384U);
  EXPECT_EQ(whole.trace[1023].iteration, 1023);
  EXPECT_EQ(whole.trace[whole.trace.size() - 1024].iteration, steps - 1023);

  struct Interrupter final : Observer {
    void on_step(const Progress& progress) override {
      if (progress.record.iteration == 40000) token.request();
    }
    StopToken token;
  } interrupter;
  RunOptions first = saved(max_steps(steps));
  first.checkpoint->seconds = 1;
  first.stop_token = &interrupter.token;
  first.observers = {&interrupter};
  ASSERT_EQ(run(Identity(), wave, start, first).steps, 40000);
  RunOptions second = saved(max_steps(steps));
  second.checkpoint->seconds = 1;
  const Result rest = resume(Identity(), wave, path, second);
  EXPECT_EQ(values(rest), values(whole));
  EXPECT_EQ(rest.best_step, whole.best_step);
  EXPECT_EQ(rest.evaluations, whole.evaluations);
}

TEST_F(CheckpointTest, EarlyStoppingDecidesAsWithoutInterruption) {
  const auto validation = [](const ConstVectorRef& x) { return std::abs(x[0] - 7.4); };
  RunOptions unbroken = options(patience(2));
  unbroken.validation = validation;
  const Result whole = run(Identity(), script, start, unbroken);
  ASSERT_EQ(whole.reason.outcome, Outcome::early_stopped);

  StopToken token;
  RunOptions first = saved(patience(2));
  first.stop_token = &token;
  first.validation = [&](const ConstVectorRef& x) {
    if (x[0] == 6.0) token.request();
    return validation(x);
  };
  ASSERT_EQ(run(Identity(), script, start, first).reason.outcome, Outcome::interrupted);
  RunOptions second = saved(patience(2));
  second.validation = validation;
  const Result rest = resume(Identity(), script, path, second);
  EXPECT_EQ(rest.steps, whole.steps);
  EXPECT_EQ(rest.best, whole.best);
  EXPECT_EQ(rest.validation, whole.validation);
  EXPECT_EQ(rest.reason.measured, whole.reason.measured);
  EXPECT_EQ(rest.reason.advice, whole.reason.advice);
}

TEST_F(CheckpointTest, AFinishedRunIsReturnedUnchanged) {
  const Result whole = run(Identity(), script, start, saved(max_steps(100)));
  ASSERT_EQ(whole.reason.criterion, "end of script");
  const std::string bytes = slurp(path);
  const int steps = script.steps_taken;
  const CheckpointInfo info = read_checkpoint_info(path);
  EXPECT_TRUE(info.finished);
  EXPECT_EQ(info.method, "script");
  EXPECT_EQ(info.extra.at("data"), "a.csv");

  const Result again = resume(Identity(), script, path, saved(max_steps(1000)));
  EXPECT_EQ(script.steps_taken, steps);
  EXPECT_EQ(slurp(path), bytes);
  EXPECT_EQ(values(again), values(whole));
  EXPECT_EQ(again.seconds, whole.seconds);
  EXPECT_EQ(again.reason.criterion, whole.reason.criterion);
  EXPECT_EQ(again.reason.threshold, whole.reason.threshold);
  EXPECT_EQ(again.reasons.size(), whole.reasons.size());
  EXPECT_EQ(again.last, whole.last);
}

TEST_F(CheckpointTest, ExtraIsKeptByAResumedRunThatGivesNone) {
  StopToken token;
  token.request();
  RunOptions first = saved(max_steps(2));
  first.stop_token = &token;
  run(Identity(), script, start, first);
  RunOptions second = saved(max_steps(2));
  second.checkpoint->extra.clear();
  resume(Identity(), script, path, second);
  EXPECT_EQ(read_checkpoint_info(path).extra.at("data"), "a.csv");
}

TEST_F(CheckpointTest, IsWrittenBeforeTheFirstStep) {
  RunOptions watched = saved(max_steps(1));
  bool existed = false;
  struct Watcher final : Observer {
    void on_step(const Progress&) override { existed = std::filesystem::exists(path); }
    Watcher(const std::filesystem::path& p, bool& e) : path(p), existed(e) {}
    const std::filesystem::path& path;
    bool& existed;
  } watcher(path, existed);
  watched.observers = {&watcher};
  run(Identity(), script, start, watched);
  EXPECT_TRUE(existed);
}

TEST_F(CheckpointTest, AnotherMethodOrProblemIsADataError) {
  run(Identity(), script, start, saved(max_steps(2)));
  class Wide final : public Objective {
   public:
    Index dimension() const override { return 2; }
    double value(const ConstVectorRef&) const override { return 0; }
    double value_and_gradient(const ConstVectorRef&, VectorRef g) const override {
      g.setZero();
      return 0;
    }
  };
  EXPECT_THROW(resume(Wide(), script, path, options(max_steps(3))), DataError);
  TensorFile file = TensorFile::read(path);
  file.metadata["method"] = "other";
  file.write(path);
  EXPECT_THROW(resume(Identity(), script, path, options(max_steps(3))), DataError);
  EXPECT_THROW(resume(Identity(), script, folder / "absent", options(max_steps(3))), DataError);
}

TEST_F(CheckpointTest, EveryDamagedByteIsADataError) {
  run(Identity(), script, start, saved(max_steps(3)));
  const std::string original = slurp(path);
  const auto damaged = folder / "damaged";
  for (std::size_t i = 0; i < original.size(); i += 13) {
    std::string bytes = original;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    spill(damaged, bytes);
    EXPECT_THROW(read_checkpoint_info(damaged), DataError) << i;
    spill(damaged, original.substr(0, i));
    EXPECT_THROW(read_checkpoint_info(damaged), DataError) << i;
  }
}

}  // namespace
}  // namespace thalweg
