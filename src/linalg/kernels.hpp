// Single-threaded dense kernels on one tile: OpenBLAS, or Eigen. Private; blas.cpp composes them.
#pragma once

#include "thalweg/linalg/blas.hpp"

namespace thalweg::linalg::kernel {

/// C = alpha op(A) op(B) + beta C; beta = 0 overwrites C, also where it is NaN.
void gemm(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
          double beta, MatrixRef c);
void gemm(float alpha, Op op_a, const ConstFloatMatrixRef& a, Op op_b, const ConstFloatMatrixRef& b,
          float beta, FloatMatrixRef c);
/// Lower triangle of C = alpha op(A) op(A)' + beta C.
void syrk(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c);
/// Lower triangle of A = L L' in place; false where A is not positive definite.
bool cholesky(MatrixRef a);
/// B = B L'^-1, with L lower triangular.
void solve_transposed_from_right(const ConstMatrixRef& l, MatrixRef b);

}  // namespace thalweg::linalg::kernel
