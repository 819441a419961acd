#include "thalweg/linalg/lanczos.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <limits>

#include "unit/linalg/testing.hpp"

namespace thalweg::linalg {
namespace {

using testing::any_size;
using testing::any_stream;
using testing::random_matrix;
using testing::symmetric_with_spectrum;

Product product_with(const Matrix& a) {
  return [&a](const ConstVectorRef& v, VectorRef av) { av.noalias() = a * v; };
}

Vector dense_eigenvalues(const Matrix& a) {
  return Eigen::SelfAdjointEigenSolver<Matrix>(a, Eigen::EigenvaluesOnly).eigenvalues();
}

void expect_is_pair(const RitzPair& pair, const Matrix& a, double eigenvalue, double tolerance) {
  EXPECT_NEAR(pair.value, eigenvalue, tolerance);
  EXPECT_NEAR(pair.vector.norm(), 1, 1e-12);
  EXPECT_NEAR(pair.residual, (a * pair.vector - pair.value * pair.vector).norm(), 1e-12 * a.norm());
}

RC_GTEST_PROP(Lanczos, AgreesWithDenseEigenvalues, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(1, 80);
  const Matrix half = random_matrix(n, n, random), a = half + half.transpose();
  const Vector expected = dense_eigenvalues(a);
  for (const Extreme which : {Extreme::smallest, Extreme::largest}) {
    const RitzPair pair = extreme_eigenpair(product_with(a), n, which, 1e-9, 5000, random);
    const double exact = which == Extreme::smallest ? expected[0] : expected[n - 1];
    RC_ASSERT(pair.converged);
    RC_ASSERT(std::abs(pair.value - exact) <= 1e-9 * (1 + a.norm()));
    RC_ASSERT(pair.products <= 5000);
  }
}

RC_GTEST_PROP(Lanczos, TheLargestMagnitudeIsTheNorm, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(1, 80);
  const Matrix half = random_matrix(n, n, random), a = half + half.transpose();
  const double norm = dense_eigenvalues(a).cwiseAbs().maxCoeff();
  const RitzPair pair =
      extreme_eigenpair(product_with(a), n, Extreme::magnitude, 1e-6, 5000, random);
  RC_ASSERT(std::abs(std::abs(pair.value) - norm) <= 1e-9 * (1 + norm));
}

// The wanted eigenvalue is at one end, crowded ones at both: restarts must keep some of either.
TEST(Lanczos, FindsTheLargestMagnitudeAtEitherEndThroughRestarts) {
  for (const double sign : {-1.0, 1.0}) {
    RandomStream random(3, "magnitude");
    const Index n = 400;
    Vector spectrum = Vector::LinSpaced(n, -100, 100);
    spectrum *= sign;
    spectrum[0] *= 1.004;
    const Matrix a = symmetric_with_spectrum(spectrum, random);
    const RitzPair pair =
        extreme_eigenpair(product_with(a), n, Extreme::magnitude, 1e-8, 5000, random);
    EXPECT_GT(pair.products, 60);
    EXPECT_TRUE(pair.converged);
    expect_is_pair(pair, a, -100.4 * sign, 1e-6);
  }
}

TEST(Lanczos, FindsASmallNegativeEigenvalueBesideLargeOnes) {
  RandomStream random(1, "saddle");
  const Index n = 300;
  Vector spectrum = Vector::LinSpaced(n, 0.1, 100);
  spectrum[0] = -0.05;
  const Matrix a = symmetric_with_spectrum(spectrum, random);
  const RitzPair pair =
      extreme_eigenpair(product_with(a), n, Extreme::smallest, 1e-6, 5000, random);
  EXPECT_TRUE(pair.converged);
  expect_is_pair(pair, a, -0.05, 1e-8);
}

TEST(Lanczos, HandlesMultipleEigenvaluesAndMultiplesOfTheIdentity) {
  RandomStream random(2, "multiple");
  Vector spectrum = Vector::Ones(60);
  spectrum.tail(20).setConstant(3);
  const Matrix a = symmetric_with_spectrum(spectrum, random);
  expect_is_pair(extreme_eigenpair(product_with(a), 60, Extreme::largest, 1e-8, 500, random), a, 3,
                 1e-10);
  const Matrix scaled = -2 * Matrix::Identity(60, 60);
  expect_is_pair(extreme_eigenpair(product_with(scaled), 60, Extreme::smallest, 1e-8, 500, random),
                 scaled, -2, 1e-12);
  const Matrix zero = Matrix::Zero(60, 60);
  const RitzPair pair =
      extreme_eigenpair(product_with(zero), 60, Extreme::smallest, 1e-8, 500, random);
  EXPECT_TRUE(pair.converged);
  expect_is_pair(pair, zero, 0, 1e-14);
}

// The Hessian of an over-parametrized loss: its null vectors are outside the range of A.
TEST(Lanczos, FindsTheNullSpaceOfASemidefiniteOperator) {
  RandomStream random(7, "null");
  for (const double scale : {1e-30, 1.0, 1e30}) {
    Vector spectrum = Vector::Zero(200);
    spectrum.tail(40) = scale * Vector::LinSpaced(40, 0.1, 2);
    const Matrix a = symmetric_with_spectrum(spectrum, random);
    const RitzPair pair =
        extreme_eigenpair(product_with(a), 200, Extreme::smallest, 1e-6, 500, random);
    EXPECT_TRUE(pair.converged);
    expect_is_pair(pair, a, 0, 1e-13 * scale);
  }
}

// An upper bound on the smallest eigenvalue and an honest residual, also without convergence.
TEST(Lanczos, SaysWhenTheBudgetIsSpent) {
  RandomStream random(3, "budget");
  const Index n = 400;
  const Matrix a = symmetric_with_spectrum(testing::log_spectrum(n, 1e8), random);
  for (const int budget : {3, 10, 30, 60}) {
    const RitzPair pair =
        extreme_eigenpair(product_with(a), n, Extreme::smallest, 1e-10, budget, random);
    EXPECT_FALSE(pair.converged);
    EXPECT_LE(pair.products, budget);
    EXPECT_GE(pair.value, 1e-8 * (1 - 1e-6));
    expect_is_pair(pair, a, pair.value, 0);
  }
}

TEST(Lanczos, RepeatsBitForBit) {
  RandomStream random(4, "matrix");
  const Matrix half = random_matrix(200, 200, random), a = half + half.transpose();
  RandomStream first(5, "start"), second(5, "start");
  const RitzPair one = extreme_eigenpair(product_with(a), 200, Extreme::largest, 1e-8, 500, first);
  const RitzPair two = extreme_eigenpair(product_with(a), 200, Extreme::largest, 1e-8, 500, second);
  EXPECT_EQ(one.value, two.value);
  EXPECT_EQ(one.vector, two.vector);
  EXPECT_EQ(first.position(), second.position());
}

TEST(Lanczos, NonFiniteProductsAreAnAnswerNotAnException) {
  RandomStream random(6, "broken");
  const Product broken = [](const ConstVectorRef&, VectorRef av) {
    av.setConstant(std::numeric_limits<double>::quiet_NaN());
  };
  for (const Index n : {5, 100}) {
    const RitzPair pair = extreme_eigenpair(broken, n, Extreme::largest, 1e-3, 100, random);
    EXPECT_FALSE(pair.converged);
    EXPECT_TRUE(std::isnan(pair.value));
  }
}

}  // namespace
}  // namespace thalweg::linalg
