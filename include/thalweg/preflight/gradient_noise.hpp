// How noisy the gradients of batches are, measured: tau1 and tau2 of affine noise.
#pragma once

#include <cstdint>
#include <optional>

#include "thalweg/problem/sampled_gradient.hpp"

namespace thalweg {

struct GradientNoiseOptions {
  Index batch = 16;          ///< b >= 1 samples a batch
  int probes = 8;            ///< >= 2 points at most
  int draws = 32;            ///< >= 2 independent batches at each of them
  int max_evaluations = 60;  ///< >= 1 full gradients for the path
  Index tail_samples = 128;  ///< >= 0 gradients of single samples for tail_ratio; 0: not measured
  std::uint64_t seed = 0;    ///< of the streams "noise" and "noise-tail"

  void validate() const;  ///< throws UsageError
};

/// What was measured, of single samples: batches of b drawn with replacement have 1/b of the
/// variance.
struct GradientNoise {
  AffineNoise law;
  /// Largest measured variance over that of the law, >= 0: about 1 where the noise is affine in the
  /// gradient; the law is a fit, not a bound.
  double spread = 0;
  Index batch = 0;  ///< b used
  int probes = 0;   ///< points used; 0: no gradient was finite, and the rest is 0
  /// Largest over median gradient norm of single samples at x0: the heavier the tails of the noise,
  /// the larger (normal noise about 0: 4 in one dimension, less in more). Absent where not
  /// measured, or where the median is 0.
  std::optional<double> tail_ratio;
};

/// Fits tau1^2 |grad f|^2 + tau2^2 to the variance of sample gradients at points of a path of
/// verified half steps from x0, (n). At each point the batches g_1 ... g_k (independent, with
/// replacement) give b / (k - 1) sum |g_j - mean|^2, an unbiased estimate of the variance of one
/// sample; for k = 2 that is (b / 2) |g_1 - g_2|^2. The regressor is the full gradient, exact: with
/// <g_1, g_2> in its place, its own noise would draw tau1 towards 0. The fit over tau1, tau2 >= 0
/// is that of greatest likelihood for variances estimated from normal draws, whose error is
/// relative. A gradient that hardly varies along the path cannot tell tau1 from tau2: all is then
/// tau2. Throws UsageError where the problem is no FiniteSum.
GradientNoise measure_gradient_noise(const Objective& problem, const ConstVectorRef& x0,
                                     const GradientNoiseOptions& options = {});

/// The fit alone: variances of single samples and squared norms of the full gradient, both (k) with
/// entries >= 0.
AffineNoise fit_affine_noise(const ConstVectorRef& squared_norms, const ConstVectorRef& variances);

}  // namespace thalweg
