#include "thalweg/linalg/range_solve.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "thalweg/core/error.hpp"

namespace thalweg::linalg {
namespace {

// The first shift is what rounding did to the squared matrix; more is only needed where it was not
// semidefinite to begin with.
constexpr double shift_growth = 100;
constexpr int max_shifts = 4;

// A correction need not be solved to more digits than one refinement can bring.
constexpr CgOptions inner{.relative_tolerance = 1e-3, .max_iterations = 30};

double rounding_of(const ConstMatrixRef& squared) {
  return 4 * std::numeric_limits<double>::epsilon() * static_cast<double>(squared.rows()) *
         squared.diagonal().maxCoeff();
}

}  // namespace

// d, and in the gram form z with d = -J'z. d is accumulated from J' times each correction and not
// recomputed from z: the residual r + J d then feels eps |J| |d|, not eps |J|^2 |z|.
struct RangeSolver::Iterate {
  Vector d, z;
};

RangeSolver::RangeSolver(JacobianProducts j, Squared form, const ConstMatrixRef& squared, double mu)
    : j_(std::move(j)), form_(form), mu_(mu) {
  const Index size = form == Squared::gram ? j_.rows : j_.cols;
  if (squared.rows() != size || squared.cols() != size)
    throw UsageError("RangeSolver: the squared matrix does not fit the Jacobian");
  if (squared.size() == 0) {
    factor_.emplace(Matrix(0, 0), 0.0);
    return;
  }
  if (!std::isfinite(squared.diagonal().sum())) return;
  for (int attempt = 0; attempt <= max_shifts; ++attempt) {
    factor_.emplace(squared, mu_ + shift_);
    if (factor_->ok()) return;
    shift_ = shift_ == 0 ? rounding_of(squared) : shift_growth * shift_;
  }
  factor_.reset();
}

// The equation's residual: K z = r - mu z in the gram form, H d = -J'r - mu d in the normal form.
Vector RangeSolver::residual_of(const ConstVectorRef& r, const Iterate& at) const {
  Vector output(j_.rows);
  j_.apply(at.d, output);
  output += r;
  if (form_ == Squared::gram) return output - mu_ * at.z;
  Vector gradient(j_.cols);
  j_.apply_adjoint(output, gradient);
  return -gradient - mu_ * at.d;
}

void RangeSolver::squared_product(const ConstVectorRef& v, VectorRef image) const {
  if (form_ == Squared::gram) {
    Vector middle(j_.cols);
    j_.apply_adjoint(v, middle);
    j_.apply(middle, image);
  } else {
    Vector middle(j_.rows);
    j_.apply(v, middle);
    j_.apply_adjoint(middle, image);
  }
  image += mu_ * v;
}

// Adds the correction that answers the residual, and returns its part in d.
Vector RangeSolver::correct(const Vector& residual, Iterate& at) const {
  const Product product = [this](const ConstVectorRef& v, VectorRef av) { squared_product(v, av); };
  const Product precondition = [this](const ConstVectorRef& v, VectorRef av) {
    av = factor_->solve(v);
  };
  Vector change = conjugate_gradient(product, residual, precondition, inner).x;
  if (form_ == Squared::gram) {
    at.z += change;
    Vector image(j_.cols);
    j_.apply_adjoint(change, image);
    change = -image;
  }
  at.d += change;
  return change;
}

RangeSolution RangeSolver::solve(const ConstVectorRef& r, const RangeSolveOptions& options) const {
  RangeSolution solution;
  Iterate at{Vector::Zero(j_.cols), Vector::Zero(j_.rows)};
  Vector residual = residual_of(r, at);
  const double scale = residual.norm();
  solution.step = at.d;
  if (scale == 0) {
    solution.correction = solution.residual = 0;
    solution.converged = true;
    return solution;
  }
  for (int round = 0; round <= options.max_refinements; ++round) {
    const Vector change = correct(residual, at);
    const double correction = change.norm() / at.d.norm();
    // Corrections that stop shrinking are rounding: the iterate before them is as good.
    if (!(correction <= (round == 0 ? 1.0 + 1e-12 : solution.correction / 2))) break;
    residual = residual_of(r, at);
    solution.step = at.d;
    solution.correction = correction;
    solution.residual = residual.norm() / scale;
    solution.refinements = round;
    solution.converged = correction <= options.tolerance;
    if (solution.converged || residual.norm() == 0) break;
  }
  return solution;
}

}  // namespace thalweg::linalg
