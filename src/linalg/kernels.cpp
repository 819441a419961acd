#include "kernels.hpp"

#include <Eigen/Cholesky>
#include <cmath>

#include "lapack.hpp"

#ifdef THALWEG_WITH_OPENBLAS
#include <cblas.h>
#endif

namespace thalweg::linalg::kernel {

#ifdef THALWEG_WITH_OPENBLAS

namespace {
CBLAS_TRANSPOSE cblas_op(Op op) { return op == Op::none ? CblasNoTrans : CblasTrans; }
int as_int(Index n) { return static_cast<int>(n); }
}  // namespace

void gemm(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
          double beta, MatrixRef c) {
  const Index k = op_a == Op::none ? a.cols() : a.rows();
  cblas_dgemm(CblasColMajor, cblas_op(op_a), cblas_op(op_b), as_int(c.rows()), as_int(c.cols()),
              as_int(k), alpha, a.data(), leading_dimension(a), b.data(), leading_dimension(b),
              beta, c.data(), leading_dimension(c));
}

void gemm(float alpha, Op op_a, const ConstFloatMatrixRef& a, Op op_b, const ConstFloatMatrixRef& b,
          float beta, FloatMatrixRef c) {
  const Index k = op_a == Op::none ? a.cols() : a.rows();
  cblas_sgemm(CblasColMajor, cblas_op(op_a), cblas_op(op_b), as_int(c.rows()), as_int(c.cols()),
              as_int(k), alpha, a.data(), leading_dimension(a), b.data(), leading_dimension(b),
              beta, c.data(), leading_dimension(c));
}

void syrk(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c) {
  const Index k = op_a == Op::none ? a.cols() : a.rows();
  cblas_dsyrk(CblasColMajor, CblasLower, cblas_op(op_a), as_int(c.rows()), as_int(k), alpha,
              a.data(), leading_dimension(a), beta, c.data(), leading_dimension(c));
}

bool cholesky(MatrixRef a) {
  const int n = as_int(a.rows()), lda = leading_dimension(a);
  int info = 0;
  dpotrf_("L", &n, a.data(), &lda, &info);
  return info == 0 && a.diagonal().allFinite();  // dpotrf lets NaN pass
}

void solve_transposed_from_right(const ConstMatrixRef& l, MatrixRef b) {
  cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, as_int(b.rows()),
              as_int(b.cols()), 1, l.data(), leading_dimension(l), b.data(), leading_dimension(b));
}

#else

namespace {

template <class Scalar, class Operand, class Product>
void multiply(Scalar alpha, Op op_a, const Operand& a, Op op_b, const Operand& b, Scalar beta,
              Product& c) {
  if (beta == 0)
    c.setZero();
  else if (beta != 1)
    c *= beta;
  if (a.size() == 0 || b.size() == 0) return;  // Eigen's kernels do not take empty matrices
  if (op_a == Op::none && op_b == Op::none)
    c.noalias() += alpha * a * b;
  else if (op_a == Op::none)
    c.noalias() += alpha * a * b.transpose();
  else if (op_b == Op::none)
    c.noalias() += alpha * a.transpose() * b;
  else
    c.noalias() += alpha * a.transpose() * b.transpose();
}

}  // namespace

void gemm(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
          double beta, MatrixRef c) {
  multiply(alpha, op_a, a, op_b, b, beta, c);
}

void gemm(float alpha, Op op_a, const ConstFloatMatrixRef& a, Op op_b, const ConstFloatMatrixRef& b,
          float beta, FloatMatrixRef c) {
  multiply(alpha, op_a, a, op_b, b, beta, c);
}

void syrk(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c) {
  auto lower = c.triangularView<Eigen::Lower>();
  if (beta == 0)
    lower.setZero();
  else if (beta != 1)
    lower *= beta;
  if (a.size() == 0) return;
  auto symmetric = c.selfadjointView<Eigen::Lower>();
  if (op_a == Op::none)
    symmetric.rankUpdate(a, alpha);
  else
    symmetric.rankUpdate(a.transpose(), alpha);
}

bool cholesky(MatrixRef a) {
  return Eigen::LLT<MatrixRef, Eigen::Lower>(a).info() == Eigen::Success &&
         a.diagonal().allFinite();
}

void solve_transposed_from_right(const ConstMatrixRef& l, MatrixRef b) {
  l.transpose().triangularView<Eigen::Upper>().solveInPlace<Eigen::OnTheRight>(b);
}

#endif

}  // namespace thalweg::linalg::kernel
