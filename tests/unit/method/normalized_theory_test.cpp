#include "thalweg/method/normalized_theory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

// |x|^p from x = 1 by x+ = x - gamma g / |g|^beta: values after steps 0, 1, ...
std::vector<double> power_values(int p, double gamma, double beta, int steps) {
  std::vector<double> values;
  double x = 1;
  for (int t = 0; t <= steps; ++t) {
    values.push_back(std::pow(std::abs(x), p));
    const double g = p * std::pow(std::abs(x), p - 1);
    x -= std::copysign(gamma * std::pow(g, 1 - beta), x);
  }
  return values;
}

// f'' = (p - 1) p^(1 - alpha) |f'|^alpha of |x|^p.
GeneralizedSmoothness power_law(int p) {
  const double alpha = (p - 2.0) / (p - 1);
  return {0, (p - 1) * std::pow(p, 1 - alpha), alpha};
}

TEST(NormalizedTheory, ExponentsAreThoseOfDirectIterations) {
  struct Case {
    int p;
    double beta, expected;
  };
  for (const Case c : {Case{4, 0, -2}, Case{4, 1.0 / 3, -4}, Case{6, 0, -1.5}, Case{6, 0.4, -3}}) {
    const GradientDominance dominance = power_dominance(c.p);
    EXPECT_EQ(descent_regime(dominance, c.beta), DescentRegime::sublinear);
    EXPECT_NEAR(*descent_exponent(dominance, c.beta), c.expected, 1e-12);
    const auto values = power_values(c.p, 0.2 / std::pow(c.p, 1 - c.beta), c.beta, 100000);
    const double slope = std::log(values[100000] / values[10000]) / std::log(10);
    EXPECT_NEAR(slope, c.expected, 0.01) << "x^" << c.p << ", beta " << c.beta;
  }
}

TEST(NormalizedTheory, AtTwoMinusRhoTheFallIsLinear) {
  for (const int p : {4, 6}) {
    const GradientDominance dominance = power_dominance(p);
    const double beta = 2 - dominance.rho, gamma = 0.2 / std::pow(p, 1 - beta);
    EXPECT_EQ(descent_regime(dominance, beta), DescentRegime::linear);
    EXPECT_FALSE(descent_exponent(dominance, beta));
    const auto values = power_values(p, gamma, beta, 40);
    EXPECT_NEAR(values[40] / values[39], std::pow(0.8, p), 1e-9);  // 0.4096, 0.262144
    // The largest step that keeps half of the descent obeys the bound, at the factor 1 - k.
    const double largest = 0.999 * largest_normalized_step(power_law(p), beta, 1);
    const auto bounded = power_values(p, largest, beta, 40);
    for (std::size_t t = 0; t <= 40; ++t)
      EXPECT_LE(bounded[t],
                gap_bound(dominance, largest, beta, 1, static_cast<double>(t)) * (1 + 1e-12));
    EXPECT_EQ(descent_regime(dominance, beta + 0.01), DescentRegime::finite);
    EXPECT_EQ(descent_regime(dominance, beta - 0.01), DescentRegime::sublinear);
  }
}

// The bound from (1) holds for every beta, down to the step floor where there is one.
TEST(NormalizedTheory, BoundsHoldAlongIterationsDownToTheStepFloor) {
  for (const int p : {3, 4, 6})
    for (const double beta : {0.0, 0.3, 0.7, 0.9, 1.0}) {
      const GeneralizedSmoothness law = power_law(p);
      const GradientDominance dominance = power_dominance(p);
      const double gamma = 0.3 * largest_normalized_step(law, beta, p);  // |g| = p at the start
      const double floor = beta >= law.alpha ? gap_floor(dominance, law, gamma, beta) : 0;
      const auto values = power_values(p, gamma, beta, 20000);
      double tightest = 0;
      for (std::size_t t = 0; t < values.size() && values[t] > floor; ++t) {
        const double bound = gap_bound(dominance, gamma, beta, 1, static_cast<double>(t));
        ASSERT_LE(values[t], bound * (1 + 1e-9)) << "x^" << p << " beta " << beta << " t " << t;
        tightest = std::max(tightest, t > 0 ? values[t] / bound : 0);
      }
      EXPECT_GT(tightest, 0.1) << "the bound was never near";
      if (beta > law.alpha + 1e-9) {
        EXPECT_GT(floor, 0);
        const double steps = steps_to_gap(dominance, gamma, beta, 1, floor);
        EXPECT_LE(values[static_cast<std::size_t>(std::ceil(steps))], floor * (1 + 1e-9));
      }
    }
}

