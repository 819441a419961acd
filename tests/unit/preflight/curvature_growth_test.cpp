#include "thalweg/preflight/curvature_growth.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// sum_i f(x_i), with its calls counted.
class Separable final : public Objective {
 public:
  using Function = std::function<double(double)>;
  Separable(Index n, Function f, Function derivative)
      : n_(n), f_(std::move(f)), derivative_(std::move(derivative)) {}
  Index dimension() const override { return n_; }
  double value(const ConstVectorRef& x) const override { return x.unaryExpr(f_).sum(); }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    ++calls;
    g = x.unaryExpr(derivative_);
    return value(x);
  }
  mutable std::int64_t calls = 0;

 private:
  Index n_;
  Function f_, derivative_;
};

Separable power(int p, Index n = 1) {
  return {n, [p](double x) { return std::pow(std::abs(x), p); },
          [p](double x) { return p * std::pow(std::abs(x), p - 1) * (x < 0 ? -1 : 1); }};
}

Separable hyperbolic_cosine() {
  return {1, [](double x) { return 2 * std::cosh(x) - 2; },
          [](double x) { return 2 * std::sinh(x); }};
}

// x'Ax / 2 with a given spectrum, with exact Hessian products where `twice`.
class Quadratic : public Objective {
 public:
  explicit Quadratic(const Vector& spectrum) : a_(spectrum.asDiagonal()) {
    RandomStream random(1, "rotation");
    const Index n = spectrum.size();
    for (int i = 0; i < 4; ++i) {  // reflections keep the spectrum
      const Vector v = random.normal_vector(n).normalized();
      const Matrix q = Matrix::Identity(n, n) - 2 * v * v.transpose();
      a_ = q * a_ * q;
    }
  }
  Index dimension() const override { return a_.rows(); }
  double value(const ConstVectorRef& x) const override { return x.dot(a_ * x) / 2; }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = a_ * x;
    return x.dot(g) / 2;
  }
  const Matrix& matrix() const { return a_; }

 private:
  Matrix a_;
};

class TwiceQuadratic final : public Quadratic, public TwiceDifferentiable {
 public:
  using Quadratic::Quadratic;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef&) const override {
    class Product final : public Hessian {
     public:
      explicit Product(const TwiceQuadratic& f) : f_(f) {}
      void apply(const ConstVectorRef& v, VectorRef hv) const override {
        ++f_.products;
        hv = f_.matrix() * v;
      }

     private:
      const TwiceQuadratic& f_;
    };
    return std::make_unique<Product>(*this);
  }
  mutable std::int64_t products = 0;
};

TEST(CurvatureGrowth, PowersHaveTheirExponent) {
  // f'' = p (p-1) x^(p-2) = (p-1) p^(1-alpha) |f'|^alpha with alpha = (p-2)/(p-1).
  for (const int p : {3, 4, 6})
    for (const double start : {0.3, 1.0, 50.0})
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const double alpha = (p - 2.0) / (p - 1), l1 = (p - 1) * std::pow(p, 1 - alpha);
        const CurvatureGrowth growth =
            measure_curvature_growth(power(p), Vector{{start}}, {.seed = seed});
        EXPECT_NEAR(growth.law.alpha, alpha, 1e-12) << "x^" << p << " from " << start;
        EXPECT_NEAR(growth.law.l1 / l1, 1, 1e-3);
        EXPECT_LE(growth.law.l0, 1e-3 * growth.law.at(growth.largest_gradient));
        EXPECT_LT(growth.spread, 1.01);
        EXPECT_GT(growth.largest_gradient, 1e3 * growth.smallest_gradient);
      }
}

TEST(CurvatureGrowth, AnExponentOffTheGridGetsANeighbourThatBoundsIt) {
  const CurvatureGrowth growth = measure_curvature_growth(power(8), Vector{{1}});
  EXPECT_TRUE(growth.law.alpha == 0.8 || growth.law.alpha == 1) << growth.law.alpha;
  EXPECT_GT(growth.spread, 1.2);
  EXPECT_LT(growth.spread, 3);
}

TEST(CurvatureGrowth, TheHyperbolicCosineHasExponentOneAndSlopeOne) {
  for (const double start : {3.0, 10.0}) {
    const CurvatureGrowth growth = measure_curvature_growth(hyperbolic_cosine(), Vector{{start}});
    EXPECT_EQ(growth.law.alpha, 1);
    EXPECT_NEAR(growth.law.l1, 1, 0.01);
    EXPECT_NEAR(growth.law.l0, 2, 0.05);
    // f'' = sqrt(4 + f'^2), everywhere in the range covered and not only where it was measured.
    for (double g = growth.smallest_gradient; g < growth.largest_gradient; g *= 1.1)
      EXPECT_LE(std::hypot(2, g), 1.01 * growth.law.at(g));
  }
}

