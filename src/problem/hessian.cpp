#include "thalweg/problem/hessian.hpp"

#include "problem/composite_hessian.hpp"
#include "thalweg/problem/difference_hessian.hpp"

namespace thalweg {
namespace {

const CompositeObjective* twice_differentiable_composite(const Objective& problem) {
  const auto* composite = dynamic_cast<const CompositeObjective*>(&problem);
  return composite && composite->model().twice_differentiable() ? composite : nullptr;
}

}  // namespace

CompositeHessian::CompositeHessian(const CompositeObjective& problem, const ConstVectorRef& x)
    : ridge_(problem.ridge()),
      at_x_(problem.model().linearize(x)),
      of_loss_(problem.loss().hessian(at_x_->outputs())),
      tangent_(at_x_->output_count()),
      weighted_(at_x_->output_count()) {
  if (problem.model().linear()) return;
  problem.loss().gradient(at_x_->outputs(), weighted_);
  curvature_ = at_x_->curvature(weighted_);
}

void CompositeHessian::apply(const ConstVectorRef& v, VectorRef hv) const {
  if (curvature_)
    curvature_->apply(v, tangent_);
  else
    at_x_->apply(v, tangent_);
  of_loss_->apply(tangent_, weighted_);
  if (curvature_)
    curvature_->adjoint(weighted_, hv);
  else
    at_x_->apply_adjoint(weighted_, hv);
  if (ridge_ > 0) hv += ridge_ * v;
}

std::unique_ptr<Hessian> hessian_at(const Objective& problem, const ConstVectorRef& x,
                                    const ConstVectorRef& gradient) {
  if (const auto* twice = dynamic_cast<const TwiceDifferentiable*>(&problem))
    return twice->hessian(x);
  if (const auto* composite = twice_differentiable_composite(problem))
    return std::make_unique<CompositeHessian>(*composite, x);
  return std::make_unique<DifferenceHessian>(problem, x, gradient);
}

bool has_exact_hessian(const Objective& problem) {
  return dynamic_cast<const TwiceDifferentiable*>(&problem) != nullptr ||
         twice_differentiable_composite(problem) != nullptr;
}

}  // namespace thalweg
