#include "thalweg/problem/curvature_bound.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// cosh - 1: f'' = 1 + f, f'^2 = 2 f + f^2.
CurvatureBound of_cosh(CurvatureBound::Growth rho_0 = nullptr) {
  const auto grows = [](double gap) { return 1 + gap; };
  return CurvatureBound::self_bounding(
      grows, [](double gap) { return std::sqrt(2 * gap + gap * gap); }, 0, std::move(rho_0));
}

TEST(CurvatureBound, IntegratesTheGradientBound) {
  for (const double gap : {1e-8, 0.3, 2.0, 1e4})
    EXPECT_NEAR(of_cosh().gradient_norm(gap) / std::sqrt(2 * gap + gap * gap), 1, 1e-9);
  // With a root at zero: f = w^4 / 4, rho_1 = 3 sqrt(4 F), |g| = (4 F)^(3/4); integration gives a
  // bound that lies above.
  const CurvatureBound quartic = CurvatureBound::self_bounding(
      [](double gap) { return 3 * std::sqrt(4 * gap); }, [](double) { return 1e9; });
  EXPECT_NEAR(quartic.gradient_norm(2), std::sqrt(2 * 4 * std::pow(2, 1.5)), 1e-8);
}

TEST(CurvatureBound, ConstantsGiveTheTextbookBounds) {
  const CurvatureBound bound = CurvatureBound::constant(4, 2, 1);
  EXPECT_EQ(bound.hessian_norm(7), 4);
  EXPECT_EQ(bound.third_derivative(7), 2);
  EXPECT_NEAR(bound.gradient_norm(3), std::sqrt(2 * 4 * 2), 1e-12);
  EXPECT_EQ(bound.gap(0.5), 0);
  EXPECT_TRUE(bound.proved());
}

TEST(CurvatureBound, GeneralizedSmoothnessSolvesForTheGradient) {
  const GeneralizedSmoothness law{.l0 = 2, .l1 = 3, .alpha = 1};
  const CurvatureBound bound = CurvatureBound::generalized(law, 1);
  for (const double gap : {0.01, 1.0, 50.0}) {
    const double g = bound.gradient_norm(gap);
    // int s / (L0 + L1 s) = G / L1 - L0 / L1^2 ln(1 + L1 G / L0)
    EXPECT_NEAR(g / 3 - 2.0 / 9 * std::log1p(3 * g / 2), gap, 1e-6 * gap);
    EXPECT_NEAR(bound.hessian_norm(gap), 2 + 3 * g, 1e-9 * g);
  }
  EXPECT_FALSE(bound.proved());
}

// On the ball the value rises by at most `rise`, whichever radius is taken: cosh attains it.
TEST(CurvatureBound, RadiiKeepTheValueBelowTheRise) {
  const CurvatureBound bound = of_cosh();
  for (const double x : {0.0, 0.7, 3.0, 9.0}) {
    const double value = std::cosh(x) - 1, gradient = std::sinh(x);
    for (const double rise : {1.0, 0.1}) {
      const auto plain = bound.near(value, rise), known = bound.at(value, gradient, rise);
      EXPECT_GE(known.radius, plain.radius);
      for (const auto& b : {plain, known}) {
        EXPECT_LE(std::cosh(x + b.radius) - 1, value + rise + 1e-9 * value);
        EXPECT_GE(b.hessian_norm, std::cosh(x + b.radius) * (1 - 1e-12));
        EXPECT_GE(b.third_derivative, std::sinh(x + b.radius) * (1 - 1e-12));
      }
    }
  }
}

TEST(CurvatureBound, NothingKnownBoundsNothing) {
  const CurvatureBound bound;
  EXPECT_TRUE(std::isinf(bound.hessian_norm(1)));
  EXPECT_EQ(bound.at(1, 1).radius, 0);
}

TEST(CurvatureEnvelope, IsTheSmallestIsotonicFunctionAboveThePoints) {
  CurvatureEnvelope envelope(1.0);
  EXPECT_TRUE(std::isinf(envelope.hessian_norm(0)));
  envelope.add(2, 5, 1);
  envelope.add(1, 7, 0.5);  // more curvature further down
  envelope.add(3, 6, 4);
  EXPECT_EQ(envelope.hessian_norm(0.5), 7);  // the lowest point stands for all below
  EXPECT_EQ(envelope.hessian_norm(2.5), 7);
  EXPECT_EQ(envelope.third_derivative(1.5), 0.5);
  EXPECT_EQ(envelope.third_derivative(2), 1);
  EXPECT_EQ(envelope.third_derivative(9), 4);
}

TEST(CurvatureEnvelope, IsRefutedAndRefitted) {
  CurvatureEnvelope envelope;
  EXPECT_FALSE(envelope.add(2, 4, 1));
  EXPECT_FALSE(envelope.add(1, 5, 1));  // within the safety factor
  EXPECT_TRUE(envelope.add(1, 8, 1));
  EXPECT_EQ(envelope.refutations(), 1);
  EXPECT_EQ(envelope.hessian_norm(1), 12);
  EXPECT_FALSE(envelope.add_secant(1, 11));
  EXPECT_TRUE(envelope.add_secant(1, 13));
  EXPECT_EQ(envelope.hessian_norm(1), 1.5 * 13);
  EXPECT_FALSE(envelope.add(NAN, 1, 1));
}

TEST(CurvatureEnvelope, ARefutationHoldsForLowerValuesToo) {
  CurvatureEnvelope envelope(1.0);
  envelope.add(5, 0.1, 2);
  EXPECT_TRUE(envelope.add_secant(5, 70));
  EXPECT_EQ(envelope.hessian_norm(4), 105);
  EXPECT_EQ(envelope.third_derivative(4), 2);
  EXPECT_EQ(envelope.size(), 1);
}

TEST(CurvatureEnvelope, KeepsOnlyPointsThatMatter) {
  CurvatureEnvelope envelope;
  for (int k = 0; k < 1000; ++k) envelope.add(k % 17, 3 + (k % 5), k % 3);
  EXPECT_LE(envelope.size(), 17);
  CurvatureEnvelope copy;
  copy.restore(envelope.points(), envelope.refutations());
  for (const double value : {-1.0, 0.0, 7.5, 40.0})
    EXPECT_EQ(copy.hessian_norm(value), envelope.hessian_norm(value));
  EXPECT_THROW(copy.restore(Matrix::Zero(2, 1), 0), DataError);
  EXPECT_THROW(CurvatureEnvelope(0.5), UsageError);
}

}  // namespace
}  // namespace thalweg
