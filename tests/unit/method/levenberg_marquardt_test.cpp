#include "thalweg/method/levenberg_marquardt.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/nist.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using Options = LevenbergMarquardt::Options;
using Damping = LevenbergMarquardt::Damping;

struct Fit {
  std::shared_ptr<const CompositeObjective> objective;
  Vector start;
};

// A network of one hidden tanh layer on random inputs: `samples` against 4 * hidden + 1 parameters.
Fit network_fit(Index samples, Index hidden, bool classes = false) {
  RandomStream random(11, "fit");
  const Matrix inputs = random.normal_vector(samples * 2).reshaped(samples, 2);
  const Network network({.inputs = 2, .hidden = {hidden}, .outputs = 1});
  std::shared_ptr<const OutputLoss> loss;
  if (classes) {
    std::vector<int> labels;
    for (Index i = 0; i < samples; ++i) labels.push_back(inputs(i, 0) * inputs(i, 1) > 0);
    loss = std::make_shared<CrossEntropyLoss>(labels, 2);
  } else {
    loss = std::make_shared<SquaredLoss>(
        Matrix((inputs.col(0).array() * 2).sin() + inputs.col(1).array()));
  }
  return {std::make_shared<CompositeObjective>(network.on(inputs), loss),
          network.initial_parameters(1)};
}

Result solve(const Fit& fit, const Options& options, std::int64_t steps) {
  RunOptions run_options;
  run_options.stop = max_steps(steps);
  return run(*fit.objective, LevenbergMarquardt(options), fit.start, run_options);
}

void expect_verified(const CompositeObjective& problem, const Result& result) {
  double before = result.trace.front().value;
  for (const auto& record : result.trace) {
    if (record.iteration == 0) continue;
    if (record.accepted) {
      EXPECT_LT(record.value, before);
      EXPECT_GT(record.step_norm.value(), 0);
      EXPECT_GT(record.gain_ratio.value(), 0);
    } else {
      EXPECT_EQ(record.value, before);
      EXPECT_EQ(record.step_norm.value(), 0);
    }
    before = record.value;
  }
  EXPECT_DOUBLE_EQ(result.value, problem.value(result.best));
}

TEST(LevenbergMarquardt, RejectedTrialsLeaveThePointAndRaiseTheDamping) {
  const auto problem = nist::load("BoxBOD");
  const Fit fit{problem.objective, problem.starts[0]};
  const Result result = solve(fit, {}, 1);
  ASSERT_FALSE(result.trace.back().accepted);
  EXPECT_EQ(result.last, problem.starts[0]);
  const Result two = solve(fit, {}, 2);
  EXPECT_GT(two.trace[2].damping.value(), two.trace[1].damping.value());
  expect_verified(*fit.objective, solve(fit, {}, 1000));
}

TEST(LevenbergMarquardt, EveryPolicyKeepsOnlyMeasuredDecreases) {
  for (const Damping damping :
       {Damping::gain_ratio, Damping::smallest_eigenvalue, Damping::fixed}) {
    const Fit fit = network_fit(20, 12);
    const Options options{.damping = damping,
                          .damping_ratio = damping == Damping::fixed ? 1e-4 : 1.0};
    const Result result = solve(fit, options, 40);
    expect_verified(*fit.objective, result);
    EXPECT_LT(result.value, 1e-2 * result.trace.front().value);
  }
}

TEST(LevenbergMarquardt, DampingIsRhoTimesTheSmallestEigenvalue) {
  const Fit fit = network_fit(10, 12);
  const auto at_start = fit.objective->model().linearize(fit.start);
  const double sigma = Eigen::JacobiSVD<Matrix>(at_start->jacobian()).singularValues()[9];
  for (const StepSolver solver : {StepSolver::svd, StepSolver::dual}) {
    const Result result = solve(
        fit, {.damping = Damping::smallest_eigenvalue, .damping_ratio = 0.5, .solver = solver}, 1);
    const double expected = 0.5 * sigma * sigma / 10;  // H = I / N
    EXPECT_NEAR(result.trace[1].damping.value(), expected, 2e-3 * expected);
  }
}

