// The Moore-Penrose inverse of a Jacobian in an output metric, by the cheapest factorization that
// can be trusted.
#pragma once

#include <memory>
#include <optional>

#include "thalweg/linalg/least_squares.hpp"
#include "thalweg/linalg/symmetric_solve.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg::detail {

/// The operator A = S J, shape (m, n), and its pseudo-inverse. S is the block root of the output
/// metric (problem/output_loss.hpp); an empty S is the identity.
///
/// First A A' (m <= n) or A'A (m > n) is factorized by Cholesky, and every solution is refined with
/// products of A itself. That is trusted only where the smallest eigenvalue stands far above both
/// the rounding of the squared matrix and the rank tolerance, so that full rank is beyond doubt.
/// Otherwise the rank is decided, and the inverse truncated, by a singular value decomposition of A
/// itself; where A does not fit a tenth of the memory limit, by the eigenvalues of the squared
/// matrix with a tolerance of at least 1e-7.
class RangeInverse {
 public:
  /// `j` must outlive this object. rank_tolerance is relative to the largest singular value.
  /// memory_limit in bytes, 0: none.
  RangeInverse(const Linearization& j, Matrix root, double rank_tolerance, double memory_limit);

  bool ok() const { return ok_; }                  ///< false: a non-finite Jacobian
  Index rank() const { return rank_; }             ///< at the rank tolerance
  double sigma_min() const { return sigma_min_; }  ///< smallest singular value above the tolerance

  Vector apply(const ConstVectorRef& d) const;          ///< A d, (n) -> (m)
  Vector solve(const ConstVectorRef& v) const;          ///< A^+ v, (m) -> (n)
  Vector solve_adjoint(const ConstVectorRef& w) const;  ///< (A^+)' w, (n) -> (m)

 private:
  struct Truncated {  ///< eigenpairs of the squared matrix above the tolerance
    Vector values;    ///< (rank)
    Matrix vectors;   ///< (min(m, n), rank)
  };

  bool wide() const { return j_.output_count() <= j_.parameter_count(); }
  Vector apply_adjoint(const ConstVectorRef& u) const;  // A' u
  Matrix squared() const;                               // A A' or A'A, lower triangle
  Vector solve_squared(const ConstVectorRef& b) const;
  template <class RightSide>
  Vector refined(Index size, const RightSide& right_side) const;
  bool try_cholesky(const Matrix& a, double rank_tolerance);
  void decompose(double rank_tolerance);
  void truncate(const Matrix& a, double rank_tolerance);

  const Linearization& j_;
  Matrix root_;
  std::unique_ptr<linalg::CholeskyFactor> cholesky_;
  std::unique_ptr<linalg::ThinSvd> svd_;
  std::unique_ptr<Truncated> truncated_;
  bool ok_ = false;
  Index rank_ = 0;
  double sigma_min_ = 0;
};

}  // namespace thalweg::detail