TEST(CurvatureGrowth, TheExponentialIsBoundedByItsOwnGradient) {
  const Separable f(
      1, [](double x) { return std::exp(-x); }, [](double x) { return -std::exp(-x); });
  const CurvatureGrowth growth = measure_curvature_growth(f, Vector{{-3}});
  EXPECT_EQ(growth.law.alpha, 1);
  EXPECT_NEAR(growth.law.l1, 1, 1e-5);
  EXPECT_LT(growth.law.l0, 1e-5);
}

// 1/4 at x = 0 lies between steps that long steps in the flat part would jump over.
TEST(CurvatureGrowth, StepsDoNotJumpOverACurvedRegion) {
  const Separable f(
      1, [](double x) { return x < 0 ? std::log1p(std::exp(x)) - x : std::log1p(std::exp(-x)); },
      [](double x) { return -1 / (1 + std::exp(x)); });
  const CurvatureGrowth growth = measure_curvature_growth(f, Vector{{-6}});
  EXPECT_GE(growth.law.at(0.5), 0.2);
}

TEST(CurvatureGrowth, AQuadraticIsSmooth) {
  Vector spectrum = Vector::LinSpaced(30, 0.1, 5);
  const Vector x0 = Vector::LinSpaced(30, -1, 2);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    spectrum[29] = 7;
    const CurvatureGrowth growth =
        measure_curvature_growth(Quadratic(spectrum), x0, {.seed = seed});
    EXPECT_EQ(growth.law.alpha, 0);
    EXPECT_EQ(growth.law.l1, 0);
    EXPECT_NEAR(growth.law.l0, 7, 0.02);
    EXPECT_LT(growth.spread, 1.05);
    EXPECT_EQ(growth.samples, 16);
    spectrum[29] = -9;  // the norm is that of the most negative eigenvalue
    EXPECT_NEAR(measure_curvature_growth(Quadratic(spectrum), x0, {.seed = seed}).law.l0, 9, 0.02);
  }
}

TEST(CurvatureGrowth, ExactProductsAreUsedWhereTheyAreOffered) {
  const TwiceQuadratic f(Vector::LinSpaced(12, 1, 4));
  const CurvatureGrowth growth = measure_curvature_growth(f, Vector::Ones(12));
  EXPECT_NEAR(growth.law.l0, 4, 1e-2);
  EXPECT_GT(f.products, 50);
  EXPECT_LT(f.products, growth.evaluations);
}

TEST(CurvatureGrowth, StaysWithinItsEvaluationsAndCountsThem) {
  for (const int most : {4, 7, 25, 60, 200, 1000})
    for (const Index n : {1, 3, 40}) {
      const Separable f = power(4, n);
      const CurvatureGrowth growth = measure_curvature_growth(f, Vector::LinSpaced(n, 1, 2),
                                                              {.max_evaluations = most, .seed = 3});
      EXPECT_EQ(growth.evaluations, f.calls) << most << " allowed, n " << n;
      EXPECT_LE(growth.evaluations, most);
      EXPECT_GE(growth.samples, 1);
    }
}

TEST(CurvatureGrowth, RepeatsFromItsSeed) {
  const Vector x0 = Vector::LinSpaced(5, 1, 2);
  const auto measure = [&](std::uint64_t seed) {
    return measure_curvature_growth(power(4, 5), x0, {.seed = seed}).law;
  };
  EXPECT_EQ(measure(1).l1, measure(1).l1);
  EXPECT_NE(measure(1).l1, measure(2).l1);
}

TEST(CurvatureGrowth, LeavesOutWhatIsNotFinite) {
  // x - ln x is NaN for x < 0, where probes beyond and aside of the path come to lie.
  const Separable f(
      1, [](double x) { return x - std::log(x); },
      [](double x) { return x > 0 ? 1 - 1 / x : std::nan(""); });
  const CurvatureGrowth growth = measure_curvature_growth(f, Vector{{0.01}});
  EXPECT_GE(growth.samples, 5);
  EXPECT_TRUE(std::isfinite(growth.law.at(growth.largest_gradient)));
  const CurvatureGrowth none = measure_curvature_growth(f, Vector{{-1}});
  EXPECT_EQ(none.samples, 0);
  EXPECT_EQ(none.law.l0, 0);
}

TEST(CurvatureGrowth, StartsAtAStationaryPointToo) {
  const CurvatureGrowth growth = measure_curvature_growth(hyperbolic_cosine(), Vector{{0}});
  EXPECT_GE(growth.samples, 5);
  EXPECT_NEAR(growth.law.at(0), 2, 0.1);
  EXPECT_EQ(growth.smallest_gradient, 0);
}

TEST(CurvatureGrowth, ALinearFunctionHasNoCurvature) {
  const Separable f(
      2, [](double x) { return 3 * x; }, [](double) { return 3; });
  const CurvatureGrowth growth = measure_curvature_growth(f, Vector{{1, 2}});
  EXPECT_GE(growth.samples, 1);
  EXPECT_EQ(growth.law.at(1), 0);
}