TEST(LevenbergMarquardt, RecordsTheSmallestSingularValueAtTheStart) {
  const Fit fit = network_fit(10, 12);
  const auto at_start = fit.objective->model().linearize(fit.start);
  const double sigma = Eigen::JacobiSVD<Matrix>(at_start->jacobian()).singularValues()[9];
  const Result result = solve(fit, {.solver = StepSolver::svd}, 1);
  EXPECT_NEAR(result.trace[0].sigma_min.value(), sigma, 1e-10 * sigma);
}

TEST(LevenbergMarquardt, SolversTakeTheSamePath) {
  const auto values = [](const Fit& fit, StepSolver solver) {
    const Result result =
        solve(fit, {.scaling = LevenbergMarquardt::Scaling::none, .solver = solver}, 8);
    Vector v(static_cast<Index>(result.trace.size()));
    for (std::size_t k = 0; k < result.trace.size(); ++k)
      v[static_cast<Index>(k)] = result.trace[k].value;
    return v;
  };
  // lambda_max, which sets the first damping, agrees to 1e-2 only; the paths do so accordingly.
  for (const auto& [samples, solver] :
       {std::pair{Index{12}, StepSolver::dual}, std::pair{Index{200}, StepSolver::normal}})
    for (const bool classes : {false, true}) {
      const Fit fit = network_fit(samples, 8, classes);
      const Vector svd = values(fit, StepSolver::svd), other = values(fit, solver);
      ASSERT_EQ(svd.size(), other.size());
      for (Index k = 0; k < svd.size(); ++k) EXPECT_NEAR(svd[k], other[k], 0.05 * svd[k]) << k;
    }
}

TEST(LevenbergMarquardt, SeparatesXorByCrossEntropy) {
  const Fit fit = network_fit(60, 12, true);
  const Result result = solve(fit, {}, 60);
  expect_verified(*fit.objective, result);
  EXPECT_LT(result.value, 0.05 * std::log(2));
}

// sqrt(x) is not defined left of 0, where a full step from 9 towards the target -1 leads.
class RootModel final : public OutputModel {
 public:
  Index parameter_count() const override { return 1; }
  Index output_count() const override { return 1; }
  void outputs(const ConstVectorRef& x, VectorRef y) const override { y[0] = std::sqrt(x[0]); }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    const double root = std::sqrt(x[0]);
    return std::make_unique<DenseLinearization>(Vector::Constant(1, root),
                                                Matrix::Constant(1, 1, 0.5 / root));
  }
};

TEST(LevenbergMarquardt, NeverKeepsAPointWithoutAValue) {
  const CompositeObjective problem(std::make_shared<RootModel>(),
                                   std::make_shared<SquaredLoss>(Matrix::Constant(1, 1, -1.0)));
  RunOptions run_options;
  run_options.stop = max_steps(200);
  const Result result = run(problem, LevenbergMarquardt(), Vector::Constant(1, 9.0), run_options);
  expect_verified(problem, result);
  EXPECT_GE(result.best[0], 0);
  EXPECT_LT(result.value, problem.value(Vector::Constant(1, 9.0)));
  EXPECT_NE(result.reason.outcome, Outcome::failed);
}

TEST(LevenbergMarquardt, HaltsConvergedAtAMinimumWithItsNumbers) {
  const auto problem = nist::load("Misra1a");
  const Result result = solve({problem.objective, problem.starts[1]}, {}, 1000);
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(result.reason.criterion, "relative-reduction");
  EXPECT_LE(result.reason.measured.value(), result.reason.threshold.value());
  EXPECT_LT(result.reason.threshold.value(), 1e-10);
}

// Two equal rows with different targets: J J' is singular.
Fit duplicate_rows() {
  const Fit fit = network_fit(3, 12);
  RandomStream random(5, "duplicate-rows");
  Matrix inputs = random.normal_vector(12).reshaped(6, 2);
  inputs.row(5) = inputs.row(0);
  const Matrix targets = random.normal_vector(6);
  const Network network({.inputs = 2, .hidden = {12}, .outputs = 1});
  return {std::make_shared<CompositeObjective>(network.on(inputs),
                                               std::make_shared<SquaredLoss>(targets)),
          fit.start};
}

