#include "thalweg/linalg/blas.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/core/threads.hpp"
#include "unit/linalg/testing.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace thalweg::linalg {
namespace {

using testing::any_size;
using testing::any_stream;
using testing::random_matrix;
using testing::relative_error;

constexpr double round_off = 1e-13;  // of sums of a few hundred products
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Restores the number of threads, which is a setting of the process.
class Blas : public ::testing::Test {
 protected:
  ~Blas() override { set_threads(before_); }
  int before_ = threads();
};

Matrix transposed_if(Op op, const Matrix& a) { return op == Op::none ? a : Matrix(a.transpose()); }

Op any_op() { return *rc::gen::element(Op::none, Op::transpose); }

RC_GTEST_FIXTURE_PROP(Blas, GemmAgreesWithEigen, ()) {
  RandomStream random = any_stream();
  const Index m = any_size(0, 40), n = any_size(0, 40), k = any_size(0, 40);
  const Op op_a = any_op(), op_b = any_op();
  const Matrix a = random_matrix(m, k, random), b = random_matrix(k, n, random);
  const double alpha = random.normal(), beta = random.normal();
  const Matrix c = random_matrix(m, n, random);
  Matrix result = c;
  gemm(alpha, op_a, transposed_if(op_a, a), op_b, transposed_if(op_b, b), beta, result);
  const Matrix expected = alpha * a.lazyProduct(b) + beta * c;
  RC_ASSERT((result - expected).norm() <= round_off * (1 + expected.norm()));
}

// Against the same product in double, with the bound of sums of k products that are rounded to
// 2^-24.
RC_GTEST_FIXTURE_PROP(Blas, GemmInSinglePrecisionAgreesWithDouble, ()) {
  RandomStream random = any_stream();
  const Index m = any_size(0, 40), n = any_size(0, 40), k = any_size(0, 40);
  const Op op_a = any_op(), op_b = any_op();
  const auto rounded = [](const Matrix& matrix) { return FloatMatrix(matrix.cast<float>()); };
  const FloatMatrix a = rounded(transposed_if(op_a, random_matrix(m, k, random)));
  const FloatMatrix b = rounded(transposed_if(op_b, random_matrix(k, n, random)));
  const FloatMatrix c = rounded(random_matrix(m, n, random));
  const float alpha = 0.75f, beta = -1.25f;
  FloatMatrix result = c;
  gemm(alpha, op_a, a, op_b, b, beta, result);
  Matrix expected = c.cast<double>();
  gemm(alpha, op_a, a.cast<double>(), op_b, b.cast<double>(), beta, expected);
  RC_ASSERT((result.cast<double>() - expected).norm() <= 1e-5 * (1 + expected.norm()));
}

TEST_F(Blas, LargeProductsInSinglePrecisionAgreeWithDoubleOnEveryNumberOfThreads) {
  RandomStream random(1, "large");
  const Matrix a = random_matrix(723, 433, random), b = random_matrix(433, 601, random);
  const Matrix product = a * b;
  const FloatMatrix fa = a.cast<float>(), fb = b.cast<float>();
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    FloatMatrix c = FloatMatrix::Constant(723, 601, std::numeric_limits<float>::quiet_NaN());
    gemm(1, Op::none, fa, Op::none, fb, 0, c);
    EXPECT_LT(relative_error(c.cast<double>(), product), 1e-6);
    EXPECT_THROW(gemm(1, Op::none, fb, Op::none, fa, 0, c), UsageError);
  }
}

RC_GTEST_FIXTURE_PROP(Blas, SyrkAgreesWithEigenAndLeavesTheUpperTriangle, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(0, 60), k = any_size(0, 60);
  const Op op = any_op();
  const Matrix a = random_matrix(n, k, random), c = random_matrix(n, n, random);
  const double alpha = random.normal(), beta = random.normal();
  Matrix result = c;
  syrk(alpha, op, transposed_if(op, a), beta, result);
  Matrix expected = c;
  expected.triangularView<Eigen::Lower>() = Matrix(alpha * a.lazyProduct(a.transpose()) + beta * c);
  RC_ASSERT((result - expected).norm() <= round_off * (1 + expected.norm()));
  const Matrix before = c.triangularView<Eigen::StrictlyUpper>();
  const Matrix after = result.triangularView<Eigen::StrictlyUpper>();
  RC_ASSERT(before == after);
}

