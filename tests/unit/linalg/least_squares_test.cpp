#include "thalweg/linalg/least_squares.hpp"

#include <gtest/gtest.h>

#include <Eigen/SVD>
#include <limits>

#include "unit/linalg/testing.hpp"

namespace thalweg::linalg {
namespace {

using testing::any_size;
using testing::any_stream;
using testing::KnownSvd;
using testing::log_spectrum;
using testing::random_matrix;
using testing::relative_error;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void expect_factors(const ThinSvd& svd, const Matrix& j) {
  const Index k = std::min(j.rows(), j.cols());
  ASSERT_TRUE(svd.ok());
  ASSERT_EQ(svd.u().rows(), j.rows());
  ASSERT_EQ(svd.v().rows(), j.cols());
  ASSERT_EQ(svd.singular_values().size(), k);
  const Matrix product = svd.u() * svd.singular_values().asDiagonal() * svd.v().transpose();
  EXPECT_LE((product - j).norm(), 1e-13 * (1e-300 + j.norm()));
  EXPECT_LT((svd.u().transpose() * svd.u() - Matrix::Identity(k, k)).norm(), 1e-12);
  EXPECT_LT((svd.v().transpose() * svd.v() - Matrix::Identity(k, k)).norm(), 1e-12);
  for (Index i = 1; i < k; ++i) EXPECT_GE(svd.singular_values()[i - 1], svd.singular_values()[i]);
}

// J d = -U f(s) U' r with the known factors: what every solver here must agree with.
Vector exact_step(const KnownSvd& known, const Vector& r, double mu) {
  const Vector filter = known.s.array() / (known.s.array().square() + mu);
  return -(known.v * filter.asDiagonal() * known.u.transpose() * r);
}

RC_GTEST_PROP(ThinSvd, FindsKnownSingularValues, ()) {
  RandomStream random = any_stream();
  const Index m = any_size(1, 60), n = any_size(1, 60);
  const double condition = std::pow(10.0, *rc::gen::inRange(0, 13));
  const KnownSvd known(m, n, log_spectrum(std::min(m, n), condition), random);
  const ThinSvd svd(known.matrix());
  RC_ASSERT((svd.singular_values() - known.s).lpNorm<Eigen::Infinity>() < 1e-14 * 60);
  expect_factors(svd, known.matrix());
}

TEST(ThinSvd, TakesVeryLongShapes) {
  RandomStream random(1, "long");
  for (const auto& [m, n] : {std::pair<Index, Index>{900, 7}, {7, 900}, {500, 200}, {200, 500}}) {
    const KnownSvd known(m, n, log_spectrum(std::min(m, n), 1e6), random);
    const ThinSvd svd(known.matrix());
    expect_factors(svd, known.matrix());
    EXPECT_LT((svd.singular_values() - known.s).lpNorm<Eigen::Infinity>(), 1e-13);
  }
}

TEST(ThinSvd, ResolvesANearlyLostSingularValueToItsAbsoluteAccuracy) {
  RandomStream random(2, "near-singular");
  Vector s{{1.0, 0.5, 0.1, 1e-12}};
  const KnownSvd known(30, 4, s, random);
  const ThinSvd svd(known.matrix());
  EXPECT_NEAR(svd.singular_values()[3], 1e-12, 2e-15);
  EXPECT_EQ(svd.rank(default_rank_tolerance(30, 4)), 4);
  EXPECT_EQ(svd.rank(1e-11), 3);
}

TEST(ThinSvd, CountsTheRank) {
  RandomStream random(3, "rank");
  for (const auto& [m, n] : {std::pair<Index, Index>{40, 12}, {12, 40}, {20, 20}}) {
    const KnownSvd known(m, n, Vector::LinSpaced(5, 3, 1), random);
    const ThinSvd svd(known.matrix());
    EXPECT_EQ(svd.rank(default_rank_tolerance(m, n)), 5);
    const Vector r = random.normal_vector(m);
    EXPECT_LT(relative_error(svd.damped_step(r, 0, 1e-10), exact_step(known, r, 0)), 1e-12);
    const Vector inside = known.u * (known.u.transpose() * r);
    EXPECT_LT(relative_error(svd.project(r, 1e-10), inside), 1e-12);
  }
}

TEST(ThinSvd, TakesOneByOneZeroAndEmpty) {
  const ThinSvd one(Matrix::Constant(1, 1, -3));
  EXPECT_DOUBLE_EQ(one.singular_values()[0], 3);
  EXPECT_DOUBLE_EQ(one.damped_step(Vector::Constant(1, 6), 0, 1e-12)[0], 2);
  const ThinSvd zero(Matrix::Zero(4, 3));
  EXPECT_TRUE(zero.ok());
  EXPECT_EQ(zero.singular_values(), Vector::Zero(3));
  EXPECT_EQ(zero.rank(1e-12), 0);
  EXPECT_EQ(zero.damped_step(Vector::Ones(4), 0, 1e-12), Vector::Zero(3));
  EXPECT_EQ(zero.project(Vector::Ones(4), 1e-12), Vector::Zero(4));
  const ThinSvd empty(Matrix(0, 3));
  EXPECT_TRUE(empty.ok());
  EXPECT_EQ(empty.rank(1e-12), 0);
  EXPECT_EQ(empty.damped_step(Vector(0), 0, 1e-12), Vector::Zero(3));
}

TEST(ThinSvd, NonFiniteInputIsAnAnswerNotAnException) {
  for (const double bad : {nan, std::numeric_limits<double>::infinity()}) {
    Matrix j = Matrix::Ones(5, 3);
    j(4, 2) = bad;
    EXPECT_FALSE(ThinSvd(j).ok());
  }
}

TEST(ThinSvd, DampsWithoutOverflow) {
  RandomStream random(4, "scale");
  for (const double scale : {1e-200, 1e200}) {
    const KnownSvd known(6, 4, Vector::LinSpaced(4, 2, 1), random);
    const Vector r = random.normal_vector(6);
    const Vector step = ThinSvd(scale * known.matrix()).damped_step(r, 0, 1e-12) * scale;
    EXPECT_LT(relative_error(step, exact_step(known, r, 0)), 1e-12);
  }
}

RC_GTEST_PROP(ThinSvd, DampedStepAgreesWithTheKnownFactors, ()) {
  RandomStream random = any_stream();
  const Index m = any_size(1, 40), n = any_size(1, 40);
  const double mu = std::pow(10.0, *rc::gen::inRange(-8, 3));
  const KnownSvd known(m, n, log_spectrum(std::min(m, n), 1e3), random);
  const Vector r = random.normal_vector(m);
  RC_ASSERT(relative_error(ThinSvd(known.matrix()).damped_step(r, mu, 0),
                           exact_step(known, r, mu)) < 1e-10);
}

RC_GTEST_PROP(DampedLeastSquares, AgreesWithTheKnownFactors, ()) {
  RandomStream random = any_stream();
  const Index m = any_size(1, 40), n = any_size(1, 40);
  const double root = std::pow(10.0, *rc::gen::inRange(-4, 2));
  const KnownSvd known(m, n, log_spectrum(std::min(m, n), 1e3), random);
  const Vector r = random.normal_vector(m);
  RC_ASSERT(relative_error(damped_least_squares(known.matrix(), r, Vector::Constant(n, root)),
                           exact_step(known, r, root * root)) < 1e-8);
}

// The normal equations of the stacked problem, with a different weight for every parameter.
RC_GTEST_PROP(DampedLeastSquares, MakesTheStackedGradientVanish, ()) {
  RandomStream random = any_stream();
  const Index m = any_size(1, 40), n = any_size(1, 40);
  const Matrix j = random_matrix(m, n, random);
  const Vector r = random.normal_vector(m), d = random.normal_vector(n).array().exp();
  const Vector step = damped_least_squares(j, r, d);
  const Vector gradient =
      j.transpose() * (j * step + r) + d.array().square().matrix().asDiagonal() * step;
  RC_ASSERT(gradient.norm() <= 1e-11 * (1 + (j.transpose() * r).norm()));
}

TEST(DampedLeastSquares, KeepsTheAccuracyThatTheSquaredMatrixLoses) {
  RandomStream random(5, "ill-conditioned");
  const double condition = 1e10;
  const KnownSvd known(50, 8, log_spectrum(8, condition), random);
  const Vector truth = random.normal_vector(8), r = -(known.matrix() * truth);
  const Vector step = damped_least_squares(known.matrix(), r, Vector::Zero(8));
  EXPECT_LT(relative_error(step, truth), 1e-4);  // eps * condition = 2e-6; the square would be 1e4
  const Vector damped = damped_least_squares(known.matrix(), r, Vector::Constant(8, 1e-14));
  EXPECT_LT(relative_error(damped, truth), 1e-4);
}

// Parameters in units that differ by many orders, as in the NIST problems, are not lost rank.
TEST(DampedLeastSquares, UnitsOfTheParametersDoNotMatter) {
  RandomStream random(6, "units");
  const Vector unit{{1e-9, 1.0, 1e7, 1e-3}};
  const Matrix j = random_matrix(20, 4, random) * unit.asDiagonal();
  const Vector truth = unit.cwiseInverse(), r = -(j * truth);
  const Vector step = damped_least_squares(j, r, Vector::Zero(4));
  EXPECT_LT((step.cwiseQuotient(truth) - Vector::Ones(4)).norm(), 1e-12);
}

TEST(DampedLeastSquares, WithoutDampingGivesTheMinimumNormSolution) {
  RandomStream random(7, "rank");
  for (const auto& [m, n] : {std::pair<Index, Index>{30, 10}, {10, 30}, {10, 10}}) {
    const KnownSvd known(m, n, Vector::LinSpaced(6, 3, 1), random);
    const Vector r = random.normal_vector(m);
    EXPECT_LT(relative_error(damped_least_squares(known.matrix(), r, Vector::Zero(n)),
                             exact_step(known, r, 0)),
              1e-11);
  }
}

TEST(DampedLeastSquares, TakesDampingOfSomeParametersOnly) {
  RandomStream random(8, "partial");
  const Matrix j = random_matrix(12, 5, random);
  const Vector r = random.normal_vector(12), d{{0.0, 1.0, 0.0, 2.0, 0.5}};
  const Vector step = damped_least_squares(j, r, d);
  const Vector gradient =
      j.transpose() * (j * step + r) + d.array().square().matrix().asDiagonal() * step;
  EXPECT_LT(gradient.norm(), 1e-12 * (j.transpose() * r).norm());
}

TEST(DampedLeastSquares, TakesOneByOneAndZero) {
  EXPECT_DOUBLE_EQ(
      damped_least_squares(Matrix::Constant(1, 1, 2), Vector::Constant(1, 3), Vector::Zero(1))[0],
      -1.5);
  EXPECT_EQ(damped_least_squares(Matrix::Zero(3, 2), Vector::Ones(3), Vector::Zero(2)),
            Vector::Zero(2));
}

TEST(DampedLeastSquares, NonFiniteInputIsAnAnswerNotAnException) {
  const Matrix j = Matrix::Constant(4, 2, nan);
  for (const double root : {0.0, 1.0})
    EXPECT_FALSE(damped_least_squares(j, Vector::Ones(4), Vector::Constant(2, root)).allFinite());
}

}  // namespace
}  // namespace thalweg::linalg
