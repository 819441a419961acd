// Mean gradients of random batches, and what is known of their noise.
#pragma once

#include <cmath>
#include <string_view>
#include <vector>

#include "thalweg/core/random.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// E |g_i - grad f|^2 <= tau1^2 |grad f|^2 + tau2^2 for the gradient g_i of one random sample: the
/// affine noise of Y. Yang et al., TMLR 2025, arXiv:2410.14054. Batches of b drawn with replacement
/// have it divided by b; without replacement from N samples, times (N - b) / (N - 1) too.
struct AffineNoise {
  double tau1 = 0;  ///< >= 0, no unit: the noise that grows with the gradient
  double tau2 = 0;  ///< >= 0, objective / parameter: the noise that stays

  /// The bound for the mean gradient of a batch.
  double variance(double gradient_norm, double batch = 1) const {
    return (tau1 * tau1 * gradient_norm * gradient_norm + tau2 * tau2) / batch;
  }
};

/// Draws batches of `batch` samples with replacement from the stream (seed, name), so that batches
/// are independent and their gradients unbiased, and takes mean gradients over them. The problem
/// must outlive this object.
class SampledGradient {
 public:
  /// Throws UsageError where the problem is no FiniteSum.
  SampledGradient(const Objective& problem, Index batch, std::uint64_t seed, std::string_view name);

  /// The mean gradient at x of the next batch; valid until the next call.
  const Vector& draw(const ConstVectorRef& x);
  /// The gradient at x of one sample.
  const Vector& sample(const ConstVectorRef& x, Index sample);

  Index samples_used() const { return samples_used_; }  ///< sample gradients computed so far

 private:
  const Objective& problem_;
  const FiniteSum& sum_;
  RandomStream random_;
  std::vector<Index> batch_;
  Vector gradient_;
  Index samples_used_ = 0;
};

/// Mean and spread of vectors (n) that come one by one (Welford's update).
class VectorMean {
 public:
  explicit VectorMean(Index n) : mean_(Vector::Zero(n)) {}

  void add(const ConstVectorRef& v);
  Index count() const { return count_; }
  const Vector& mean() const { return mean_; }  ///< (n)
  /// Sum over the components of their sample variance: estimates E |v - E v|^2. 0 below two.
  double variance() const;

 private:
  Index count_ = 0;
  Vector mean_;
  double squares_ = 0;
};

}  // namespace thalweg
