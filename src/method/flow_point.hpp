// Everything the adapted flow measures at one point of its path.
#pragma once

#include <cmath>
#include <memory>

#include "method/flow_range_inverse.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace thalweg::detail {

/// How a point is to be measured; constant during a run.
struct FlowGeometry {
  bool loss_hessian = false;  ///< output metric: the Hessian of a loss that is not squared
  double rank_tolerance = 0;  ///< relative to sigma_max; 0: max(m, n) eps
  double memory_limit = 0;    ///< bytes; 0: no limit
};

/// Outputs, loss, Jacobian and pseudo-inverse at x. The same x gives the same bits.
class FlowPoint {
 public:
  FlowPoint(const CompositeObjective& problem, const ConstVectorRef& x,
            const FlowGeometry& geometry);
  FlowPoint(const FlowPoint&) = delete;
  FlowPoint& operator=(const FlowPoint&) = delete;

  bool ok() const { return std::isfinite(value_) && inverse_.ok(); }  ///< all numbers are finite
  const Vector& outputs() const { return j_->outputs(); }             ///< y, (m)
  double value() const { return value_; }                             ///< L(y)
  const Vector& loss_gradient() const { return loss_gradient_; }      ///< grad L(y), (m)
  double gradient_norm() const;                                       ///< |J' grad L(y)|
  Index rank() const { return inverse_.rank(); }
  bool full_row_rank() const { return rank() == outputs().size(); }
  double sigma_min() const { return inverse_.sigma_min(); }

  Vector apply(const ConstVectorRef& d) const;                              ///< J d, (m)
  Vector lift(const ConstVectorRef& v) const { return inverse_.solve(v); }  ///< J^+ v, (n)
  /// -J^+ grad L, or -(J'HJ)^+ J' grad L in the metric of the loss: the flow's velocity x'.
  Vector velocity() const;
  /// |P g|^2 / |(I - P) g|^2 with g the gradient of L in the output metric: the removable part over
  /// the part that no step removes; infinite where all is removable.
  double removable_ratio() const;
  const FlowGeometry& geometry() const { return geometry_; }

 private:
  FlowGeometry geometry_;
  std::unique_ptr<Linearization> j_;
  double value_;
  Vector loss_gradient_;
  Matrix root_;           // S, H = S'S; empty in the Euclidean metric
  RangeInverse inverse_;  // of S J
  Vector covector_;       // z with S'z = grad L as far as possible; grad L in the Euclidean metric
};

}  // namespace thalweg::detail
