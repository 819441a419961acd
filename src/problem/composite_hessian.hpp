// The exact Hessian of a loss of a model that offers second derivatives.
#pragma once

#include "thalweg/problem/composite_objective.hpp"

namespace thalweg {

/// H = J' H_L J + C + ridge I at x, with C = sum_i (dL/dy_i) d2 y_i / dx2 and H_L the Hessian of
/// the loss at the outputs. The model is twice_differentiable().
class CompositeHessian final : public Hessian {
 public:
  CompositeHessian(const CompositeObjective& problem, const ConstVectorRef& x);
  void apply(const ConstVectorRef& v, VectorRef hv) const override;
  int gradients_per_product() const override { return curvature_ ? 2 : 1; }

 private:
  double ridge_;
  std::unique_ptr<Linearization> at_x_;
  std::unique_ptr<Hessian> of_loss_;
  std::unique_ptr<OutputCurvature> curvature_;  // null: the model is linear
  mutable Vector tangent_, weighted_;           // J v and H_L J v, (m)
};

}  // namespace thalweg
