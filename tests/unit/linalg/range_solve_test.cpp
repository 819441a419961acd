#include "thalweg/linalg/range_solve.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/linalg/least_squares.hpp"
#include "unit/linalg/testing.hpp"

namespace thalweg::linalg {
namespace {

using testing::KnownSvd;
using testing::log_spectrum;
using testing::random_matrix;
using testing::relative_error;

constexpr double eps = std::numeric_limits<double>::epsilon();

JacobianProducts products_with(const Matrix& j) {
  return {j.rows(), j.cols(), [&j](const ConstVectorRef& v, VectorRef jv) { jv.noalias() = j * v; },
          [&j](const ConstVectorRef& u, VectorRef jtu) { jtu.noalias() = j.transpose() * u; }};
}

Matrix squared(const Matrix& j, Squared form) {
  const Index size = form == Squared::gram ? j.rows() : j.cols();
  Matrix s = Matrix::Zero(size, size);
  syrk(1, form == Squared::gram ? Op::none : Op::transpose, j, 0, s);
  return s;
}

RangeSolution refined(const Matrix& j, Squared form, double mu, const Vector& r) {
  return RangeSolver(products_with(j), form, squared(j, form), mu).solve(r);
}

// The accuracy of J itself, eps * condition, with a factor for the sizes; the squared matrix alone
// would give eps * condition^2.
TEST(RangeSolve, KeepsTheAccuracyOfJ) {
  RandomStream random(1, "range");
  for (const double condition : {1e2, 1e3, 1e4, 1e5, 1e6, 1e7}) {
    for (const Squared form : {Squared::gram, Squared::normal}) {
      const Index m = form == Squared::gram ? 40 : 150, n = form == Squared::gram ? 150 : 40;
      const KnownSvd known(m, n, log_spectrum(40, condition), random);
      const Matrix j = known.matrix();
      // Residuals that the step can remove: the part outside the range has its own, squared
      // sensitivity in every method.
      const Vector r = known.u * random.normal_vector(40);
      const RangeSolution solution = refined(j, form, 0, r);
      EXPECT_LT(relative_error(solution.step, ThinSvd(j).damped_step(r, 0, 0)),
                50 * eps * condition)
          << "condition " << condition << (form == Squared::gram ? " gram" : " normal");
      EXPECT_LT(solution.residual, 1e-6);
    }
  }
}

TEST(RangeSolve, ReportsConvergenceWhereTheToleranceCanBeReached) {
  RandomStream random(2, "converged");
  for (const double condition : {1e1, 1e3, 1e5}) {
    const KnownSvd known(30, 90, log_spectrum(30, condition), random);
    const RangeSolution solution =
        refined(known.matrix(), Squared::gram, 0, random.normal_vector(30));
    EXPECT_TRUE(solution.converged) << condition;
    EXPECT_LE(solution.refinements, 6);
    EXPECT_LE(solution.correction, 1e-10);
  }
}

// Pairs of inputs at a small distance: half of the singular values are small.
TEST(RangeSolve, TakesNearlyDuplicateRows) {
  RandomStream random(3, "pairs");
  for (const double distance : {1e-2, 1e-4, 1e-6}) {
    Matrix j(20, 200);
    for (Index i = 0; i < 10; ++i) {
      j.row(2 * i) = random.normal_vector(200);
      j.row(2 * i + 1) = j.row(2 * i) + distance * random.normal_vector(200).transpose();
    }
    const Vector r = random.normal_vector(20);
    const ThinSvd svd(j);
    const Vector exact = svd.damped_step(r, 0, 0);
    const double condition = svd.singular_values()[0] / svd.singular_values()[19];
    const RangeSolution solution = refined(j, Squared::gram, 0, r);
    EXPECT_LT(relative_error(solution.step, exact), 50 * eps * condition);
    EXPECT_LT((r + j * solution.step).norm(), 50 * eps * condition * r.norm());
  }
}

TEST(RangeSolve, IsBetterThanTheFactorAlone) {
  RandomStream random(4, "gain");
  const KnownSvd known(60, 200, log_spectrum(60, 1e6), random);
  const Matrix j = known.matrix();
  const Vector r = random.normal_vector(60), exact = ThinSvd(j).damped_step(r, 0, 0);
  const CholeskyFactor factor(squared(j, Squared::gram), 0);
  ASSERT_TRUE(factor.ok());
  const double plain = relative_error(-(j.transpose() * factor.solve(r)), exact);
  const double better = relative_error(refined(j, Squared::gram, 0, r).step, exact);
  EXPECT_LT(better, plain / 100);
}

RC_GTEST_PROP(RangeSolve, DampedStepsAgreeWithTheSvd, ()) {
  RandomStream random = testing::any_stream();
  const Index m = testing::any_size(1, 40), n = testing::any_size(1, 40);
  const double mu = std::pow(10.0, *rc::gen::inRange(-10, 2));
  const KnownSvd known(m, n, log_spectrum(std::min(m, n), 1e4), random);
  const Matrix j = known.matrix();
  const Vector r = random.normal_vector(m), exact = ThinSvd(j).damped_step(r, mu, 0);
  for (const Squared form : {Squared::gram, Squared::normal}) {
    const RangeSolution solution = refined(j, form, mu, r);
    RC_ASSERT(relative_error(solution.step, exact) < 1e-6);
  }
}

TEST(RangeSolve, ShiftsWhereTheFactorizationFails) {
  RandomStream random(5, "shift");
  Matrix j = random_matrix(12, 40, random);
  j.row(11) = j.row(10);  // an exact duplicate
  Vector r = random.normal_vector(12);
  r[11] = r[10];  // consistent: the minimum-norm solution exists and fits
  Matrix k = squared(j, Squared::gram);
  k(11, 11) -= 1e-10;  // what a less accurate Gram matrix looks like
  const RangeSolver solver(products_with(j), Squared::gram, k, 0);
  ASSERT_TRUE(solver.ok());
  EXPECT_GT(solver.shift(), 0);
  const RangeSolution solution = solver.solve(r);
  EXPECT_LT(relative_error(solution.step, ThinSvd(j).damped_step(r, 0, 1e-12)), 1e-9);
}

TEST(RangeSolve, SaysThatItCannotFitConflictingDuplicates) {
  RandomStream random(6, "conflict");
  Matrix j = random_matrix(6, 30, random);
  j.row(5) = j.row(4);
  const RangeSolution solution = refined(j, Squared::gram, 0, random.normal_vector(6));
  EXPECT_GT(solution.residual, 1e-3);
  EXPECT_TRUE(solution.step.allFinite());
}

TEST(RangeSolve, TakesZeroResidualsAndNonFiniteMatrices) {
  const Matrix j = Matrix::Identity(3, 5);
  const RangeSolution solution = refined(j, Squared::gram, 0, Vector::Zero(3));
  EXPECT_TRUE(solution.converged);
  EXPECT_EQ(solution.step, Vector::Zero(5));
  const Matrix bad = Matrix::Constant(3, 3, std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(RangeSolver(products_with(j), Squared::gram, bad, 0).ok());
  EXPECT_THROW(RangeSolver(products_with(j), Squared::normal, Matrix::Identity(3, 3), 0),
               UsageError);
}

}  // namespace
}  // namespace thalweg::linalg
