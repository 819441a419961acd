#include "thalweg/problem/composite_objective.hpp"

#include "thalweg/core/error.hpp"

namespace thalweg {

CompositeObjective::CompositeObjective(std::shared_ptr<const OutputModel> model,
                                       std::shared_ptr<const OutputLoss> loss)
    : model_(std::move(model)), loss_(std::move(loss)) {
  if (!model_ || !loss_) throw UsageError("a CompositeObjective needs a model and a loss");
  if (model_->output_count() != loss_->output_count() ||
      model_->outputs_per_sample() != loss_->outputs_per_sample()) {
    throw UsageError("model and loss disagree: " + std::to_string(model_->output_count()) +
                         " outputs (" + std::to_string(model_->outputs_per_sample()) +
                         " per sample) against " + std::to_string(loss_->output_count()) + " (" +
                         std::to_string(loss_->outputs_per_sample()) + " per sample)",
                     "give the loss one target per model output");
  }
}

double CompositeObjective::value(const ConstVectorRef& x) const {
  Vector y(model_->output_count());
  model_->outputs(x, y);
  return loss_->value(y);
}

double CompositeObjective::value_and_gradient(const ConstVectorRef& x, VectorRef g) const {
  const auto at_x = model_->linearize(x);
  Vector gy(model_->output_count());
  loss_->gradient(at_x->outputs(), gy);
  at_x->apply_adjoint(gy, g);
  return loss_->value(at_x->outputs());
}

double CompositeObjective::value_and_gradient(const ConstVectorRef& x, Batch batch,
                                              VectorRef g) const {
  return model_->batch_mean(x, batch, *loss_, g);
}

double CompositeObjective::log_value(const ConstVectorRef& x) const {
  Vector y(model_->output_count());
  model_->outputs(x, y);
  return loss_->log_value(y);
}

std::string CompositeObjective::description() const {
  return loss_->description() + " of " + model_->description();
}

}  // namespace thalweg
