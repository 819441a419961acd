#include "thalweg/method/gradient_descent.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

// f(x) = 1/2 sum a_k x_k^2: L = max a_k.
class Bowl final : public Objective {
 public:
  explicit Bowl(Vector a) : a_(std::move(a)) {}
  Index dimension() const override { return a_.size(); }
  double value(const ConstVectorRef& x) const override { return 0.5 * a_.dot(x.cwiseAbs2()); }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = a_.cwiseProduct(x);
    return value(x);
  }

 private:
  Vector a_;
};

RunOptions stopping(StopWhen stop) {
  RunOptions options;
  options.stop = std::move(stop);
  return options;
}

const Vector spectrum = Vector::LinSpaced(5, 1, 40);

TEST(GradientDescent, ConstantStepsizeFollowsItsClosedForm) {
  const double eta = 0.03;
  const GradientDescent method({.rule = GradientDescent::Rule::constant, .stepsize = eta});
  const Vector x0 = Vector::LinSpaced(5, 1, 2);
  const Result result = run(Bowl(spectrum), method, x0, stopping(max_steps(30)));
  const Vector expected = x0.array() * (1 - eta * spectrum.array()).pow(30);
  EXPECT_LT((result.last - expected).norm(), 1e-14);
  EXPECT_EQ(result.evaluations, 31);
}

TEST(GradientDescent, ConstantStepsizeOverTwoOverSharpnessDiverges) {
  const GradientDescent method({.rule = GradientDescent::Rule::constant, .stepsize = 2.1 / 40});
  const Result result =
      run(Bowl(spectrum), method, Vector::Ones(5), stopping(max_steps(100000) | divergence(1e6)));
  EXPECT_EQ(result.reason.outcome, Outcome::diverged);
  EXPECT_LE(result.value, result.trace.front().value);
}

TEST(GradientDescent, ATrialThatIsNotFiniteIsNotKept) {
  const GradientDescent method({.rule = GradientDescent::Rule::constant, .stepsize = 1e200});
  const Result result = run(Bowl(spectrum), method, Vector::Ones(5), stopping(max_steps(100)));
  EXPECT_EQ(result.reason.outcome, Outcome::diverged);
  EXPECT_EQ(result.reason.criterion, "non-finite-trial");
  EXPECT_TRUE(result.last.allFinite());
}

TEST(GradientDescent, ArmijoHoldsAtEveryStepWithTheProvedStepsize) {
  const double delta = 0.2, lipschitz = 40;
  const GradientDescent method(
      {.rule = GradientDescent::Rule::armijo, .stepsize = 3, .decrease = delta});
  const Result result =
      run(Bowl(spectrum), method, Vector::Ones(5), stopping(gradient_tolerance(1e-8)));
  ASSERT_EQ(result.reason.outcome, Outcome::converged);
  for (std::size_t i = 1; i < result.trace.size(); ++i) {
    const StepRecord &before = result.trace[i - 1], &after = result.trace[i];
    const double square = *before.gradient_norm * *before.gradient_norm;
    EXPECT_LE(after.value, before.value - delta * *after.stepsize * square);
    EXPECT_GE(*after.stepsize, (1 - delta) / lipschitz * (1 - 1e-12));
    EXPECT_NEAR(*after.step_norm, *after.stepsize * *before.gradient_norm, 1e-12);
  }
}

// A gradient of the wrong sign: nothing decreases.
TEST(GradientDescent, StallsWhereNoStepsizeDecreases) {
  class Wrong final : public Objective {
   public:
    Index dimension() const override { return 1; }
    double value(const ConstVectorRef& x) const override { return x[0]; }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g[0] = -1;
      return x[0];
    }
  };
  const Result result = run(Wrong(), GradientDescent(), Vector::Ones(1), stopping(max_steps(5)));
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_EQ(result.last[0], 1);
  EXPECT_FALSE(result.trace.back().accepted);
}

TEST(GradientDescent, NamesEveryViolatedRangeAtOnce) {
  try {
    GradientDescent({.stepsize = -1, .decrease = 2});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_NE(error.problem().find("stepsize"), std::string::npos);
    EXPECT_NE(error.problem().find("decrease"), std::string::npos);
  }
}

}  // namespace
}  // namespace thalweg
