// Steps from a squared matrix, refined through products with J itself.
//
// K = J J' and H = J'J square the condition number: a step taken from their Cholesky factor alone
// has a relative error of eps * condition(J)^2. The factor is still an excellent preconditioner.
// Residuals computed as r + J d, never from the squared matrix, give back the accuracy that J
// itself allows, eps * condition(J), up to a condition of about 1e7 (iterative refinement; for the
// normal form: corrected seminormal equations, Björck, Linear Algebra Appl. 88/89, 1987).
#pragma once

#include <optional>

#include "thalweg/linalg/conjugate_gradient.hpp"
#include "thalweg/linalg/symmetric_solve.hpp"

namespace thalweg::linalg {

/// A Jacobian J (m, n) by its products. What the functions refer to must outlive the solver.
struct JacobianProducts {
  Index rows = 0;         ///< m
  Index cols = 0;         ///< n
  Product apply;          ///< J v, (n) -> (m)
  Product apply_adjoint;  ///< J' u, (m) -> (n)
};

/// Which squared matrix is given.
enum class Squared {
  gram,   ///< K = J J' (m, m): for m <= n and J of full row rank
  normal  ///< H = J'J (n, n): for m >= n and J of full column rank
};

struct RangeSolveOptions {
  double tolerance = 1e-10;  ///< on the last correction of d relative to |d|; > 0
  int max_refinements = 12;  ///< corrections after the first solution; >= 0
};

struct RangeSolution {
  Vector step;             ///< d (n), the best found
  double correction = 1;   ///< |last correction| / |d|: estimates the relative error of d
  double residual = 1;     ///< gram: |r + J d - mu z| / |r| with d = -J'z;
                           ///< normal: |J'(r + J d) + mu d| / |J'r|
  int refinements = 0;     ///< corrections after the first solution
  bool converged = false;  ///< correction <= tolerance
};

/// Solves min |J d + r|^2 + mu |d|^2 for many r; mu = 0 gives d = -J^+ r (of minimum norm for the
/// gram form). Memory: one copy of the squared matrix. Work: its Cholesky factorization (size^3 / 3
/// flops, again where it has to be shifted), then per solution about 2 products with J and J' and
/// one pair of triangular solves (2 size^2 flops) per inner iteration, of which a correction takes
/// one or two as long as eps * condition(J)^2 < 0.01.
class RangeSolver {
 public:
  /// `squared` is K or H without damping, lower triangle read. mu >= 0.
  RangeSolver(JacobianProducts j, Squared form, const ConstMatrixRef& squared, double mu);

  bool ok() const { return factor_.has_value(); }  ///< false: not finite
  /// What had to be added to the diagonal for the factorization to succeed; 0 in healthy cases. It
  /// slows the refinement down but does not change its limit.
  double shift() const { return shift_; }
  RangeSolution solve(const ConstVectorRef& r, const RangeSolveOptions& options = {}) const;

 private:
  struct Iterate;
  Vector residual_of(const ConstVectorRef& r, const Iterate& at) const;
  Vector correct(const Vector& residual, Iterate& at) const;
  void squared_product(const ConstVectorRef& v, VectorRef image) const;

  JacobianProducts j_;
  Squared form_;
  double mu_;
  double shift_ = 0;
  std::optional<CholeskyFactor> factor_;
};

}  // namespace thalweg::linalg
