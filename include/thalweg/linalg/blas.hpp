// Dense kernels: OpenBLAS where the build has it, Eigen otherwise. Everything else in thalweg uses
// Eigen directly.
//
// Threads: a large result is cut into tiles, each computed by one of threads() threads in a fixed
// order, so that results repeat bit for bit (those of cholesky_in_place for every number of
// threads). Small problems (below 2e8 flops) and calls from inside a parallel region use one
// thread: a two-threaded call on a small problem can be far slower beside other load.
//
// Each function throws UsageError where shapes do not fit.
#pragma once

#include <string>

#include "thalweg/core/types.hpp"

namespace thalweg::linalg {

enum class Op { none, transpose };

/// Matrices in single precision, for products that declare it.
using FloatMatrix = Eigen::MatrixXf;
using FloatMatrixRef = Eigen::Ref<FloatMatrix>;
using ConstFloatMatrixRef = Eigen::Ref<const FloatMatrix>;

/// C = alpha op(A) op(B) + beta C.   op(A) (m, k), op(B) (k, n), C (m, n). beta = 0
/// overwrites C, also where it is not finite. C must not overlap A or B. 2 m n k flops.
void gemm(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
          double beta, MatrixRef c);
/// The same in single precision.
void gemm(float alpha, Op op_a, const ConstFloatMatrixRef& a, Op op_b, const ConstFloatMatrixRef& b,
          float beta, FloatMatrixRef c);

/// Lower triangle of C = alpha A A' + beta C (op none, A (n, k)) or alpha A' A + beta C (op
/// transpose, A (k, n)). The strict upper triangle of C is left as it was. n^2 k flops.
void syrk(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c);

/// Cholesky factorization in place, A = L L', reading and writing the lower triangle only.
/// Returns false when A is not numerically positive definite or not finite (the lower
/// triangle is then undefined). n^3 / 3 flops.
bool cholesky_in_place(MatrixRef a);

/// Copies the lower triangle into the upper one.
void symmetrize_from_lower(MatrixRef a);

/// "OpenBLAS 0.3.21 SkylakeX" or "Eigen 3.4.0".
std::string blas_name();

}  // namespace thalweg::linalg
