#include "thalweg/method/saddle_theory.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace thalweg {
namespace {

// The quartic saddle from (0, 2), by hand: F0 = 2.25, level 4.25.
SaddleConstants quartic_constants(double eps) {
  const CurvatureBound bound = CurvatureBound::self_bounding(
      [](double gap) { return 2 + 6 * std::sqrt(gap); },
      [](double gap) { return 6 * std::sqrt(1 + 2 * std::sqrt(gap)); });
  return saddle_constants(bound, 2.25, 0, eps);
}

TEST(SaddleTheory, ConstantsAreThoseTwoLevelsAboveTheStart) {
  const SaddleConstants constants = quartic_constants(1e-3);
  EXPECT_NEAR(constants.smoothness, 2 + 6 * std::sqrt(4.25), 1e-12);
  EXPECT_NEAR(constants.hessian_lipschitz, 6 * std::sqrt(1 + 2 * std::sqrt(4.25)), 1e-12);
  EXPECT_EQ(constants.gap, 2.25);
  EXPECT_TRUE(constants.proved);
  EXPECT_GT(constants.radius, 0);
}

TEST(SaddleTheory, PublishedRuleByHand) {
  const double eps = 1e-3, delta = 0.1;
  const SaddleConstants c = quartic_constants(eps);
  const PerturbationRule rule = perturbation_rule(c, 2, eps, delta, SaddlePreset::published);
  const double l = c.smoothness, rho = c.hessian_lipschitz;
  const double chi =
      std::log2(l * std::sqrt(2) * 2.25 / (std::sqrt(rho) * std::pow(eps, 2.5) * delta));
  EXPECT_NEAR(rule.chi, chi, 1e-10);
  EXPECT_NEAR(rule.chi, 31.9, 0.1);
  EXPECT_NEAR(rule.stepsize, 1 / l, 1e-15);
  EXPECT_NEAR(rule.radius / (eps / (400 * chi * chi * chi)), 1, 1e-10);
  EXPECT_EQ(rule.waiting, std::ceil(chi * l / std::sqrt(rho * eps)));
  EXPECT_NEAR(rule.decrease / (std::sqrt(eps * eps * eps / rho) / (50 * chi * chi * chi)), 1,
              1e-10);
  EXPECT_NEAR(rule.threshold, std::sqrt(rho * eps), 1e-15);
  EXPECT_TRUE(rule.within);
}

TEST(SaddleTheory, PracticalIsLargerAndWaitsLess) {
  const SaddleConstants c = quartic_constants(1e-3);
  const PerturbationRule published = perturbation_rule(c, 2, 1e-3, 0.1, SaddlePreset::published);
  const PerturbationRule practical = perturbation_rule(c, 2, 1e-3, 0.1, SaddlePreset::practical);
  EXPECT_GT(practical.radius, 1e6 * published.radius);
  EXPECT_LT(practical.waiting, published.waiting);
  EXPECT_EQ(practical.chi, 0);
  EXPECT_NEAR(practical.stepsize * practical.radius, std::sqrt(1e-3 / c.hessian_lipschitz) / 8,
              1e-15);
}

TEST(SaddleTheory, WithoutAThirdDerivativeTheToleranceIsAShareOfTheCurvature) {
  const CurvatureBound bowl = CurvatureBound::constant(10, 1e-300);
  const SaddleConstants constants = saddle_constants(bowl, 1, 0, 1e-3);
  EXPECT_NEAR(curvature_tolerance(1e-3, constants.hessian_lipschitz), 1e-6 * 10, 1e-12);
  EXPECT_NEAR(curvature_tolerance(1e-3, least_hessian_lipschitz(10, 1e-3, false)), 0.1, 1e-12);
}

TEST(SaddleTheory, UnknownLowerBoundsAreReplacedByTheSizeOfTheValue) {
  const CurvatureBound bound = CurvatureBound::constant(1, 1);
  EXPECT_EQ(saddle_constants(bound, -3, -INFINITY, 1e-3).gap, 4);
}

TEST(SaddleTheory, RestartsKeepTheRandomWalkInTheBallAndCarryNoiseOutOfIt) {
  const double eps = 1e-3, delta = 0.1, n = 50, variance = 2;
  const SaddleConstants c = quartic_constants(eps);
  const RestartRule rule = restart_rule(c, n, eps, delta, variance, 0, SaddlePreset::practical);
  EXPECT_NEAR(rule.radius, std::sqrt(eps / c.hessian_lipschitz), 1e-15);
  EXPECT_LE(rule.stepsize, 1 / (2 * c.smoothness));
  // A random walk of K steps of eta sqrt(V).
  EXPECT_LE(rule.stepsize * std::sqrt(rule.waiting * variance), 0.5001 * rule.radius);
  // Growth at the rate eta sqrt(rho eps) over K steps: by 16 sqrt(n) / delta.
  const double threshold = curvature_tolerance(eps, c.hessian_lipschitz);
  EXPECT_NEAR(std::exp(rule.waiting * rule.stepsize * threshold) / (16 * std::sqrt(n) / delta), 1,
              0.01);
  const RestartRule published =
      restart_rule(c, n, eps, delta, variance, 0, SaddlePreset::published);
  EXPECT_NEAR(published.stepsize / rule.stepsize, 4.0 / 512, 1e-12);
}

// A cubic attains the bound: f = -c t^2 / 2 + rho t^3 / 6 along v.
TEST(SaddleTheory, StepsAlongCurvatureGainWhatIsPromised) {
  const double c = 0.7, rho = 3, t = curvature_step(c, rho);
  EXPECT_NEAR(-(-c * t * t / 2 + rho * t * t * t / 6), curvature_gain(c, rho), 1e-15);
  for (const double other : {0.5 * t, 0.9 * t, 1.1 * t, 1.5 * t})
    EXPECT_LE(-(-c * other * other / 2 + rho * other * other * other / 6), curvature_gain(c, rho));
}

}  // namespace
}  // namespace thalweg
