// The squared loss of stacked outputs. Targets are (N, Q) matrices; see Linearization for the
// stacking. Robust ones are in robust_losses.hpp.
#pragma once

#include "thalweg/problem/output_loss.hpp"

namespace thalweg {

/// L(y) = 1/(2N) |y - targets|^2. Hessian I/N; minimizer: the targets, value 0.
class SquaredLoss final : public OutputLoss {
 public:
  explicit SquaredLoss(Matrix targets);  ///< (N, Q)
  Index output_count() const override { return targets_.size(); }
  Index outputs_per_sample() const override { return targets_.cols(); }
  double value(const ConstVectorRef& y) const override;
  void gradient(const ConstVectorRef& y, VectorRef gy) const override;
  double batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const override;
  void batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const override;
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                       VectorRef hv) const override;
  Matrix hessian_root(const ConstVectorRef& y) const override;
  std::optional<double> constant_hessian() const override;
  std::optional<Vector> minimizer() const override;
  double strong_convexity() const override;
  std::string description() const override;

 private:
  Matrix targets_;
};

}  // namespace thalweg
