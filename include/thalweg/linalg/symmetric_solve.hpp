// Solving with a symmetric positive (semi)definite matrix plus a multiple of the identity: A + mu
// I.
#pragma once

#include <optional>

#include "thalweg/core/types.hpp"

namespace thalweg::linalg {

/// Cholesky factor of A + mu I for a symmetric A given by its lower triangle.
class CholeskyFactor {
 public:
  /// Factorizes A (n, n) + mu I in the storage of `a`: pass std::move(a) where A is not needed any
  /// more. Only the lower triangle is read. Check ok() before solving. n^3 / 3 flops.
  CholeskyFactor(Matrix a, double mu);
  bool ok() const { return ok_; }               ///< false: not numerically positive definite
  Vector solve(const ConstVectorRef& b) const;  ///< (A + mu I)^-1 b; 2 n^2 flops
  Vector solve_lower(
      const ConstVectorRef& b) const;  ///< L^-1 b, for |L^-1 b|^2 = b'(A + mu I)^-1 b
  /// Smallest eigenvalue of A + mu I to the relative accuracy `tolerance`, by Lanczos on the
  /// inverse: one solve per iteration. It resolves eigenvalues down to n * eps * |A|; ok() must
  /// hold.
  double smallest_eigenvalue(double tolerance = 1e-3, int max_iterations = 200) const;

 private:
  Matrix factor_;
  bool ok_;
};

/// All eigenvalues and vectors of a symmetric matrix (lower triangle read), ascending; NaN where
/// the matrix is not finite. About 9 n^3 flops.
struct Eigenpairs {
  Vector values;   ///< (n), ascending
  Matrix vectors;  ///< (n, n), columns
};
Eigenpairs eigenpairs(const ConstMatrixRef& a);

}  // namespace thalweg::linalg
