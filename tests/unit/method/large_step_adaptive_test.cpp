#include "thalweg/method/large_step_adaptive.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/method/large_step_theory.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

// Unbalanced: `copies` of (g, h) and one (g, -h), g = 0.1, of norm 1 and margin g.
Matrix unbalanced(Index copies) {
  Matrix rows(copies + 1, 2);
  rows.col(0).setConstant(0.1);
  rows.col(1).setConstant(std::sqrt(0.99));
  rows(copies, 1) *= -1;
  return rows;
}

std::shared_ptr<const LinearObjective> positive(const Matrix& rows) {
  return std::make_shared<LinearObjective>(
      std::make_shared<LinearModel>(rows, LinearModel::Options{.intercept = false}),
      std::make_shared<CrossEntropyLoss>(std::vector<int>(static_cast<std::size_t>(rows.rows()), 1),
                                         2));
}

Result run_for(const Objective& problem, const LargeStepAdaptive::Options& options,
               std::int64_t steps) {
  RunOptions how;
  how.stop = max_steps(steps);
  return run(problem, LargeStepAdaptive(options), Vector::Zero(problem.dimension()), how);
}

// ln of the mean of ln(1 + e^-m), m > 30 taken as e^-m.
double ln_logistic(const Vector& margins) {
  const double smallest = margins.minCoeff();
  if (smallest > 30) return std::log((smallest - margins.array()).exp().mean()) - smallest;
  return std::log((-margins.array()).exp().log1p().mean());
}

TEST(LargeStepAdaptive, AveragesTheIteratesOfSoftmaxSteps) {
  const Matrix rows = unbalanced(5);
  const double eta = 7;
  Vector w = Vector::Zero(2), sum = Vector::Zero(2);
  const Result result = run_for(*positive(rows), {.eta = eta}, 40);
  for (std::size_t t = 1; t <= 40; ++t) {
    sum += w;
    const Vector m = rows * w;
    Vector p = (m.minCoeff() - m.array()).exp();
    p /= p.sum();
    w += eta * rows.transpose() * p;
    const double average = ln_logistic(rows * (sum / static_cast<double>(t)));
    const double last = ln_logistic(rows * w);
    EXPECT_NEAR(*result.trace[t].average_log_value, average, 1e-11 * std::abs(average));
    EXPECT_NEAR(*result.trace[t].last_log_value, last, 1e-11 * std::abs(last));
    EXPECT_EQ(*result.trace[t].log_value,
              std::min(*result.trace[t].average_log_value, *result.trace[t].last_log_value));
  }
}

// The data on which the logistic form of the step breaks the bound, by 25 nats at t = 150 and 80 at
// t = 400; this form keeps it.
TEST(LargeStepAdaptive, KeepsItsBoundOnUnbalancedData) {
  const Result result = run_for(*positive(unbalanced(30)), {.eta = 100, .margin = 0.1}, 400);
  for (const StepRecord& record : result.trace)
    if (record.iteration > 0) {
      EXPECT_LE(*record.average_log_value, *record.bound_log_value);
    }
  EXPECT_NEAR(*result.trace[150].bound_log_value, -25, 1e-9);
  EXPECT_NEAR(*result.trace[150].average_log_value, -34.8, 0.5);
  EXPECT_NEAR(*result.trace[400].average_log_value, -159.8, 0.5);
}

TEST(LargeStepAdaptive, HugeStepsizesGiveFiniteNumbers) {
  for (const double eta : {1e4, 1e6, 1e12}) {
    const Result result = run_for(*positive(unbalanced(3)), {.eta = eta, .margin = 0.1}, 3000);
    EXPECT_EQ(result.steps, 3000);
    for (const StepRecord& record : result.trace) {
      ASSERT_TRUE(std::isfinite(record.value));
      ASSERT_TRUE(record.log_value && record.average_log_value && record.last_log_value);
    }
    EXPECT_LE(*result.trace.back().average_log_value, *result.trace.back().bound_log_value);
  }
}

TEST(LargeStepAdaptive, AMillionStepsKeepTheirDigits) {
  constexpr std::int64_t steps = 1000000;
  const Matrix rows = unbalanced(2);
  const Result result = run_for(*positive(rows), {.eta = 1, .margin = 0.1}, steps);
  const StepRecord& end = result.trace.back();
  EXPECT_EQ(end.iteration, steps);
  // The running mean of the outputs against the outputs of the point returned.
  EXPECT_NEAR(*end.log_value, ln_logistic(rows * result.last), 1e-9 * std::abs(*end.log_value));
  EXPECT_NEAR(*end.margin, 0.1, 1e-5);
  // w_t grows by eta gamma per step along the separator, so that the average has half of it.
  EXPECT_NEAR(*end.last_log_value, -0.01 * steps, 20);
  EXPECT_NEAR(*end.average_log_value, -0.005 * steps, 20);
}

