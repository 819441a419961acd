// An output loss of an output model: what Gauss-Newton methods and the adapted flow work on.
#pragma once

#include <memory>

#include "thalweg/problem/objective.hpp"
#include "thalweg/problem/output_loss.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg {

/// f(x) = L(y(x)).
class CompositeObjective : public Objective, public FiniteSum {
 public:
  /// Throws UsageError when model and loss disagree on m or Q.
  CompositeObjective(std::shared_ptr<const OutputModel> model,
                     std::shared_ptr<const OutputLoss> loss);

  Index dimension() const override { return model_->parameter_count(); }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override;
  double batch_rounding() const override { return model_->batch_rounding(); }
  double log_value(const ConstVectorRef& x) const override;
  Index sample_count() const override { return loss_->sample_count(); }
  std::vector<Index> parameter_groups() const override { return model_->parameter_groups(); }
  double start_norm() const override { return model_->start_norm(); }
  double lower_bound() const override { return loss_->lower_bound(); }
  bool attains_infimum() const override { return ridge() > 0 || loss_->attains_infimum(); }
  std::string description() const override;

  /// lambda >= 0 of a term lambda/2 |x|^2 that a derived class adds: 0 here. Methods that look at
  /// model and loss alone refuse a problem where it is not 0.
  virtual double ridge() const { return 0; }

  const OutputModel& model() const { return *model_; }
  const OutputLoss& loss() const { return *loss_; }
  Index output_count() const { return model_->output_count(); }
  bool overparametrized() const { return dimension() >= output_count(); }

 private:
  std::shared_ptr<const OutputModel> model_;
  std::shared_ptr<const OutputLoss> loss_;
};

}  // namespace thalweg
