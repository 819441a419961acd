#include "thalweg/linalg/symmetric_solve.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <limits>

#include "unit/linalg/testing.hpp"

namespace thalweg::linalg {
namespace {

using testing::any_size;
using testing::any_stream;
using testing::log_spectrum;
using testing::relative_error;
using testing::symmetric_with_spectrum;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

RC_GTEST_PROP(CholeskyFactor, SolvesTheShiftedSystem, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(1, 50);
  const double mu = *rc::gen::element(0.0, 1e-3, 10.0);
  const Matrix a = symmetric_with_spectrum(log_spectrum(n, 1e4), random);
  Matrix lower = a;
  lower.triangularView<Eigen::StrictlyUpper>().setConstant(nan);
  const CholeskyFactor factor(lower, mu);
  RC_ASSERT(factor.ok());
  const Vector x = random.normal_vector(n);
  const Matrix shifted = a + mu * Matrix::Identity(n, n);
  const Vector b = shifted * x;
  RC_ASSERT(relative_error(factor.solve(b), x) < 1e-9);
  RC_ASSERT(std::abs(factor.solve_lower(b).squaredNorm() - b.dot(x)) <= 1e-9 * b.dot(x));
  const CholeskyFactor in_place(Matrix(lower), mu);
  RC_ASSERT(in_place.solve(b) == factor.solve(b));
}

RC_GTEST_PROP(CholeskyFactor, FindsTheSmallestEigenvalue, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(1, 80);
  const double condition = std::pow(10.0, *rc::gen::inRange(0, 9));
  const Matrix a = symmetric_with_spectrum(log_spectrum(n, condition), random);
  const double exact = Eigen::SelfAdjointEigenSolver<Matrix>(a).eigenvalues()[0];
  const double found = CholeskyFactor(a, 0).smallest_eigenvalue(1e-3);
  RC_ASSERT(std::abs(found - exact) <= 1e-3 * exact + 1e-15);
}

TEST(CholeskyFactor, SmallestEigenvalueOfAClusteredSpectrum) {
  RandomStream random(1, "cluster");
  Vector spectrum = Vector::LinSpaced(150, 1, 1.001);
  spectrum[0] = 0.999;
  const Matrix a = symmetric_with_spectrum(spectrum, random);
  EXPECT_NEAR(CholeskyFactor(a, 1).smallest_eigenvalue(1e-3), 1.999, 2e-3);
}

TEST(CholeskyFactor, SaysWhenTheMatrixIsNotPositiveDefinite) {
  EXPECT_FALSE(CholeskyFactor(-Matrix::Identity(4, 4), 0.5).ok());
  EXPECT_TRUE(CholeskyFactor(-Matrix::Identity(4, 4), 1.5).ok());
  EXPECT_FALSE(CholeskyFactor(Matrix::Constant(4, 4, nan), 1).ok());
  EXPECT_TRUE(CholeskyFactor(Matrix(0, 0), 1).ok());
}

RC_GTEST_PROP(Eigenpairs, DiagonalizeTheMatrix, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(1, 60);
  const Vector spectrum = random.normal_vector(n);
  const Matrix a = symmetric_with_spectrum(spectrum, random);
  Matrix lower = a;
  lower.triangularView<Eigen::StrictlyUpper>().setConstant(nan);
  const Eigenpairs pairs = eigenpairs(lower);
  Vector sorted = spectrum;
  std::sort(sorted.begin(), sorted.end());
  RC_ASSERT((pairs.values - sorted).norm() <= 1e-12 * (1 + sorted.norm()));
  RC_ASSERT((a * pairs.vectors - pairs.vectors * pairs.values.asDiagonal()).norm() <=
            1e-12 * (1 + a.norm()));
  RC_ASSERT((pairs.vectors.transpose() * pairs.vectors - Matrix::Identity(n, n)).norm() < 1e-12);
}

TEST(Eigenpairs, TakeEmptyAndNonFiniteMatrices) {
  EXPECT_EQ(eigenpairs(Matrix(0, 0)).values.size(), 0);
  EXPECT_FALSE(eigenpairs(Matrix::Constant(5, 5, nan)).values.allFinite());
}

}  // namespace
}  // namespace thalweg::linalg
