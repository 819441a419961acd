// The Gauss-Newton model of a composite objective at one point, and its damped minimisers.
//
// At x, with f(x) = L(y(x)), J = dy/dx, g = J' dL/dy and H = S'S the Hessian of L or a bound of L
// from above (see OutputLoss::hessian_root; or c I, the Euclidean metric of the output space),
//
//     m(d) = f + g'd + 1/2 |A d|^2,          A = S J,
//     d(mu) = argmin m(d) + mu/2 |D d|^2 = -(A'A + mu D^2)^-1 g.
//
//   symbol   here                 shape   unit
//   x        point                (n)     parameters
//   A        root times Jacobian  (m, n)  sqrt(objective) / parameter
//   mu       mu >= 0                      objective / parameter^2 (objective, where D is a scaling)
//   D        scaling > 0          (n)     1 / parameter, or 1
//   z        dual variable        (m)     (A A' + mu I) z = r, d = -A' z
//
// One object factorizes once per point; every further mu costs at most one Cholesky
// factorization. Three of the four solvers are exact:
//
//   svd      singular values of A D^-1 itself: no squared condition number; 4 m n min(m, n) + ...
//   dual     Cholesky of A A' + mu I, (m, m), from the structured Gram matrix: n >= m
//   normal   Cholesky of A'A + mu D^2, (n, n): n < m
//   cg       preconditioned conjugate gradients on products with A and A': where neither fits
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/linalg/least_squares.hpp"
#include "thalweg/linalg/symmetric_solve.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace thalweg {

/// How the damped linear system is solved.
enum class StepSolver { automatic, svd, dual, normal, cg };
const std::vector<std::string>& step_solver_names();  ///< in the order of StepSolver

/// The metric of the output space: H of the loss, or its largest curvature times the identity.
enum class OutputMetric { loss_hessian, euclidean };
const std::vector<std::string>& output_metric_names();  ///< in the order of OutputMetric

/// A direction with what the model says about it.
struct ModelStep {
  Vector direction;         ///< d, (n)
  double image_norm2 = 0;   ///< |A d|^2
  double damping_term = 0;  ///< mu |D d|^2
  double scaled_norm = 0;   ///< |D d|
  bool solved = false;      ///< false: the system was numerically singular or not finite
  int iterations = 0;       ///< of conjugate gradients

  /// m(0) - m(eta d) for an exact minimiser d, as a sum of nonnegative terms for eta in [0, 2].
  double predicted_decrease(double eta = 1) const {
    return eta * (1 - eta / 2) * image_norm2 + eta * damping_term;
  }
};

class GaussNewtonModel {
 public:
  struct Options {
    StepSolver solver = StepSolver::automatic;
    OutputMetric metric = OutputMetric::loss_hessian;
    double memory_limit = 0;  ///< bytes for matrices; 0: no limit
  };

  /// Linearizes the model of `problem` at x: one forward pass; the rest is done when first needed.
  GaussNewtonModel(const CompositeObjective& problem, const ConstVectorRef& x,
                   const Options& options);

  double value() const { return value_; }
  const Vector& outputs() const { return linearization_->outputs(); }
  const Vector& output_gradient() const { return output_gradient_; }  ///< dL/dy, (m)
  const Vector& gradient() const { return gradient_; }                ///< (n)
  bool finite() const;  ///< value, outputs, gradient and (svd) Jacobian are finite
  StepSolver solver() const { return solver_; }  ///< the one used, never automatic

  /// What rounding the outputs to their last bit changes in f, an estimate to first order:
  /// eps (|f| + sum_i |dL/dy_i| |y_i|). Smaller decreases cannot be verified.
  double rounding() const;

  /// Norms of the columns of A, (n). svd only.
  Vector column_norms() const;
  bool scaled() const { return scaling_.size() > 0; }
  /// Sets D (n), positive; before the first step. svd only; the other solvers use D = I.
  void set_scaling(const ConstVectorRef& scaling);

  /// d(mu). mu = 0 is the minimum-norm step of the resolved part of A (svd), or the plain step.
  ModelStep step(double mu);
  /// -(A'A + mu D^2)^-1 J' H u for a change u of the outputs, (m), at the mu of the last step.
  std::optional<Vector> response(const ConstVectorRef& u);
  /// J d, (m).
  Vector apply(const ConstVectorRef& d) const;

  /// Smallest eigenvalue of A A' or A'A (the smaller side; with D: of D^-1 A'A D^-1) above the
  /// resolution of the solver; absent where the solver cannot tell (cg) or nothing is resolved.
  std::optional<double> smallest_eigenvalue();
  /// Largest eigenvalue, relative accuracy 1e-2 or better.
  double largest_eigenvalue();
  /// Smallest resolved singular value of J, where it is known without further work.
  std::optional<double> sigma_min() const;
  /// Decrease the undamped model promises over all resolved directions, 1/2 |P r|^2; svd only.
  std::optional<double> attainable_decrease();

 private:
  // r with S' r = dL/dy as far as the range of S' reaches, and the rest of dL/dy outside it.
  void split_output_gradient();
  void form();  // the matrix or factorization that does not depend on mu

  Vector apply_a(const ConstVectorRef& d) const;          // A d
  Vector apply_a_adjoint(const ConstVectorRef& z) const;  // A' z
  bool factorize(double mu);                              // A A' + mu I or A'A + mu I

  void decompose();  // singular values, once
  std::optional<double> resolve_smallest();
  ModelStep svd_step(double mu) const;
  ModelStep dual_step(double mu);
  ModelStep normal_step(double mu);
  ModelStep cg_step(double mu) const;
  ModelStep measured(Vector direction, double mu) const;  // with |A d| from a product

  Index smaller_side() const;
  double rank_tolerance() const;

  std::shared_ptr<const Linearization> linearization_;
  double value_;
  Vector output_gradient_, gradient_;
  StepSolver solver_;

  double root_scale_ = 1;  // S = root_scale_ I where root_ is empty
  Matrix root_;            // blocks of S in the layout of Linearization::normal
  Vector residual_;        // r, (m)
  Vector unreachable_;     // J' (dL/dy - S' r), (n); empty where it vanishes

  Vector scaling_;                      // D; empty: identity
  Matrix jacobian_;                     // A, svd only
  std::optional<linalg::ThinSvd> svd_;  // of A D^-1
  Matrix squared_;                      // A A' or A'A, lower triangle
  std::optional<linalg::CholeskyFactor> factor_;
  double factor_mu_ = -1, last_mu_ = 0;
  std::optional<double> smallest_;  // smallest_eigenvalue(), once computed
};

}  // namespace thalweg
