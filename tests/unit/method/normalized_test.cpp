#include "thalweg/method/normalized.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "thalweg/core/error.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

// x^p
class Power final : public Objective {
 public:
  explicit Power(int p) : p_(p) {}
  Index dimension() const override { return 1; }
  double value(const ConstVectorRef& x) const override { return std::pow(x[0], p_); }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = p_ * std::pow(x[0], p_ - 1);
    return value(x);
  }

 private:
  int p_;
};

// 2 cosh x - 2
class Cosh final : public Objective {
 public:
  Index dimension() const override { return 1; }
  double value(const ConstVectorRef& x) const override {
    return 4 * std::pow(std::sinh(x[0] / 2), 2);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = 2 * std::sinh(x[0]);
    return value(x);
  }
};

Result minimise(const Objective& problem, const Normalized& method, double start,
                std::int64_t steps, StopWhen stop = nullptr) {
  RunOptions options;
  options.stop = stop ? stop | max_steps(steps) : max_steps(steps);
  return run(problem, method, Vector::Constant(1, start), options);
}

// Yang et al.: gamma = 0.2 / p^(1 - beta); beta below 2 - rho is sublinear with an exponent that
// theory gives, beta = 2 - rho linear.
struct Rate {
  int p;
  double beta, exponent;
};
class Rates : public testing::TestWithParam<Rate> {};
INSTANTIATE_TEST_SUITE_P(Published, Rates,
                         testing::Values(Rate{4, 0, -2}, Rate{4, 1 / 3.0, -4}, Rate{6, 0, -1.5},
                                         Rate{6, 0.4, -3}));
TEST_P(Rates, AreThoseOfTheTheory) {
  const auto [p, beta, exponent] = GetParam();
  const double gamma = 0.2 / std::pow(p, 1 - beta);
  const Result result =
      minimise(Power(p), Normalized({.stepsize = gamma, .exponent = beta}), 1, 16000);
  // The last thousand steps are all in the trace: slope over the last half of the run.
  const auto at = [&](std::int64_t step) {
    for (const StepRecord& record : result.trace)
      if (record.iteration == step) return record.value;
    return std::numeric_limits<double>::quiet_NaN();
  };
  EXPECT_NEAR(std::log(at(16000) / at(8000)) / std::log(2.0), exponent, 0.02);
}

TEST(Normalized, IsLinearWhereTheoryPutsIt) {
  for (const auto& [p, beta, ratio] : {std::tuple{4, 2 / 3.0, 0.4096}, {6, 0.8, 0.262144}}) {
    const double gamma = 0.2 / std::pow(p, 1 - beta);
    const Result result =
        minimise(Power(p), Normalized({.stepsize = gamma, .exponent = beta}), 1, 50);
    for (std::size_t i = 1; i < result.trace.size(); ++i)
      EXPECT_NEAR(result.trace[i].value / result.trace[i - 1].value, ratio, 1e-9);
  }
}

TEST(Normalized, WalksOutOfAnExponentialValley) {
  const Result result =
      minimise(Cosh(), Normalized({.stepsize = 0.1, .exponent = 1}), 10, 1000, target_loss(1e-2));
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_GE(result.steps, 97);
  EXPECT_LE(result.steps, 101);
}

// Without any constant: f falls at every step, by the share that the theory promises.
TEST(Normalized, BacktrackingDescends) {
  const Cosh problem;
  const Result result = minimise(problem, Normalized(), 30, 200, target_loss(1e-8));
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  for (std::size_t i = 1; i < result.trace.size(); ++i) {
    const double norm = *result.trace[i - 1].gradient_norm;
    EXPECT_LE(result.trace[i].value, result.trace[i - 1].value - (3 - std::numbers::e) *
                                                                     *result.trace[i].stepsize *
                                                                     norm * norm);
  }
}

// With the true constants no trial fails: |f''| = 2 cosh x <= 2 + |f'|.
TEST(Normalized, TrueConstantsNeedNoSecondTrial) {
  const Result result = minimise(Cosh(), Normalized({.L0 = 2, .L1 = 1, .alpha = 1}), 20, 1);
  EXPECT_EQ(result.evaluations, 2) << "the start, and one trial";
}

TEST(Normalized, AnExactlyZeroGradientEndsTheRun) {
  // beta = 1, gamma = .25 from 1 comes to exactly 0 in four steps.
  const Result result = minimise(Power(4), Normalized({.stepsize = 0.25, .exponent = 1}), 1, 100);
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(result.reason.criterion, "zero-gradient");
  EXPECT_EQ(result.last[0], 0);
}

TEST(Normalized, AnOverflowIsDivergence) {
  const Result result =
      minimise(Power(6), Normalized({.stepsize = 1e30, .exponent = 0}), 1e40, 100);
  EXPECT_EQ(result.reason.outcome, Outcome::diverged);
  EXPECT_TRUE(std::isfinite(result.value));
}

TEST(Normalized, NamesEveryViolatedRangeAtOnce) {
  try {
    Normalized({.stepsize = -1, .exponent = 2, .L0 = -1, .L1 = -1, .alpha = 3});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    for (const char* key : {"stepsize", "exponent", "l0", "l1", "alpha"})
      EXPECT_NE(error.problem().find(key), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace thalweg
