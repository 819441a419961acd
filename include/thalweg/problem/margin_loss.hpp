// Losses of classification margins.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "thalweg/problem/output_loss.hpp"

namespace thalweg {

/// A loss of class labels. Two classes: ONE output z per sample and the margin s z, s = 1 for class
/// 1 and -1 for class 0. More: Q = classes outputs and the margins z_label - z_q, q != label.
class MarginLoss : public OutputLoss {
 public:
  /// labels: class index 0 .. classes-1 per sample; classes >= 2. Throws UsageError.
  MarginLoss(std::vector<int> labels, int classes);

  Index output_count() const final;
  Index outputs_per_sample() const final { return classes_ == 2 ? 1 : classes_; }
  const std::vector<int>& labels() const { return labels_; }
  int classes() const { return classes_; }
  int label(Index sample) const { return labels_[static_cast<std::size_t>(sample)]; }
  double sign(Index sample) const { return label(sample) == 1 ? 1 : -1; }  ///< s, two classes

  /// The smallest margin of every sample, (N).
  Vector smallest_margins(const ConstVectorRef& y) const;
  /// Share of the samples whose smallest margin is not above 0; NaN is not.
  static double training_error(const ConstVectorRef& smallest_margins);
  /// ln((1/N) sum over samples and margins m of e^-m) and its gradient in y, (m): for two classes
  /// -s_i softmax(-margins)_i. Neither overflows nor underflows; an upper bound of ln of the
  /// logistic loss.
  double log_exponential(const ConstVectorRef& y, VectorRef gy) const;

  /// A bound on the Hessian norm of one sample's loss in its outputs, anywhere; infinite where
  /// there is none. N times the Hessian of L is at most this times the identity.
  virtual double curvature_bound() const = 0;
  /// How the value l of one sample's loss bounds its first three derivatives in the outputs, in
  /// spectral norms: each nondecreasing and concave in l on [0, inf), so that the mean loss bounds
  /// the mean of the derivatives. Absent where nothing is proved.
  struct Growth {
    std::function<double(double)> first, second, third;
  };
  virtual std::optional<Growth> growth() const { return std::nullopt; }
  /// The loss of a sample is at most the sum of e^-m over its margins: what log_exponential bounds.
  virtual bool below_exponential() const { return false; }

 private:
  std::vector<int> labels_;
  int classes_;
};

}  // namespace thalweg
