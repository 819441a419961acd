#include "thalweg/model/scalar_problems.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/model/two_point.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

Vector at(double x) { return Vector::Constant(1, x); }

double gradient(const Objective& f, double x) {
  Vector g(1);
  f.value_and_gradient(at(x), g);
  return g[0];
}

template <class F>
double second_derivative(const F& f, double x) {
  Vector h(1);
  const auto hessian = f.hessian(at(x));
  hessian->apply(at(1), h);
  EXPECT_EQ(hessian->diagonal().value()[0], h[0]);
  return h[0];
}

// Taylor slopes at points on both sides.
template <class F>
void expect_derivatives(const F& f, const std::vector<double>& points) {
  for (const double x : points) {
    const double value = f.value(at(x)), g = gradient(f, x), h = second_derivative(f, x);
    Vector out(1);
    EXPECT_EQ(f.value_and_gradient(at(x), out), value);
    const double rounding = 1e-13 * std::abs(value);
    const TaylorSlope first = taylor_slope(
        [&](double t) { return std::abs(f.value(at(x + t)) - value - t * g); }, 0.3, rounding);
    EXPECT_NEAR(first.slope.value_or(0), 2, 0.1) << f.description() << " at " << x;
    const TaylorSlope second =
        taylor_slope([&](double t) { return std::abs(gradient(f, x + t) - g - t * h); }, 0.3,
                     1e-13 * std::abs(g));
    EXPECT_NEAR(second.slope.value_or(0), 2, 0.1) << f.description() << " at " << x;
  }
}

TEST(Power, DerivativesAreExact) {
  for (const double p : {4.0, 3.0, 2.5, 6.0}) expect_derivatives(PowerObjective(p), {1.7, -0.8, 1});
  const PowerObjective square(2);
  EXPECT_EQ(square.value(at(-3)), 9);
  EXPECT_EQ(gradient(square, -3), -6);
  EXPECT_EQ(second_derivative(square, 0), 2);
  const PowerObjective quartic;
  EXPECT_EQ(quartic.exponent(), 4);
  EXPECT_EQ(gradient(quartic, 0), 0);
  EXPECT_EQ(second_derivative(quartic, 0), 0);
  EXPECT_EQ(quartic.lower_bound(), 0);
  EXPECT_EQ(PowerObjective::start()[0], 1);
}

// Steps of gamma g/|g|^beta at beta = 2 - rho = (p-2)/(p-1) multiply x by 1 - gamma p^(1-beta):
// the published ratios .4096 and .262144 of the values, at every step down to the last double.
TEST(Power, NormalizedStepsHaveTheirRatio) {
  struct Ratio {
    double p, gamma, ratio;
  };
  for (const Ratio& c :
       {Ratio{4, 0.2 / std::cbrt(4.0), 0.4096}, Ratio{6, 0.2 / std::pow(6.0, 0.2), 0.262144}}) {
    const PowerObjective f(c.p);
    const double beta = (c.p - 2) / (c.p - 1);
    double x = 1;
    int steps = 0;
    while (f.value(at(x)) > 1e-290) {
      const double before = f.value(at(x)), g = gradient(f, x);
      x -= c.gamma * g / std::pow(std::abs(g), beta);
      EXPECT_NEAR(f.value(at(x)) / before, c.ratio, 1e-9 * c.ratio);
      ++steps;
    }
    EXPECT_GT(steps, 400);
  }
}

TEST(Power, LogarithmOutlivesTheValue) {
  const PowerObjective f(4);
  EXPECT_EQ(f.value(at(1e-100)), 0);
  EXPECT_NEAR(f.log_value(at(-1e-100)), -400 * std::log(10.0), 1e-12 * 921);
  EXPECT_NEAR(f.log_value(at(0.3)), std::log(f.value(at(0.3))), 1e-14);
  EXPECT_EQ(f.log_value(at(0)), -HUGE_VAL);
  EXPECT_NEAR(gradient(f, 1e-100) / 4e-300, 1, 1e-14);
}

TEST(Power, RefusesExponentsBelowTwo) {
  for (const double p : {1.99, -4.0, std::nan(""), HUGE_VAL})
    EXPECT_THROW(PowerObjective{p}, UsageError);
}

TEST(Cosh, DerivativesAreExact) {
  const CoshObjective f;
  expect_derivatives(f, {1.5, -0.7, 3});
  EXPECT_EQ(f.dimension(), 1);
  EXPECT_EQ(f.lower_bound(), 0);
  EXPECT_EQ(f.value(at(0)), 0);
  EXPECT_EQ(gradient(f, 0), 0);
  EXPECT_NEAR(f.value(CoshObjective::start()), 2 * std::cosh(10.0) - 2, 1e-11);
  for (const double x : {0.1, 2.0, 15.0})  // the bound on its curvature
    EXPECT_LE(second_derivative(f, x), 2 + std::abs(gradient(f, x)));
}

TEST(Cosh, KeepsItsDigitsNearZeroAndItsLogarithmEverywhere) {
  const CoshObjective f;
  // x^2 + x^4/12 to the last digit, where cosh x - 1 has none left.
  for (const double x : {1e-3, 1e-7, 1e-9, 1e-100})
    EXPECT_NEAR(f.value(at(x)) / (x * x * (1 + x * x / 12)), 1, 1e-15 + x * x * x * x);
  for (const double x : {1e-3, 0.5, 10.0, 300.0})
    EXPECT_NEAR(f.log_value(at(-x)), std::log(f.value(at(x))),
                1e-13 * (1 + std::abs(f.log_value(at(x)))));
  EXPECT_NEAR(f.log_value(at(1e-200)), -400 * std::log(10.0), 1e-12 * 921);
  EXPECT_EQ(f.log_value(at(1e4)), 1e4);  // e^10000 overflows
}

TEST(TwoPoint, IsTheExpectationOfItsDistribution) {
  const auto f = two_point();
  EXPECT_EQ(f->dimension(), 1);
  EXPECT_EQ(f->sample_count(), 5);
  for (const double w : {5.0, -1.0, 1.2, 10.0}) {
    EXPECT_NEAR(f->value(at(w)), 0.2 * (w - 10) * (w - 10) / 2 + 0.8 * (w + 1) * (w + 1) / 2,
                1e-13);
    EXPECT_NEAR(gradient(*f, w), w - 1.2, 1e-14);
  }
  EXPECT_EQ(two_point_start()[0], 5);
  EXPECT_NEAR(two_point_minimizer(), 1.2, 1e-15);
  EXPECT_NEAR(gradient(*f, two_point_minimizer()), 0, 1e-15);
  EXPECT_NEAR(f->value(at(two_point_minimizer())), 9.68, 1e-13);
  EXPECT_NEAR(second_derivative(*f, 0), 1, 1e-15);
  // One sample: the rare one pulls by w - 10, the others by w + 1.
  Vector g(1);
  const std::vector<Index> rare{0}, frequent{3};
  f->value_and_gradient(two_point_start(), rare, g);
  EXPECT_NEAR(g[0], -5, 1e-14);
  f->value_and_gradient(two_point_start(), frequent, g);
  EXPECT_NEAR(g[0], 6, 1e-14);
}

}  // namespace
}  // namespace thalweg
