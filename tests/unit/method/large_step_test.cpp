#include "thalweg/method/large_step.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using Fallback = LargeStep::Fallback;

// Rows whose first entry decides the class, by `gap` at least; `flipped` labels are wrong.
struct Rows {
  Matrix rows;  // (N, D)
  std::vector<int> labels;
};

Rows random_rows(Index samples, Index inputs, double gap, int flipped, std::uint64_t seed = 1) {
  RandomStream random(seed, "rows");
  Rows result{random.normal_vector(samples * inputs).reshaped(samples, inputs), {}};
  for (Index i = 0; i < samples; ++i) {
    double& first = result.rows(i, 0);
    first += first > 0 ? gap : -gap;
    result.labels.push_back((first > 0) != (i < flipped) ? 1 : 0);
  }
  return result;
}

std::shared_ptr<const LinearObjective> logistic(const Rows& data) {
  return std::make_shared<LinearObjective>(
      std::make_shared<LinearModel>(data.rows, LinearModel::Options{.intercept = false}),
      std::make_shared<CrossEntropyLoss>(data.labels, 2));
}

Result run_for(const Objective& problem, const LargeStep::Options& options, std::int64_t steps,
               StopWhen stop = nullptr) {
  RunOptions how;
  how.stop = stop ? max_steps(steps) | stop : max_steps(steps);
  return run(problem, LargeStep(options), Vector::Zero(problem.dimension()), how);
}

TEST(LargeStep, TakesThePlainGradientStep) {
  const Rows data = random_rows(30, 4, 0.2, 0);
  const double eta = 20;
  const Result result = run_for(*logistic(data), {.eta = eta}, 50);
  Vector w = Vector::Zero(4);
  for (int t = 0; t < 50; ++t) {
    Vector g = Vector::Zero(4);
    for (Index i = 0; i < 30; ++i) {
      const double y = data.labels[static_cast<std::size_t>(i)] == 1 ? 1 : -1;
      g -= y / (1 + std::exp(y * data.rows.row(i).dot(w))) / 30 * data.rows.row(i).transpose();
    }
    w -= eta * g;
  }
  EXPECT_LT((result.last - w).norm(), 1e-10 * w.norm());
}

TEST(LargeStep, RecordsWhatATraceShows) {
  Rows data{Matrix(4, 2), {1, 1, 0, 0}};  // figure 1 of the paper
  data.rows << 1, 0.2, -2, 0.2, -1, -0.2, 2, -0.2;
  const auto problem = logistic(data);
  const double eta = 16, norm = data.rows.rowwise().norm().maxCoeff();
  Context context;
  const LargeStep method({.eta = eta, .watch_every = 1});
  const auto state = method.init(*problem, Vector::Zero(2), context);
  double before = state->value, transition = -1, last_increase = 0;
  for (int t = 1; t <= 400; ++t) {
    const StepRecord record = method.step(*problem, *state, context);
    if (record.value > before) last_increase = t;
    if (transition < 0 && record.value <= 1 / eta) transition = t;
    before = record.value;
    ASSERT_EQ(*record.last_increase_step, last_increase);
    ASSERT_EQ(record.transition_step.value_or(-1), transition);
    ASSERT_NEAR(*record.log_value, std::log(record.value), 1e-14);
    Vector margins = data.rows * state->x;
    for (Index i = 0; i < 4; ++i)
      if (data.labels[static_cast<std::size_t>(i)] == 0) margins[i] = -margins[i];
    ASSERT_EQ(*record.training_error, static_cast<double>((margins.array() <= 0).count()) / 4);
    ASSERT_NEAR(*record.margin, margins.minCoeff() / (state->x.norm() * norm), 1e-13);
  }
  EXPECT_GT(last_increase, 0) << "eta is too small for this test";
  EXPECT_GT(transition, last_increase - 1);
}

TEST(LargeStep, AnUnderflowingLossIsNoStop) {
  const Rows data = random_rows(20, 3, 2, 0);
  const auto problem = logistic(data);
  const Result result = run_for(*problem, {.eta = 1e4}, 300, zero_gradient());
  EXPECT_EQ(result.steps, 300);
  EXPECT_EQ(result.value, 0);
  const StepRecord& end = result.trace.back();
  EXPECT_LT(*end.log_value, -1000);
  EXPECT_TRUE(std::isfinite(*end.log_value));
  EXPECT_EQ(*end.training_error, 0);
}

