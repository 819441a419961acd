#include "method/flow_point.hpp"

#include <Eigen/QR>
#include <limits>

namespace thalweg::detail {
namespace {

double tolerance_for(const Linearization& j, double requested) {
  return requested > 0 ? requested
                       : linalg::default_rank_tolerance(j.output_count(), j.parameter_count());
}

// The shortest z with S'z closest to g, block by block: S is (m, Q) in the layout of
// Linearization::normal.
Vector solve_root_adjoint(const Matrix& root, const Vector& g) {
  const Index q = root.cols(), samples = root.rows() / q;
  Vector z(g.size());
  Matrix block(q, q);
  Vector part(q);
  for (Index i = 0; i < samples; ++i) {
    for (Index o = 0; o < q; ++o) {
      part[o] = g[o * samples + i];
      for (Index p = 0; p < q; ++p) block(p, o) = root(o * samples + i, p);  // S_i'
    }
    part = block.completeOrthogonalDecomposition().solve(part).eval();
    for (Index o = 0; o < q; ++o) z[o * samples + i] = part[o];
  }
  return z;
}

Vector gradient_of(const OutputLoss& loss, const Vector& y) {
  Vector g(y.size());
  loss.gradient(y, g);
  return g;
}

}  // namespace

FlowPoint::FlowPoint(const CompositeObjective& problem, const ConstVectorRef& x,
                     const FlowGeometry& geometry)
    : geometry_(geometry),
      j_(problem.model().linearize(x)),
      value_(problem.loss().value(j_->outputs())),
      loss_gradient_(gradient_of(problem.loss(), j_->outputs())),
      root_(geometry.loss_hessian ? problem.loss().hessian_root(j_->outputs()) : Matrix()),
      inverse_(*j_, root_, tolerance_for(*j_, geometry.rank_tolerance), geometry.memory_limit),
      covector_(root_.size() == 0 ? loss_gradient_ : solve_root_adjoint(root_, loss_gradient_)) {}

double FlowPoint::gradient_norm() const {
  Vector g(j_->parameter_count());
  j_->apply_adjoint(loss_gradient_, g);
  return g.norm();
}

Vector FlowPoint::apply(const ConstVectorRef& d) const {
  Vector jd(j_->output_count());
  j_->apply(d, jd);
  return jd;
}

// With A = S J and grad L = S'z + g: (J'HJ)^+ J' grad L = A^+ z + (A'A)^+ J' g. The second part
// exists only where S'S is singular along grad L, as the Hessian of a loss with linear arms is.
Vector FlowPoint::velocity() const {
  Vector direction = inverse_.solve(covector_);
  if (root_.size() != 0) {
    Vector covered(covector_.size()), w(j_->parameter_count());
    apply_root_adjoint(root_, covector_, covered);
    const Vector uncovered = loss_gradient_ - covered;
    constexpr double rounding = 64 * std::numeric_limits<double>::epsilon();
    if (uncovered.norm() > rounding * loss_gradient_.norm()) {
      j_->apply_adjoint(uncovered, w);
      direction += inverse_.solve(inverse_.solve_adjoint(w));
    }
  }
  return -direction;
}

double FlowPoint::removable_ratio() const {
  const Vector removable = inverse_.apply(inverse_.solve(covector_));
  const double rest = (covector_ - removable).squaredNorm();
  if (rest == 0) return std::numeric_limits<double>::infinity();
  return removable.squaredNorm() / rest;
}

}  // namespace thalweg::detail
