// Dense kernels: OpenBLAS where the build has it, Eigen otherwise. Everything else in thalweg uses
// Eigen directly.
//
// Below a size threshold one thread is used: a two-threaded call on a small problem can be far
// slower beside other load.
#pragma once

#include <string>

#include "thalweg/core/types.hpp"

namespace thalweg::linalg {

enum class Op { none, transpose };

/// C = alpha op(A) op(B) + beta C.   op(A) (m, k), op(B) (k, n), C (m, n).
void gemm(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
          double beta, MatrixRef c);

/// Lower triangle of C = alpha A A' + beta C (op none, A (n, k)) or alpha A' A + beta C (op
/// transpose, A (k, n)). The strict upper triangle of C is left as it was.
void syrk(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c);

/// Cholesky factorization in place, A = L L', reading and writing the lower triangle only.
/// Returns false when A is not numerically positive definite (the content of A is then undefined).
bool cholesky_in_place(MatrixRef a);

/// Copies the lower triangle into the upper one.
void symmetrize_from_lower(MatrixRef a);

/// "OpenBLAS 0.3.21 SkylakeX" or "Eigen 3.4.0".
std::string blas_name();

}  // namespace thalweg::linalg