TEST(LevenbergMarquardt, ASystemThatAFixedDampingCannotSolveEndsTheRunAtOnce) {
  const Options options{
      .damping = Damping::fixed, .damping_ratio = 1e-17, .solver = StepSolver::dual};
  const Result result = solve(duplicate_rows(), options, 200);
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_NE(result.reason.advice.find("damping"), std::string::npos) << result.reason.advice;
  EXPECT_FALSE(result.trace.back().accepted);
  // The rejected step that ends the run is the only one.
  const auto rejected = std::count_if(result.trace.begin(), result.trace.end(),
                                      [](const StepRecord& record) { return !record.accepted; });
  EXPECT_EQ(rejected, 1);
}

// y = 1e-200 x: the gradient is a number, but J J' underflows to zero, and with it every damping
// that is a multiple of its smallest eigenvalue.
class FaintModel final : public OutputModel {
 public:
  Index parameter_count() const override { return 1; }
  Index output_count() const override { return 1; }
  void outputs(const ConstVectorRef& x, VectorRef y) const override { y = slope * x; }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    return std::make_unique<DenseLinearization>(slope * x, Matrix::Constant(1, 1, slope));
  }

 private:
  static constexpr double slope = 1e-200;
};

TEST(LevenbergMarquardt, ARatioThatSolvesNothingIsNotRaisedForEver) {
  const Fit fit{std::make_shared<CompositeObjective>(
                    std::make_shared<FaintModel>(),
                    std::make_shared<SquaredLoss>(Matrix::Constant(1, 1, 1.0))),
                Vector::Zero(1)};
  const Options options{.damping = Damping::smallest_eigenvalue, .solver = StepSolver::dual};
  const Result result = solve(fit, options, 200);
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_LE(result.steps, 30);  // rho rises fourfold from 1 to 1e16
}

TEST(LevenbergMarquardt, ColumnScalingMakesUnitsOfTheParametersIrrelevant) {
  // The same fit with parameters in units 1e6 apart: steps scale, values agree.
  class Rescaled final : public OutputModel {
   public:
    Rescaled(const OutputModel& inner, Vector units) : inner_(inner), units_(std::move(units)) {}
    Index parameter_count() const override { return inner_.parameter_count(); }
    Index output_count() const override { return inner_.output_count(); }
    void outputs(const ConstVectorRef& x, VectorRef y) const override {
      inner_.outputs(x.cwiseProduct(units_), y);
    }
    std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
      const auto at_x = inner_.linearize(x.cwiseProduct(units_));
      return std::make_unique<DenseLinearization>(at_x->outputs(),
                                                  at_x->jacobian() * units_.asDiagonal());
    }

   private:
    const OutputModel& inner_;
    Vector units_;
  };
  const auto problem = nist::load("Chwirut2");
  const Vector units{{1024.0 * 1024, 1.0, 1.0 / 4096}};  // powers of two: exact
  const Vector targets = problem.objective->loss().minimizer().value();
  const Fit rescaled{std::make_shared<CompositeObjective>(
                         std::make_shared<Rescaled>(problem.objective->model(), units),
                         std::make_shared<SquaredLoss>(Matrix(targets))),
                     problem.starts[0].cwiseQuotient(units)};
  const Result original = solve({problem.objective, problem.starts[0]}, {}, 6);
  const Result other = solve(rescaled, {}, 6);
  ASSERT_EQ(original.trace.size(), other.trace.size());
  for (std::size_t k = 0; k < original.trace.size(); ++k)
    EXPECT_NEAR(other.trace[k].value, original.trace[k].value, 1e-9 * original.trace[k].value);
}

TEST(LevenbergMarquardt, NamesEveryViolatedOptionAtOnce) {
  const Options options{.damping = Damping::smallest_eigenvalue,
                        .initial_damping = -1,
                        .damping_ratio = 0,
                        .solver = StepSolver::cg};
  try {
    const LevenbergMarquardt method(options);
    FAIL() << "invalid options were taken";
  } catch (const UsageError& error) {
    const std::string text = error.what();
    for (const char* part : {"initial-damping", "damping-ratio", "smallest-eigenvalue"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace thalweg
