#include "thalweg/model/robust_losses.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
  return RandomStream(seed, "robust").normal_vector(rows * cols).reshaped(rows, cols);
}

struct Case {
  const char* name;
  std::function<std::unique_ptr<RobustLoss>(Matrix targets, double scale)> make;
  // rho(r) with c = 1, as the literature writes it.
  double (*rho)(double r);
  double efficient_scale;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

template <class Loss>
std::unique_ptr<RobustLoss> make(Matrix targets, double scale) {
  return std::make_unique<Loss>(std::move(targets), scale);
}

const Case cases[] = {
    {"huber", make<HuberLoss>,
     [](double r) { return std::abs(r) <= 1 ? r * r / 2 : std::abs(r) - 0.5; },
     HuberLoss::efficient_scale},
    {"cauchy", make<CauchyLoss>, [](double r) { return std::log(1 + r * r) / 2; },
     CauchyLoss::efficient_scale},
    {"tukey", make<TukeyLoss>,
     [](double r) { return std::abs(r) <= 1 ? (1 - std::pow(1 - r * r, 3)) / 6 : 1.0 / 6; },
     TukeyLoss::efficient_scale},
};

class Robust : public testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<RobustLoss> make(Matrix targets, double scale) const {
    return GetParam().make(std::move(targets), scale);
  }
  // 8 samples of 2 outputs, residuals on both sides of c = 0.9.
  std::unique_ptr<RobustLoss> loss = make(random_matrix(8, 2, 1), 0.9);
  Index m = loss->output_count();
  Vector y = 0.7 * RandomStream(2, "y").normal_vector(m);
};

TEST_P(Robust, ValuesAreThoseOfTheLiterature) {
  const Matrix targets = random_matrix(8, 2, 1);
  const Vector r = y - targets.reshaped();
  double sum = 0;
  for (const double r_i : r) sum += 0.81 * GetParam().rho(r_i / 0.9);
  EXPECT_NEAR(loss->value(y), sum / 8, 1e-15 * sum);
  EXPECT_GT((r.array().abs() > 0.9).count(), 3);
  EXPECT_GT((r.array().abs() < 0.9).count(), 3);
}

TEST_P(Robust, GradientHasTaylorSlopeTwo) {
  const Vector v = RandomStream(3, "v").normal_vector(m).normalized();
  Vector g(m);
  loss->gradient(y, g);
  const double at = loss->value(y);
  const TaylorSlope taylor = taylor_slope(
      [&](double h) { return std::abs(loss->value(y + h * v) - at - h * g.dot(v)); }, 0.3, 1e-13);
  ASSERT_TRUE(taylor.slope.has_value());
  EXPECT_NEAR(*taylor.slope, 2, 0.1);
}

TEST_P(Robust, HessianIsTheDifferenceOfGradients) {
  constexpr double h = 1e-5;
  Vector up(m), down(m), hv(m), applied(m);
  const auto hessian = loss->hessian(y);
  for (Index k = 0; k < m; ++k) {
    const Vector unit = Vector::Unit(m, k);
    loss->gradient(y + h * unit, up);
    loss->gradient(y - h * unit, down);
    loss->hessian_product(y, unit, hv);
    EXPECT_LE((hv - (up - down) / (2 * h)).norm(), 1e-9) << k;
    hessian->apply(unit, applied);
    EXPECT_EQ((applied - hv).norm(), 0);
  }
}

TEST_P(Robust, TheRootBoundsTheLossFromAbove) {
  RandomStream random(4, "steps");
  const Matrix root = loss->hessian_root(y);
  ASSERT_EQ(root.rows(), m);
  ASSERT_EQ(root.cols(), 2);
  Vector g(m), sv(m), stsv(m), hv(m);
  loss->gradient(y, g);
  for (const double size : {0.01, 0.3, 1.0, 10.0, 1000.0}) {
    for (int trial = 0; trial < 20; ++trial) {
      const Vector v = size * random.normal_vector(m);
      apply_root(root, v, sv);
      loss->hessian_product(y, v, hv);
      EXPECT_LE(hv.dot(v), sv.squaredNorm() * (1 + 1e-14));
      const double bound = loss->value(y) + g.dot(v) + sv.squaredNorm() / 2;
      EXPECT_LE(loss->value(y + v), bound + 1e-14 * (1 + std::abs(bound)));
    }
  }
  // The gradient is S'S r: nothing of it is out of reach.
  const Vector r = y - random_matrix(8, 2, 1).reshaped();
  apply_root(root, r, sv);
  apply_root_adjoint(root, sv, stsv);
  EXPECT_LE((stsv - g).norm(), 1e-15);
  // It is also what the Hessian offers as its diagonal.
  const auto diagonal = loss->hessian(y)->diagonal();
  ASSERT_TRUE(diagonal.has_value());
  EXPECT_LE((*diagonal - root.rowwise().squaredNorm()).norm(), 1e-15);
}