TEST(CurvatureGrowth, RefusesOptionsOutOfRange) {
  EXPECT_THROW(measure_curvature_growth(power(4), Vector{{1}}, {.probes = 0}), UsageError);
  EXPECT_THROW(measure_curvature_growth(power(4), Vector{{1}}, {.max_evaluations = 3}), UsageError);
}

// ---- the fit

// The smallest spread over all lines through two pairs, and those with L0 = 0 or L1 = 0.
double best_spread(double alpha, const Vector& g, const Vector& h) {
  const Index k = g.size();
  double best = infinity;
  const auto consider = [&](double l0, double l1) {
    if (!(l0 >= 0) || !(l1 >= 0) || !std::isfinite(l0 + l1)) return;
    double sum = 0;
    for (Index i = 0; i < k; ++i) {
      const double ratio = (l0 + l1 * std::pow(g[i], alpha)) / h[i];
      if (ratio < 1 - 1e-9) return;
      sum += std::log(ratio);
    }
    best = std::min(best, std::exp(sum / static_cast<double>(k)));
  };
  consider(h.maxCoeff(), 0);
  for (Index i = 0; i < k; ++i) {
    const double u = std::pow(g[i], alpha);
    consider(0, h[i] / u);
    for (Index j = 0; j < k; ++j) {
      const double slope = (h[i] - h[j]) / (u - std::pow(g[j], alpha));
      consider(h[i] - slope * u, slope);
    }
  }
  return best;
}

RC_GTEST_PROP(GrowthFit, IsTheTightestLawAboveAllPairs, ()) {
  const auto count = *rc::gen::inRange<Index>(5, 20);
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>(), "pairs");
  Vector g(count), h(count);
  for (Index i = 0; i < count; ++i) {
    g[i] = std::exp(3 * random.normal());
    h[i] = (1 + 2 * std::pow(g[i], 0.7)) * std::exp(0.5 * random.normal());
  }
  const GrowthFit fit = fit_curvature_growth(g, h);
  std::map<double, double> spreads;  // of every exponent
  double best = infinity;
  for (const double alpha : {0.0, 0.25, 0.5, 2.0 / 3.0, 0.75, 0.8, 1.0}) {
    spreads[alpha] = best_spread(alpha, g, h);
    best = std::min(best, spreads[alpha]);
  }
  for (const auto& [alpha, spread] : spreads)
    if (alpha < fit.law.alpha) RC_ASSERT(spread > 1.1 * best * (1 - 1e-6));
  for (Index i = 0; i < count; ++i) RC_ASSERT(fit.law.at(g[i]) >= h[i] * (1 - 1e-9));
  RC_ASSERT(std::abs(fit.spread / spreads.at(fit.law.alpha) - 1) < 1e-6);
  RC_ASSERT(fit.spread <= 1.1 * best * (1 + 1e-6));
}

// f -> c f and x -> x / s change L0 by c s^2 and L1 by c s^2 (c s)^-alpha.
RC_GTEST_PROP(GrowthFit, ScalesWithTheObjective, ()) {
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>(), "pairs");
  const double c = std::exp(4 * random.normal()), s = std::exp(4 * random.normal());
  Vector g(12), h(12);
  for (Index i = 0; i < 12; ++i) {
    g[i] = std::exp(2 * random.normal());
    h[i] = std::exp(random.normal()) * std::sqrt(g[i]);
  }
  const GrowthFit fit = fit_curvature_growth(g, h);
  const GrowthFit scaled = fit_curvature_growth(c * s * g, c * s * s * h);
  RC_ASSERT(scaled.law.alpha == fit.law.alpha);
  for (Index i = 0; i < 12; ++i)
    RC_ASSERT(std::abs(scaled.law.at(c * s * g[i]) / (c * s * s * fit.law.at(g[i])) - 1) < 1e-6);
}

TEST(GrowthFit, FewPairsShowNoGrowth) {
  const GrowthFit fit = fit_curvature_growth(Vector{{1, 10, 100}}, Vector{{1, 10, 100}});
  EXPECT_EQ(fit.law.alpha, 0);
  EXPECT_EQ(fit.law.l0, 100);
  EXPECT_NEAR(fit.spread, 10, 1e-12);
  EXPECT_EQ(fit_curvature_growth(Vector(0), Vector(0)).law.l0, 0);
}

TEST(GrowthFit, PrefersTheSimplestLawThatIsNearlyAsGood) {
  RandomStream random(4, "flat");
  Vector g(40), h(40);
  for (Index i = 0; i < 40; ++i) {
    g[i] = std::exp(2 * random.normal());
    h[i] = 5 * (1 - 0.1 * random.uniform());
  }
  const GrowthFit fit = fit_curvature_growth(g, h);
  EXPECT_EQ(fit.law.alpha, 0);
  EXPECT_EQ(fit.law.l0, h.maxCoeff());
}

}  // namespace
}  // namespace thalweg