RC_GTEST_PROP(NormalizedTheory, StepsInvertTheBound, ()) {
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>(), "theory");
  const GradientDominance dominance{1 + random.uniform(), std::exp(random.normal())};
  const double beta = random.uniform(), gamma = 0.1 * random.uniform();
  const double gap = std::exp(2 * random.normal()), target = gap * (0.01 + 0.98 * random.uniform());
  const double steps = steps_to_gap(dominance, gamma, beta, gap, target);
  RC_PRE(std::isfinite(steps) && steps > 0);
  RC_ASSERT(std::abs(gap_bound(dominance, gamma, beta, gap, steps) / target - 1) < 1e-6);
}

// f = 2 cosh x - 2: |f''| <= 2 + |f'|. One step keeps half of the descent up to the largest gamma,
// for any beta; the descent inequality itself up to theta = 1.
TEST(NormalizedTheory, TheDescentInequalityHolds) {
  const GeneralizedSmoothness law{2, 1, 1};
  const auto f = [](double x) { return 2 * std::cosh(x) - 2; };
  for (const double beta : {0.0, 0.5, 1.0})
    for (double x = 1e-3; x < 20; x *= 1.3) {
      const double g = 2 * std::sinh(x);
      for (const double theta : {0.1, 0.5, 1 / (2 * (std::numbers::e - 2)), 1.0}) {
        const double gamma = theta * std::pow(g, beta) / law.at(g);
        const double fall = f(x) - f(x - gamma * std::pow(g, 1 - beta));
        EXPECT_GE(fall,
                  (1 - (std::numbers::e - 2) * theta) * gamma * std::pow(g, 2 - beta) * (1 - 1e-9));
      }
      const double largest = largest_normalized_step(law, beta, g);
      EXPECT_NEAR(largest * law.at(g) / std::pow(g, beta), 0.5 / (std::numbers::e - 2), 1e-12);
    }
}

TEST(NormalizedTheory, TheStepFloorIsWhereTheStepIsTheLargest) {
  const GeneralizedSmoothness law{2, 1, 1};
  for (const double gamma : {1e-6, 0.01, 0.5}) {
    const double floor = gradient_floor(law, gamma, 1);
    EXPECT_NEAR(largest_normalized_step(law, 1, floor) / gamma, 1, 1e-9);
  }
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(gradient_floor(law, 0.7, 1), infinity);  // above 0.696 / L1
  EXPECT_EQ(gradient_floor({2, 0, 0}, 0.1, 0), 0);
  EXPECT_EQ(gradient_floor({2, 0, 0}, 1, 0), infinity);
  EXPECT_THROW(gradient_floor(law, 0.1, 0.5), UsageError);
  const GradientDominance dominance = power_dominance(4);
  const double gamma = normalized_step_for_gap(dominance, power_law(4), 1, 1e-6);
  EXPECT_NEAR(gap_floor(dominance, power_law(4), gamma, 1) / 1e-6, 1, 1e-9);
}

// With the step for a target eps the number of steps grows like 1 / gamma(eps) beyond 2 - rho.
TEST(NormalizedTheory, StepsGrowWithTheTargetAsPredicted) {
  const GradientDominance dominance = power_dominance(4);
  for (const double l0 : {0.0, 1.0})
    for (const double beta : {0.8, 1.0}) {
      GeneralizedSmoothness law = power_law(4);
      law.l0 = l0;
      const auto steps = [&](double eps) {
        const double gamma = normalized_step_for_gap(dominance, law, beta, eps);
        double x = 1;
        int t = 0;
        while (std::pow(x, 4) > eps) {
          x -= std::copysign(gamma * std::pow(4 * std::pow(std::abs(x), 3), 1 - beta), x);
          ++t;
        }
        EXPECT_LE(t, steps_to_gap(dominance, gamma, beta, 1, eps) + 1);
        return static_cast<double>(t);
      };
      const double coarse = l0 > 0 ? 1e-4 : 1e-12, fine = 1e-3 * coarse;
      const double slope = std::log(steps(fine) / steps(coarse)) / std::log(1e3);
      const double order = l0 > 0 ? beta : beta - law.alpha;
      EXPECT_NEAR(slope, order / dominance.rho, 0.05) << "L0 " << l0 << " beta " << beta;
    }
}