TEST_P(Robust, ABatchIsTheSumOfItsSamples) {
  const std::vector<Index> all{0, 1, 2, 3, 4, 5, 6, 7}, some{5, 0, 5};
  Vector g(m), sum(m);
  loss->gradient(y, g);
  EXPECT_NEAR(loss->batch_sum(all, y, sum), 8 * loss->value(y), 1e-14);
  EXPECT_LE((sum - 8 * g).norm(), 1e-14);
  Vector y_some(6), g_some(6);
  double expected = 0;
  for (Index k = 0; k < 3; ++k)
    for (Index q = 0; q < 2; ++q) {
      const Index i = q * 8 + some[static_cast<std::size_t>(k)];
      y_some[q * 3 + k] = y[i];
      const double r = y[i] - random_matrix(8, 2, 1).reshaped()[i];
      expected += 0.81 * GetParam().rho(r / 0.9);
    }
  EXPECT_NEAR(loss->batch_sum(some, y_some, g_some), expected, 1e-14);
  for (Index k = 0; k < 3; ++k)
    for (Index q = 0; q < 2; ++q)
      EXPECT_NEAR(g_some[q * 3 + k], sum[q * 8 + some[static_cast<std::size_t>(k)]], 1e-15);
}

TEST_P(Robust, BecomesTheSquaredLossAsTheScaleGrows) {
  const Matrix targets = random_matrix(8, 2, 1);
  const SquaredLoss squared(targets);
  const auto wide = make(targets, 1e8);
  Vector g(m), expected(m);
  EXPECT_NEAR(wide->value(y) / squared.value(y), 1, 1e-14);
  wide->gradient(y, g);
  squared.gradient(y, expected);
  EXPECT_LE((g - expected).norm(), 1e-14);
  wide->hessian_product(y, y, g);
  squared.hessian_product(y, y, expected);
  EXPECT_LE((g - expected).norm(), 1e-14);
  EXPECT_LE((wide->hessian_root(y) - squared.hessian_root(y)).norm(), 1e-14);
}

TEST_P(Robust, SmallResidualsKeepTheirDigits) {
  const auto one = make(Matrix::Zero(1, 1), 1);
  for (const double r : {1e-4, 1e-9, 1e-150})
    EXPECT_NEAR(one->value(Vector::Constant(1, r)) / (r * r / 2), 1, 2e-8);
}

TEST_P(Robust, TheTargetsAreTheMinimizer) {
  Vector g(m);
  const Vector targets = loss->minimizer().value();
  EXPECT_EQ(loss->value(targets), 0);
  loss->gradient(targets, g);
  EXPECT_EQ(g.norm(), 0);
}

TEST_P(Robust, ExtremeOutputsStayFiniteAndNaNStaysVisible) {
  Vector g(m), hv(m), far = y;
  for (const double size : {800.0, 1e100, 1e200}) {
    for (Index k = 0; k < m; ++k) far[k] = k % 2 == 0 ? size : -size;
    loss->gradient(far, g);
    loss->hessian_product(far, Vector::Ones(m), hv);
    EXPECT_TRUE(std::isfinite(loss->value(far)));
    EXPECT_TRUE(g.allFinite() && hv.allFinite() && loss->hessian_root(far).allFinite());
    EXPECT_LE(g.cwiseAbs().maxCoeff(), 0.9 / 8 * (1 + 1e-15));  // the pull is at most c
  }
  far[1] = std::nan("");
  EXPECT_TRUE(std::isnan(loss->value(far)));
  loss->gradient(far, g);
  EXPECT_TRUE(std::isnan(g[1]));
}

// The asymptotic variance of an M-estimate of a location is E psi^2 / (E psi')^2 (Huber 1964), that
// of the mean 1: integrated with the trapezoidal rule over the normal density.
TEST_P(Robust, TheStatedScaleIs95PercentEfficient) {
  const auto one = make(Matrix::Zero(1, 1), GetParam().efficient_scale);
  constexpr double h = 1e-3;
  double psi2 = 0, slope = 0;
  Vector r(1), psi(1), curvature(1);
  for (int k = -9000; k <= 9000; ++k) {
    r[0] = h * k;
    const double density = std::exp(-r[0] * r[0] / 2) / std::sqrt(2 * std::numbers::pi);
    one->gradient(r, psi);
    one->hessian_product(r, Vector::Ones(1), curvature);
    psi2 += h * density * psi[0] * psi[0];
    slope += h * density * curvature[0];
  }
  EXPECT_NEAR(slope * slope / psi2, 0.95, 5e-4);
}

