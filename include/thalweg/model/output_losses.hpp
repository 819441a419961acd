// Squared, Huber and cross-entropy losses of stacked outputs. Targets are (N, Q) matrices; see
// Linearization for the stacking.
#pragma once

#include <vector>

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

/// L(y) = 1/N sum h(y - target), h(r) = r^2/2 for |r| <= delta, delta (|r| - delta/2) beyond (Huber
/// 1964).
class HuberLoss final : public OutputLoss {
 public:
  HuberLoss(Matrix targets, double delta);
  Index output_count() const override { return targets_.size(); }
  Index outputs_per_sample() const override { return targets_.cols(); }
  double value(const ConstVectorRef& y) const override;
  void gradient(const ConstVectorRef& y, VectorRef gy) const override;
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                       VectorRef hv) const override;
  Matrix hessian_root(const ConstVectorRef& y) const override;
  std::optional<Vector> minimizer() const override;
  std::string description() const override;

 private:
  Matrix targets_;
  double delta_;
};

/// Mean cross-entropy. Two classes: ONE margin output z per sample, positive for class 1, loss ln(1
/// + exp(-s z)). More: Q = classes outputs per sample and a softmax. Computed without overflow or
/// cancellation for any finite y.
class CrossEntropyLoss final : public OutputLoss {
 public:
  /// labels: class index 0 .. classes-1 per sample; classes >= 2.
  CrossEntropyLoss(std::vector<int> labels, int classes);
  Index output_count() const override;
  Index outputs_per_sample() const override;
  double value(const ConstVectorRef& y) const override;
  void gradient(const ConstVectorRef& y, VectorRef gy) const override;
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                       VectorRef hv) const override;
  Matrix hessian_root(const ConstVectorRef& y) const override;
  std::string description() const override;

 private:
  int label(Index sample) const { return labels_[static_cast<std::size_t>(sample)]; }

  std::vector<int> labels_;
  int classes_;
};

}  // namespace thalweg