// f(w) = (3 ln(1 + e^-w) + ln(1 + e^w)) / 4 has its minimum where sigma(w) = 3/4; lambda = 3/16.
Rows one_dimensional() { return {Matrix::Ones(4, 1), {1, 1, 1, 0}}; }
constexpr double critical_stepsize = 2 / (3.0 / 16);

TEST(LargeStep, BelowTheCriticalStepsizeNothingIsCalledACycle) {
  const Result result = run_for(*logistic(one_dimensional()), {.eta = 0.99 * critical_stepsize},
                                20000, gradient_tolerance(1e-10));
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_NEAR(result.best[0], std::log(3.0), 1e-8);
  for (const StepRecord& record : result.trace)
    EXPECT_EQ(record.stepsize.value_or(0.99 * critical_stepsize), 0.99 * critical_stepsize);
}

class Cycles : public testing::TestWithParam<double> {};
INSTANTIATE_TEST_SUITE_P(TimesCritical, Cycles, testing::Values(1.1, 1.5, 3, 10));

TEST_P(Cycles, AreLeftForVerifiedStepsFromTheBestPoint) {
  const double eta = GetParam() * critical_stepsize;
  const Result result =
      run_for(*logistic(one_dimensional()), {.eta = eta}, 5000, gradient_tolerance(1e-10));
  ASSERT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_NEAR(result.best[0], std::log(3.0), 1e-8);
  std::size_t first = 1;
  while (*result.trace[first].stepsize == eta && first + 1 < result.trace.size()) ++first;
  EXPECT_GT(first, 60u) << "a cycle must be seen before it is left";
  for (std::size_t i = first + 1; i < result.trace.size(); ++i)
    EXPECT_LE(result.trace[i].value, result.trace[i - 1].value * (1 + 1e-14));
  EXPECT_LT(*result.trace.back().stepsize, critical_stepsize);
}

TEST_P(Cycles, EndARunThatIsToStop) {
  const Result result =
      run_for(*logistic(one_dimensional()),
              {.eta = GetParam() * critical_stepsize, .fallback = Fallback::stop}, 5000);
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_EQ(result.reason.criterion, "cycle");
  EXPECT_NE(result.reason.advice.find("newton"), std::string::npos);
  EXPECT_NE(result.reason.advice.find("2 / lambda_max"), std::string::npos);
  // 1.1 and 3 have periods; 1.5 is chaotic and 10 drifts, which the age of the best value tells.
  EXPECT_LT(result.steps, 4000);
}

TEST_P(Cycles, AreNeverTakenForConvergence) {
  const Result result = run_for(*logistic(one_dimensional()),
                                {.eta = GetParam() * critical_stepsize, .fallback = Fallback::none},
                                5000, gradient_tolerance(1e-6));
  EXPECT_EQ(result.reason.outcome, Outcome::budget_exhausted);
}

// Many rows, some labelled wrongly: the iterates wander without a period.
TEST(LargeStep, WanderingIsSeenByItsOldBestValue) {
  const auto problem = logistic(random_rows(80, 6, 0, 8));
  const Result stopped =
      run_for(*problem, {.eta = 3000, .fallback = Fallback::stop, .patience = 300}, 20000);
  ASSERT_EQ(stopped.reason.criterion, "cycle");
  EXPECT_EQ(stopped.reason.threshold, 300);
  EXPECT_GE(stopped.steps, 300);
  const Result result =
      run_for(*problem, {.eta = 3000, .patience = 300}, 20000, gradient_tolerance(1e-8));
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_LT(result.value, stopped.value);
}

// The oscillation of separable data ends by itself, and must not be cut off.
TEST(LargeStep, SeparableDataAreGivenTheirTime) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    for (const double gap : {0.01, 0.1})
      for (const double eta : {10.0, 1e3, 1e5}) {
        const auto problem = logistic(random_rows(60, 4, gap, 0, seed));
        const Result result = run_for(*problem, {.eta = eta}, 4000);
        for (const StepRecord& record : result.trace)
          ASSERT_EQ(record.stepsize.value_or(eta), eta)
              << "seed " << seed << " gap " << gap << " step " << record.iteration;
        EXPECT_LT(result.trace.back().value, 0.1);
      }
}

