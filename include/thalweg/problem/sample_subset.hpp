// The mean over some of the samples of a finite sum, as an objective of its own.
#pragma once

#include <vector>

#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// The mean over a random subset of the samples, drawn without replacement: a cheaper objective of
/// the same kind, to measure curvature and noise on. The problem must outlive it.
class SampleSubset final : public Objective, public FiniteSum {
 public:
  /// min(count, N) samples from the stream "subset" of the seed. Throws UsageError where the
  /// problem is no FiniteSum.
  SampleSubset(const Objective& problem, Index count, std::uint64_t seed);

  Index dimension() const override { return problem_.dimension(); }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override;
  double rounding() const override { return sum_.batch_rounding(); }
  double batch_rounding() const override { return sum_.batch_rounding(); }
  Index sample_count() const override { return static_cast<Index>(members_.size()); }
  bool attains_infimum() const override { return problem_.attains_infimum(); }
  double lower_bound() const override { return problem_.lower_bound(); }

 private:
  const Objective& problem_;
  const FiniteSum& sum_;
  std::vector<Index> members_;
};

}  // namespace thalweg
