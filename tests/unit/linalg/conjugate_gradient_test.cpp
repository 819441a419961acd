#include "thalweg/linalg/conjugate_gradient.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <limits>

#include "unit/linalg/testing.hpp"

namespace thalweg::linalg {
namespace {

using testing::any_size;
using testing::any_stream;
using testing::log_spectrum;
using testing::relative_error;
using testing::symmetric_with_spectrum;

Product product_with(const Matrix& a) {
  return [&a](const ConstVectorRef& v, VectorRef av) { av.noalias() = a * v; };
}

CgOptions tight(int max_iterations) { return {1e-12, max_iterations}; }

RC_GTEST_PROP(ConjugateGradient, SolvesWellConditionedSystems, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(1, 30);
  const Matrix a = symmetric_with_spectrum(log_spectrum(n, 100), random);
  const Vector b = random.normal_vector(n);
  const CgResult result = conjugate_gradient(product_with(a), b, {}, tight(500));
  RC_ASSERT(result.converged);
  RC_ASSERT(result.positive_definite);
  RC_ASSERT(relative_error(result.x, Eigen::LLT<Matrix>(a).solve(b)) < 1e-9);
}

TEST(ConjugateGradient, NeedsAsManyIterationsAsThereAreDistinctEigenvalues) {
  RandomStream random(1, "distinct");
  Vector spectrum(40);
  for (Index i = 0; i < 40; ++i) spectrum[i] = 1 + static_cast<double>(i % 4);
  const Matrix a = symmetric_with_spectrum(spectrum, random);
  const Vector b = random.normal_vector(40);
  const CgResult result = conjugate_gradient(product_with(a), b, {}, {1e-10, 100});
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.iterations, 4);
}

TEST(ConjugateGradient, AnExactPreconditionerNeedsOneIteration) {
  RandomStream random(2, "preconditioner");
  const Matrix a = symmetric_with_spectrum(log_spectrum(30, 1e6), random);
  const Eigen::LLT<Matrix> factor(a);
  const Vector b = random.normal_vector(30);
  const Product inverse = [&](const ConstVectorRef& v, VectorRef av) { av = factor.solve(v); };
  const CgResult result = conjugate_gradient(product_with(a), b, inverse, {1e-8, 50});
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.iterations, 1);
}

TEST(ConjugateGradient, ADiagonalPreconditionerUndoesBadScaling) {
  RandomStream random(3, "diagonal");
  const Index n = 60;
  const Vector scale = log_spectrum(n, 1e4);
  const Matrix well = symmetric_with_spectrum(log_spectrum(n, 2), random);
  const Matrix a = scale.asDiagonal() * well * scale.asDiagonal();
  const Vector diagonal = a.diagonal();
  const Product jacobi = [&](const ConstVectorRef& v, VectorRef av) {
    av = v.cwiseQuotient(diagonal);
  };
  const Vector b = random.normal_vector(n);
  const CgResult plain = conjugate_gradient(product_with(a), b, {}, {1e-8, 60});
  const CgResult helped = conjugate_gradient(product_with(a), b, jacobi, {1e-8, 60});
  EXPECT_FALSE(plain.converged);
  EXPECT_TRUE(helped.converged);
  EXPECT_NEAR(helped.relative_residual, (b - a * helped.x).norm() / b.norm(), 1e-10);
}

TEST(ConjugateGradient, SaysWhenTheBudgetIsSpent) {
  RandomStream random(4, "budget");
  const Matrix a = symmetric_with_spectrum(log_spectrum(60, 1e8), random);
  const Vector b = random.normal_vector(60);
  const CgResult result = conjugate_gradient(product_with(a), b, {}, {1e-12, 5});
  EXPECT_FALSE(result.converged);
  EXPECT_TRUE(result.positive_definite);
  EXPECT_EQ(result.iterations, 5);
  EXPECT_NEAR(result.relative_residual, (b - a * result.x).norm() / b.norm(), 1e-10);
}

TEST(ConjugateGradient, AnswersZeroForZero) {
  const Matrix a = Matrix::Identity(3, 3);
  const CgResult result = conjugate_gradient(product_with(a), Vector::Zero(3), {}, {});
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.x, Vector::Zero(3));
  EXPECT_EQ(result.relative_residual, 0);
}

TEST(ConjugateGradient, ReportsNegativeCurvatureAndKeepsTheLastGoodIterate) {
  Matrix a = Vector{{4.0, 2.0, -1.0}}.asDiagonal();
  const Vector b{{1.0, 1.0, 0.1}};
  const CgResult result = conjugate_gradient(product_with(a), b, {}, tight(50));
  EXPECT_FALSE(result.positive_definite);
  EXPECT_FALSE(result.converged);
  EXPECT_TRUE(result.x.allFinite());
  const double model = result.x.dot(a * result.x) / 2 - b.dot(result.x);
  EXPECT_LT(model, 0);  // still a descent of the quadratic model
}

TEST(ConjugateGradient, ReportsNegativeCurvatureOfTheFirstDirection) {
  const Matrix a = -Matrix::Identity(4, 4);
  const CgResult result = conjugate_gradient(product_with(a), Vector::Ones(4), {}, {});
  EXPECT_FALSE(result.positive_definite);
  EXPECT_EQ(result.iterations, 0);
  EXPECT_EQ(result.x, Vector::Zero(4));
}

TEST(ConjugateGradient, ReportsAnIndefinitePreconditioner) {
  const Matrix a = Matrix::Identity(4, 4);
  const Product bad = [](const ConstVectorRef& v, VectorRef av) { av = -v; };
  EXPECT_FALSE(conjugate_gradient(product_with(a), Vector::Ones(4), bad, {}).positive_definite);
}

TEST(ConjugateGradient, StopsAtNonFiniteProductsWithAFiniteIterate) {
  const Product broken = [](const ConstVectorRef&, VectorRef av) {
    av.setConstant(std::numeric_limits<double>::quiet_NaN());
  };
  const CgResult result = conjugate_gradient(broken, Vector::Ones(4), {}, {});
  EXPECT_FALSE(result.converged);
  EXPECT_TRUE(result.x.allFinite());
}

}  // namespace
}  // namespace thalweg::linalg
