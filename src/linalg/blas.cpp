#include "thalweg/linalg/blas.hpp"

#include <fmt/core.h>

#include <Eigen/Cholesky>

#include "kernel_threads.hpp"
#include "lapack.hpp"
#include "thalweg/core/error.hpp"

#ifdef THALWEG_WITH_OPENBLAS
#include <cblas.h>

extern "C" {
__attribute__((weak)) char* openblas_get_config();
__attribute__((weak)) char* openblas_get_corename();
}
#endif

namespace thalweg::linalg {
namespace {

Index result_rows(Op op, const ConstMatrixRef& a) { return op == Op::none ? a.rows() : a.cols(); }
Index result_cols(Op op, const ConstMatrixRef& a) { return op == Op::none ? a.cols() : a.rows(); }

void require_shapes(bool fit, const char* kernel) {
  if (!fit) throw UsageError(fmt::format("{}: the shapes of the matrices do not fit", kernel));
}

double flops_of(Index a, Index b, Index c) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

#ifdef THALWEG_WITH_OPENBLAS

CBLAS_TRANSPOSE cblas_op(Op op) { return op == Op::none ? CblasNoTrans : CblasTrans; }

void gemm_kernel(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
                 double beta, MatrixRef c) {
  const Index k = result_cols(op_a, a);
  cblas_dgemm(CblasColMajor, cblas_op(op_a), cblas_op(op_b), static_cast<int>(c.rows()),
              static_cast<int>(c.cols()), static_cast<int>(k), alpha, a.data(),
              leading_dimension(a), b.data(), leading_dimension(b), beta, c.data(),
              leading_dimension(c));
}

void syrk_kernel(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c) {
  const Index k = result_cols(op_a, a);
  cblas_dsyrk(CblasColMajor, CblasLower, cblas_op(op_a), static_cast<int>(c.rows()),
              static_cast<int>(k), alpha, a.data(), leading_dimension(a), beta, c.data(),
              leading_dimension(c));
}

bool cholesky_kernel(MatrixRef a) {
  const int n = static_cast<int>(a.rows()), lda = leading_dimension(a);
  int info = 0;
  dpotrf_("L", &n, a.data(), &lda, &info);
  return info == 0;
}

#else

// beta = 0 overwrites, also NaN, as BLAS does.
void scale(double beta, MatrixRef c) {
  if (beta == 0)
    c.setZero();
  else if (beta != 1)
    c *= beta;
}

void gemm_kernel(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
                 double beta, MatrixRef c) {
  scale(beta, c);
  if (op_a == Op::none && op_b == Op::none)
    c.noalias() += alpha * a * b;
  else if (op_a == Op::none)
    c.noalias() += alpha * a * b.transpose();
  else if (op_b == Op::none)
    c.noalias() += alpha * a.transpose() * b;
  else
    c.noalias() += alpha * a.transpose() * b.transpose();
}

void syrk_kernel(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c) {
  auto lower = c.triangularView<Eigen::Lower>();
  if (beta == 0)
    lower.setZero();
  else if (beta != 1)
    lower *= beta;
  auto symmetric = c.selfadjointView<Eigen::Lower>();
  if (op_a == Op::none)
    symmetric.rankUpdate(a, alpha);
  else
    symmetric.rankUpdate(a.transpose(), alpha);
}

bool cholesky_kernel(MatrixRef a) {
  return Eigen::LLT<MatrixRef, Eigen::Lower>(a).info() == Eigen::Success;
}

#endif

}  // namespace

void gemm(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
          double beta, MatrixRef c) {
  const Index k = result_cols(op_a, a);
  require_shapes(result_rows(op_a, a) == c.rows() && result_cols(op_b, b) == c.cols() &&
                     result_rows(op_b, b) == k,
                 "gemm");
  const KernelScope scope(2 * flops_of(c.rows(), c.cols(), k));
  gemm_kernel(alpha, op_a, a, op_b, b, beta, c);
}

void syrk(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c) {
  require_shapes(c.rows() == c.cols() && result_rows(op_a, a) == c.rows(), "syrk");
  const KernelScope scope(flops_of(c.rows(), c.cols(), result_cols(op_a, a)));
  syrk_kernel(alpha, op_a, a, beta, c);
}

bool cholesky_in_place(MatrixRef a) {
  require_shapes(a.rows() == a.cols(), "cholesky_in_place");
  const KernelScope scope(flops_of(a.rows(), a.rows(), a.rows()) / 3);
  return cholesky_kernel(a);
}

void symmetrize_from_lower(MatrixRef a) {
  require_shapes(a.rows() == a.cols(), "symmetrize_from_lower");
  a.triangularView<Eigen::StrictlyUpper>() = a.transpose();
}

std::string blas_name() {
#ifdef THALWEG_WITH_OPENBLAS
  select_blas_kernels();
  const std::string config = openblas_get_config ? openblas_get_config() : "BLAS";
  const auto second_space = config.find(' ', config.find(' ') + 1);
  const std::string core = openblas_get_corename ? openblas_get_corename() : "";
  return core.empty() ? config : fmt::format("{} {}", config.substr(0, second_space), core);
#else
  return fmt::format("Eigen {}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                     EIGEN_MINOR_VERSION);
#endif
}

}  // namespace thalweg::linalg