// Sizes that are cut into tiles, with every combination of transposes.
TEST_F(Blas, LargeProductsAgreeWithEigen) {
  RandomStream random(1, "large");
  const Index m = 723, n = 601, k = 433;
  const Matrix a = random_matrix(m, k, random), b = random_matrix(k, n, random);
  const Matrix product = a * b, square = a * a.transpose();
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    for (const Op op_a : {Op::none, Op::transpose}) {
      for (const Op op_b : {Op::none, Op::transpose}) {
        Matrix c = Matrix::Constant(m, n, nan);
        gemm(1, op_a, transposed_if(op_a, a), op_b, transposed_if(op_b, b), 0, c);
        EXPECT_LT(relative_error(c, product), round_off);
        Matrix wide = Matrix::Ones(n, m);
        gemm(1, op_b == Op::none ? Op::transpose : Op::none, transposed_if(op_b, b),
             op_a == Op::none ? Op::transpose : Op::none, transposed_if(op_a, a), 1, wide);
        EXPECT_LT(relative_error(wide, Matrix((product.array() + 1).transpose())), round_off);
      }
      Matrix c = Matrix::Zero(m, m);
      c.triangularView<Eigen::Lower>().setConstant(nan);
      syrk(1, op_a, transposed_if(op_a, a), 0, c);
      EXPECT_LT(relative_error(c, square.triangularView<Eigen::Lower>()), round_off);
    }
  }
}

TEST_F(Blas, WorksOnBlocksOfLargerMatrices) {
  RandomStream random(2, "blocks");
  const Matrix a = random_matrix(30, 30, random);
  Matrix c = Matrix::Constant(40, 40, 7);
  gemm(1, Op::none, a.block(3, 4, 10, 5), Op::transpose, a.block(1, 2, 12, 5), 0,
       c.block(5, 6, 10, 12));
  EXPECT_LT(relative_error(c.block(5, 6, 10, 12),
                           a.block(3, 4, 10, 5) * a.block(1, 2, 12, 5).transpose()),
            round_off);
  c.block(5, 6, 10, 12).setConstant(7);
  EXPECT_EQ(c, Matrix::Constant(40, 40, 7));
}

TEST_F(Blas, RefusesShapesThatDoNotFit) {
  Matrix a(3, 4), b(5, 2), c(3, 2);
  EXPECT_THROW(gemm(1, Op::none, a, Op::none, b, 0, c), UsageError);
  EXPECT_THROW(gemm(1, Op::transpose, a, Op::none, b, 0, c), UsageError);
  EXPECT_THROW(syrk(1, Op::none, a, 0, c), UsageError);
  EXPECT_THROW(cholesky_in_place(a), UsageError);
  EXPECT_THROW(symmetrize_from_lower(a), UsageError);
}

RC_GTEST_FIXTURE_PROP(Blas, CholeskyGivesTheMatrixBack, ()) {
  RandomStream random = any_stream();
  const Index n = any_size(1, 60);
  const Matrix root = random_matrix(n, n, random);
  const Matrix a = root * root.transpose() + Matrix::Identity(n, n);
  Matrix l = a;
  l.triangularView<Eigen::StrictlyUpper>().setConstant(nan);  // must be neither read nor written
  RC_ASSERT(cholesky_in_place(l));
  l.triangularView<Eigen::StrictlyUpper>().setZero();
  RC_ASSERT(relative_error(l * l.transpose(), a) < round_off);
}

TEST_F(Blas, LargeCholeskyAgreesWithEigen) {
  RandomStream random(3, "cholesky");
  for (const Index n : {767, 768, 769, 1001}) {
    const Matrix root = random_matrix(n, n, random);
    const Matrix a = root * root.transpose() + static_cast<double>(n) * Matrix::Identity(n, n);
    const Matrix expected = Eigen::LLT<Matrix>(a).matrixL();
    for (const int count : {1, 2, 4}) {
      set_threads(count);
      Matrix l = a.triangularView<Eigen::Lower>();
      ASSERT_TRUE(cholesky_in_place(l));
      EXPECT_LT(relative_error(l, expected), round_off) << "n = " << n;
    }
  }
}