TEST_P(Robust, MisuseIsNamed) {
  for (const double scale : {0.0, -1.0, std::nan(""), HUGE_VAL})
    EXPECT_THROW(make(Matrix::Zero(2, 1), scale), UsageError);
  EXPECT_THROW(make(Matrix(0, 1), 1), UsageError);
  EXPECT_THROW(make(Matrix::Constant(2, 1, HUGE_VAL), 1), UsageError);
}

// A linear model, whose Hessian weighs its rows with phi'', negative for some.
TEST_P(Robust, ALinearObjectiveHasItsExactHessian) {
  for (const Index outputs : {1, 2}) {
    const auto model = std::make_shared<LinearModel>(
        random_matrix(8, 3, 5), LinearModel::Options{.outputs = outputs, .intercept = true});
    const std::shared_ptr<const OutputLoss> robust = make(random_matrix(8, outputs, 1), 0.9);
    const LinearObjective problem(model, robust);
    const Index n = problem.dimension();
    const Vector x = RandomStream(6, "x").normal_vector(n);
    const auto hessian = problem.hessian(x);
    Matrix h(n, n);
    Vector up(n), down(n);
    for (Index k = 0; k < n; ++k) {
      hessian->apply(Vector::Unit(n, k), h.col(k));
      problem.value_and_gradient(x + 1e-5 * Vector::Unit(n, k), up);
      problem.value_and_gradient(x - 1e-5 * Vector::Unit(n, k), down);
      EXPECT_LE((h.col(k) - (up - down) / 2e-5).norm(), 1e-8) << outputs << " outputs, " << k;
    }
    // The diagonal it offers is that of J'S'SJ: positive, and at least its own.
    const auto at_x = model->linearize(x);
    const Matrix root = robust->hessian_root(at_x->outputs());
    Matrix bound = Matrix::Zero(n, n);
    at_x->normal(root, bound);
    const auto diagonal = hessian->diagonal();
    ASSERT_TRUE(diagonal.has_value());
    EXPECT_LE((*diagonal - bound.diagonal()).norm(), 1e-14);
    EXPECT_TRUE((diagonal->array() >= h.diagonal().array()).all());
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, Robust, testing::ValuesIn(cases),
                         [](const auto& which) { return std::string(which.param.name); });

TEST(RobustLosses, OnlyHuberIsConvex) {
  const Matrix zero = Matrix::Zero(1, 1);
  EXPECT_TRUE(HuberLoss(zero, 1).convex());
  EXPECT_FALSE(CauchyLoss(zero, 1).convex());
  EXPECT_FALSE(TukeyLoss(zero, 1).convex());
  // The signs of the curvature beyond c say the same.
  Vector beyond = Vector::Constant(1, 1.5), curvature(1);
  CauchyLoss(zero, 1).hessian_product(beyond, Vector::Ones(1), curvature);
  EXPECT_LT(curvature[0], 0);
  beyond[0] = 0.7;
  TukeyLoss(zero, 1).hessian_product(beyond, Vector::Ones(1), curvature);
  EXPECT_LT(curvature[0], 0);
}

TEST(RobustLosses, MedianDeviation) {
  // Median 3, deviations 2 1 0 1 97: their median is 1.
  EXPECT_NEAR(median_deviation(Vector{{1, 2, 3, 4, 100}}), 1.482602218505602, 1e-15);
  // Even: median 2.5, deviations 1.5 .5 .5 1.5.
  EXPECT_NEAR(median_deviation(Vector{{4, 1, 3, 2}}), 1.482602218505602, 1e-15);
  // Each column from its own median.
  Matrix two(3, 2);
  two << 0, 10, 1, 11, 2, 12;
  EXPECT_NEAR(median_deviation(two), 1.482602218505602, 1e-15);
  EXPECT_EQ(median_deviation(Vector{{5, 5, 5, 9}}), 0);
  // The standard deviation of normal numbers; the sampling error of 20 001 is 0.8 %, and 4 of them
  // are exceeded with probability 6e-5.
  EXPECT_NEAR(median_deviation(3 * RandomStream(1, "mad").normal_vector(20001)), 3, 0.1);
}

}  // namespace
}  // namespace thalweg
