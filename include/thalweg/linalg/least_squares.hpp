// Least squares with J itself, never with a squared matrix: thin SVD, pseudo-inverse, damped
// solutions.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::linalg {

/// Thin singular value decomposition J = U diag(s) V', k = min(m, n).
/// Computed by LAPACK's dgesdd (or Eigen's BDCSVD) after a QR of the longer side when that is
/// cheaper. About 6 max(m, n) k^2 + 20 k^3 flops, on one thread, at a tenth (long shapes) to
/// a half of the rate of gemm; memory 2 m n.
/// Singular values are accurate to about eps * s_0 each, absolutely.
class ThinSvd {
 public:
  explicit ThinSvd(
      const ConstMatrixRef& j);  ///< J (m, n); throws nothing: ok() is false for non-finite input

  bool ok() const { return ok_; }
  const Vector& singular_values() const { return s_; }  ///< (k), descending
  const Matrix& u() const { return u_; }                ///< (m, k)
  const Matrix& v() const { return v_; }                ///< (n, k)

  Index rank(double relative_tolerance) const;  ///< number of s_i > relative_tolerance * s_0
  /// d = -(J'J + mu I)^-1 J' r with the singular values at or below the cut left out; mu = 0 is the
  /// pseudo-inverse.
  Vector damped_step(const ConstVectorRef& r, double mu, double relative_tolerance) const;
  /// P r: the part of r in the range of J, at the given tolerance.
  Vector project(const ConstVectorRef& r, double relative_tolerance) const;

 private:
  Matrix u_, v_;
  Vector s_;
  bool ok_;
};

/// Solves min |J d + r|^2 + |D d|^2 for J (m, n), r (m) and a diagonal D given as d (n), entries >=
/// 0, from a QR factorization of J stacked with D: backward stable, the condition of J is not
/// squared. Zeros in D: column pivoting, and the solution of minimum norm where the rank is short.
/// Flops: 2 (m + n) n^2 for m >= n; 2 (m + n) m^2 for m < n. NaN in, NaN out.
Vector damped_least_squares(const ConstMatrixRef& j, const ConstVectorRef& r,
                            const ConstVectorRef& d);

/// Default rank tolerance max(m, n) * eps, relative to the largest singular value.
double default_rank_tolerance(Index rows, Index columns);

}  // namespace thalweg::linalg