TEST(LargeStep, TheRampWaitsForOneOverItsStepsizeOrItsSteps) {
  const double eta = 640;
  const Result result = run_for(*logistic(random_rows(60, 4, 0.05, 0)),
                                {.eta = eta, .stages = 3, .stage_steps = 40}, 400);
  double stepsize = eta / 64;
  int in_stage = 0;
  for (std::size_t i = 1; i < result.trace.size(); ++i) {
    ASSERT_EQ(*result.trace[i].stepsize, stepsize) << "step " << i;
    ++in_stage;
    if (stepsize < eta && (result.trace[i].value <= 1 / stepsize || in_stage == 40)) {
      stepsize *= 4;
      in_stage = 0;
    }
  }
  EXPECT_EQ(stepsize, eta);
}

// 1/2 |x|^2 with eta 3: every step doubles x, so that f grows by 4.
class Bowl final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override { return 0.5 * x.squaredNorm(); }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = x;
    return value(x);
  }
};

TEST(LargeStep, ARunawayIsCalledBack) {
  RunOptions how;
  how.stop = max_steps(200) | gradient_tolerance(1e-12);
  const Vector start = Vector::Ones(2);
  const Result result = run(Bowl(), LargeStep({.eta = 3}), start, how);
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(result.trace[16].value, std::pow(4.0, 16));
  EXPECT_LT(result.trace[17].value, 1);
  const Result stopped = run(Bowl(), LargeStep({.eta = 3, .fallback = Fallback::stop}), start, how);
  EXPECT_EQ(stopped.reason.criterion, "runaway");
  EXPECT_EQ(stopped.reason.outcome, Outcome::diverged);
  EXPECT_EQ(stopped.best, start);
}

TEST(LargeStep, AStepThatOverflowsIsNotKept) {
  const Rows data = random_rows(50, 3, 0, 5);
  const LinearObjective problem(
      std::make_shared<LinearModel>(data.rows, LinearModel::Options{.intercept = false}),
      std::make_shared<ExponentialLoss>(data.labels));
  const Result safe = run_for(problem, {.eta = 1e6}, 2000, gradient_tolerance(1e-9));
  EXPECT_EQ(safe.reason.outcome, Outcome::converged);
  const Result plain = run_for(problem, {.eta = 1e6, .fallback = Fallback::none}, 2000);
  EXPECT_EQ(plain.reason.criterion, "non-finite-trial");
  EXPECT_EQ(plain.reason.outcome, Outcome::diverged);
}

TEST(LargeStep, MarginsAreMeasuredAtTheirCadence) {
  const auto problem = logistic(random_rows(60, 4, 0.1, 0));
  const Result result = run_for(*problem, {.eta = 10, .watch_every = 7}, 40);
  for (const StepRecord& record : result.trace) {
    EXPECT_EQ(record.training_error.has_value(), record.iteration % 7 == 0);
    // A pass for the gradient and one for the margins; at the start the row norm is a third.
    const int passes = record.iteration == 0 ? 3 : (record.iteration % 7 == 0 ? 2 : 1);
    EXPECT_EQ(record.evaluations, passes) << "step " << record.iteration;
  }
}

// Checkpoints are files, and files can be forged.
TEST(LargeStep, AForgedStateIsRefused) {
  const auto problem = logistic(random_rows(20, 3, 0.1, 0));
  const LargeStep method({.eta = 10, .stages = 1});
  const std::vector<std::function<void(LargeStepState&)>> changes{
      [](LargeStepState& s) { s.gradient.resize(2); },
      [](LargeStepState& s) { s.best.resize(0); },
      [](LargeStepState& s) { s.watch.recent.resize(63); },
      [](LargeStepState& s) { s.watch.steps = -1; },
      [](LargeStepState& s) { s.watch.best_step = -200; },
      [](LargeStepState& s) { s.ramp.stage = 2; },
      [](LargeStepState& s) { s.safe_stepsize = -1; },
      [](LargeStepState& s) { s.safe_stepsize = std::nan(""); },
  };
  for (std::size_t k = 0; k < changes.size(); ++k) {
    Context context;
    const auto state = method.init(*problem, Vector::Zero(3), context);
    EXPECT_NO_THROW(method.restore(*problem, *state, context));
    changes[k](dynamic_cast<LargeStepState&>(*state));
    EXPECT_THROW(method.restore(*problem, *state, context), DataError) << "change " << k;
  }
}

TEST(LargeStep, NamesEveryViolatedRangeAtOnce) {
  try {
    LargeStep({.eta = -1, .stages = 31, .stage_steps = 0, .patience = -1, .watch_every = -1});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    for (const char* key : {"eta", "stages", "stage-steps", "patience", "watch-every"})
      EXPECT_NE(error.problem().find(key), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace thalweg