TEST_F(Blas, CholeskyRefusesIndefiniteMatricesWhereverTheDefectLies) {
  for (const Index n : {1, 5, 400, 900}) {
    for (const Index bad : {Index{0}, n / 2, n - 1}) {
      Matrix a = Matrix::Identity(n, n);
      a(bad, bad) = -1;
      EXPECT_FALSE(cholesky_in_place(a)) << n << " " << bad;
      a = Matrix::Identity(n, n);
      a(bad, bad) = nan;
      EXPECT_FALSE(cholesky_in_place(a)) << n << " " << bad;
    }
  }
}

TEST_F(Blas, CholeskyOfAnEmptyMatrixSucceeds) {
  Matrix a(0, 0);
  EXPECT_TRUE(cholesky_in_place(a));
}

TEST_F(Blas, SymmetrizeCopiesTheLowerTriangle) {
  Matrix a(3, 3);
  a << 1, nan, nan, 2, 3, nan, 4, 5, 6;
  symmetrize_from_lower(a);
  Matrix expected(3, 3);
  expected << 1, 2, 4, 2, 3, 5, 4, 5, 6;
  EXPECT_EQ(a, expected);
}

TEST_F(Blas, NamesItself) { EXPECT_FALSE(blas_name().empty()); }

// What run(a + b) == resume(run(a), b) rests on.
TEST_F(Blas, RepeatsBitForBit) {
  RandomStream random(4, "repeat");
  const Index n = 700;
  const Matrix a = random_matrix(n, n, random), b = random_matrix(n, n, random);
  for (const int count : {1, 2, 4}) {
    set_threads(count);
    Matrix first_product, first_square, first_factor;
    for (int repeat = 0; repeat < 8; ++repeat) {
      Matrix product(n, n), square = Matrix::Zero(n, n);
      gemm(1, Op::none, a, Op::transpose, b, 0, product);
      syrk(1, Op::none, a, 0, square);
      Matrix factor = square;
      factor.diagonal().array() += 1;
      ASSERT_TRUE(cholesky_in_place(factor));
      if (repeat == 0) {
        first_product = product;
        first_square = square;
        first_factor = factor;
      }
      EXPECT_EQ(product, first_product);
      EXPECT_EQ(square, first_square);
      EXPECT_EQ(factor, first_factor);
    }
  }
}

TEST_F(Blas, CholeskyDoesNotDependOnTheNumberOfThreads) {
  RandomStream random(5, "threads");
  const Index n = 900;
  const Matrix root = random_matrix(n, n, random);
  const Matrix a = root * root.transpose() + Matrix::Identity(n, n);
  Matrix one = a;
  set_threads(1);
  ASSERT_TRUE(cholesky_in_place(one));
  for (const int count : {2, 3, 5}) {
    Matrix many = a;
    set_threads(count);
    ASSERT_TRUE(cholesky_in_place(many));
    EXPECT_EQ(one, many) << count << " threads";
  }
}

#ifdef _OPENMP
TEST_F(Blas, LeavesTheThreadSettingAlone) {
  set_threads(3);
  Matrix a = Matrix::Identity(600, 600), c(600, 600);
  gemm(1, Op::none, a, Op::none, a, 0, c);
  EXPECT_TRUE(cholesky_in_place(c));
  EXPECT_EQ(omp_get_max_threads(), 3);
}

TEST_F(Blas, GivesTheSameInsideAParallelRegion) {
  RandomStream random(6, "nested");
  const Index n = 500;
  const Matrix a = random_matrix(n, n, random);
  set_threads(1);
  Matrix expected(n, n);
  gemm(1, Op::none, a, Op::none, a, 0, expected);
  set_threads(2);
  std::vector<Matrix> results(4, Matrix(n, n));
#pragma omp parallel for num_threads(2)
  for (std::size_t i = 0; i < results.size(); ++i) gemm(1, Op::none, a, Op::none, a, 0, results[i]);
  for (const Matrix& result : results) EXPECT_EQ(result, expected);
}
#endif

}  // namespace
}  // namespace thalweg::linalg