TEST(NormalizedTheory, DominanceIsFoundFromAPath) {
  for (const int p : {2, 4, 6}) {
    const auto gaps = power_values(p, 0.05 / p, 0, 200);
    Vector gap(200), gradient(200);
    for (Index i = 0; i < 200; ++i) {
      gap[i] = gaps[static_cast<std::size_t>(i)];
      gradient[i] = p * std::pow(gap[i], (p - 1.0) / p);
    }
    const auto fit = fit_gradient_dominance(gap, gradient);
    ASSERT_TRUE(fit);
    EXPECT_NEAR(fit->rho, power_dominance(p).rho, 1e-6);
    EXPECT_NEAR(fit->two_mu / power_dominance(p).two_mu, 1, 1e-6);
  }
  // Not a power: the inequality holds at every pair all the same, and with equality at one.
  Vector gap(50), gradient(50);
  for (Index i = 0; i < 50; ++i) {
    const double x = 0.01 * std::pow(1.2, static_cast<double>(i));
    gap[i] = 2 * std::cosh(x) - 2;
    gradient[i] = 2 * std::sinh(x);
  }
  const auto fit = fit_gradient_dominance(gap, gradient);
  ASSERT_TRUE(fit);
  const Eigen::ArrayXd ratio = gradient.array().pow(fit->rho) / (fit->two_mu * gap.array());
  EXPECT_NEAR(ratio.minCoeff(), 1, 1e-9);
  EXPECT_FALSE(fit_gradient_dominance(Vector{{1, 0}}, Vector{{1, 1}}));
}

// ---- budgets of sampled steps

// Normalized steps on f with additive noise: the mean of |f'| over all iterates.
template <class Derivative>
double mean_gradient(Derivative derivative, double x, const FirstOrderBudget& budget, double tau1,
                     double tau2, std::uint64_t seed) {
  RandomStream random(seed, "noise");
  double sum = 0;
  for (double t = 0; t < budget.steps; ++t) {
    const double g = derivative(x);
    sum += std::abs(g);
    const double noise = std::hypot(tau1 * g, tau2) / std::sqrt(budget.batch);
    x -= std::copysign(budget.stepsize, g + noise * random.normal());
  }
  return sum / budget.steps;
}

TEST(FirstOrderBudget, IsEnoughForNormalizedSteps) {
  const AffineNoise noise{0.5, 2};
  for (const double eps : {1.0, 0.3}) {
    const auto cosh = normalized_sgd_budget({2, 1, 1}, noise, 2 * std::cosh(3.0) - 2, eps);
    EXPECT_LE(mean_gradient([](double x) { return 2 * std::sinh(x); }, 3, cosh, 0.5, 2, 1), eps);
    // x^4, alpha = 2/3: by way of the tangent.
    const auto power = normalized_sgd_budget(power_law(4), noise, 16, eps);
    EXPECT_LE(mean_gradient([](double x) { return 4 * x * x * x; }, 2, power, 0.5, 2, 2), eps);
    EXPECT_GT(cosh.batch, 256 * 4 / (eps * eps) - 1);
    EXPECT_EQ(cosh.samples(), cosh.batch * cosh.steps);
  }
  // Order eps^-4 where the noise and L0 lead.
  const auto coarse = normalized_sgd_budget({2, 1, 1}, noise, 10, 1e-2);
  const auto fine = normalized_sgd_budget({2, 1, 1}, noise, 10, 1e-3);
  EXPECT_NEAR(std::log10(fine.samples() / coarse.samples()), 4, 0.01);
  // A fraction of it is not enough: the bound is not vacuous.
  auto short_of = normalized_sgd_budget({2, 1, 1}, noise, 2 * std::cosh(3.0) - 2, 0.3);
  short_of.steps = std::ceil(short_of.steps / 50);
  EXPECT_GT(mean_gradient([](double x) { return 2 * std::sinh(x); }, 3, short_of, 0.5, 2, 1), 0.3);
}

TEST(FirstOrderBudget, IsEnoughForPlainSteps) {
  const AffineNoise noise{1, 3};
  for (const double batch : {1.0, 8.0})
    for (const double eps : {1.0, 0.5}) {
      const FirstOrderBudget budget = sgd_budget(2, noise, batch, 25, eps);  // f = x^2 from 5
      double mean_square = 0;
      constexpr int runs = 3;
      for (std::uint64_t seed = 1; seed <= runs; ++seed) {
        RandomStream random(seed, "noise");
        double x = 5;
        for (double t = 0; t < budget.steps; ++t) {
          const double g = 2 * x;
          mean_square += g * g / budget.steps / runs;
          x -= budget.stepsize *
               (g + std::hypot(noise.tau1 * g, noise.tau2) / std::sqrt(batch) * random.normal());
        }
      }
      EXPECT_LE(mean_square, eps * eps) << batch << " " << eps;
      EXPECT_GT(mean_square, 0.05 * eps * eps) << "the budget is far too large";
    }
}

}  // namespace
}  // namespace thalweg