TEST(LargeStepAdaptive, ChoosesAStepsizeByTheRowNorm) {
  for (const double norm : {0.1, 1.0, 30.0}) {
    const auto problem = positive(norm * unbalanced(3));
    EXPECT_NEAR(*run_for(*problem, {}, 1).trace[1].stepsize, 100 / (norm * norm), 1e-9);
    EXPECT_NEAR(*run_for(*problem, {.row_norm = 5}, 1).trace[1].stepsize, 4, 1e-12);
  }
}

TEST(LargeStepAdaptive, PromisesNothingFromAnotherStart) {
  const auto problem = positive(unbalanced(3));
  RunOptions how;
  how.stop = max_steps(20);
  const Result result =
      run(*problem, LargeStepAdaptive({.margin = 0.1}), Vector::Constant(2, 1e-3), how);
  for (const StepRecord& record : result.trace) EXPECT_FALSE(record.bound_log_value);
  EXPECT_LT(result.value, result.trace.front().value);
}

TEST(LargeStepAdaptive, TheBoundIsThatOfALossBelowTheExponential) {
  const Matrix rows = unbalanced(3);
  const auto model = std::make_shared<LinearModel>(rows, LinearModel::Options{.intercept = false});
  const std::vector<int> labels(4, 1);
  const LinearObjective exponential(model, std::make_shared<ExponentialLoss>(labels)),
      polynomial(model, std::make_shared<PolynomialLoss>(labels, 2));
  const auto last = [](const Result& result) { return result.trace.back(); };
  const StepRecord e = last(run_for(exponential, {.eta = 100, .margin = 0.1}, 300));
  EXPECT_LE(*e.average_log_value, *e.bound_log_value);
  EXPECT_FALSE(last(run_for(polynomial, {.eta = 100, .margin = 0.1}, 300)).bound_log_value);
}

// Contradicting rows that balance at a point: no direction is left.
TEST(LargeStepAdaptive, SaysWhereTheDirectionVanishes) {
  Matrix rows(3, 1);
  rows << 1, 1, -2;
  const Result result = run_for(*positive(rows), {.eta = 1}, 100);
  EXPECT_EQ(result.reason.criterion, "zero-gradient") << "sum of the rows is 0 at the start";
  EXPECT_EQ(result.steps, 1);
}

TEST(LargeStepAdaptive, NamesWhatAProblemLacks) {
  const Network net({.inputs = 2, .hidden = {3}, .outputs = 1});
  const Matrix inputs = Matrix::Ones(4, 2);
  const std::vector<int> labels{0, 1, 0, 1};
  const auto loss = std::make_shared<CrossEntropyLoss>(labels, 2);
  const auto linear = std::make_shared<LinearModel>(inputs, LinearModel::Options{});
  const CompositeObjective network(net.on(inputs), loss),
      regression(linear, std::make_shared<SquaredLoss>(Matrix::Ones(4, 1)));
  const LinearObjective penalized(linear, loss, 0.1);
  for (const CompositeObjective* problem :
       std::initializer_list<const CompositeObjective*>{&network, &regression, &penalized}) {
    Context context;
    try {
      LargeStepAdaptive().init(*problem, Vector::Zero(problem->dimension()), context);
      FAIL() << "accepted " << problem->description();
    } catch (const UsageError& error) {
      EXPECT_NE(error.remedy().find("large-step"), std::string::npos);
    }
  }
}

// Checkpoints are files, and files can be forged.
TEST(LargeStepAdaptive, AForgedStateIsRefused) {
  const auto problem = positive(unbalanced(3));
  const std::vector<std::function<void(LargeStepAdaptiveState&)>> changes{
      [](LargeStepAdaptiveState& s) { s.last.resize(3); },
      [](LargeStepAdaptiveState& s) { s.average.resize(0); },
      [](LargeStepAdaptiveState& s) { s.last_outputs.resize(0); },
      [](LargeStepAdaptiveState& s) { s.average_outputs.resize(5); },
      [](LargeStepAdaptiveState& s) { s.steps = -1; },
  };
  const LargeStepAdaptive method;
  for (std::size_t k = 0; k < changes.size(); ++k) {
    Context context;
    const auto state = method.init(*problem, Vector::Zero(2), context);
    EXPECT_NO_THROW(method.restore(*problem, *state, context));
    changes[k](dynamic_cast<LargeStepAdaptiveState&>(*state));
    EXPECT_THROW(method.restore(*problem, *state, context), DataError) << "change " << k;
  }
}

TEST(LargeStepAdaptive, NamesEveryViolatedRangeAtOnce) {
  try {
    LargeStepAdaptive({.eta = -1, .margin = 2, .row_norm = -1});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    for (const char* key : {"eta", "margin", "row-norm"})
      EXPECT_NE(error.problem().find(key), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace thalweg
