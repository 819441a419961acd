// Whether dividing a batch's gradient by its own norm leads somewhere else than the gradient does.
//
//   Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou: Adaptive gradient normalization and
//   independent sampling for (stochastic) generalized-smooth optimization, TMLR 2025,
//   arXiv:2410.14054.
#pragma once

#include <cmath>
#include <cstdint>

#include "thalweg/problem/sampled_gradient.hpp"

namespace thalweg {

/// h(g) = max(scale |g| + offset, threshold)^exponent, by which a gradient is divided.
struct Normalizer {
  double exponent = 1;   ///< beta in [0, 1]
  double scale = 2;      ///< >= 0
  double offset = 1;     ///< delta >= 0, as |g|
  double threshold = 1;  ///< >= 0, as |g|

  double operator()(double norm) const {
    return std::pow(std::max(scale * norm + offset, threshold), exponent);
  }
};

struct NormalizationBiasOptions {
  Index batch = 16;             ///< B >= 1 samples a step
  Index independent_batch = 4;  ///< B' >= 1 samples more for an independent norm
  Normalizer normalizer = {};
  int draws = 256;            ///< >= 8 batches of each kind at a point
  int max_evaluations = 60;   ///< >= 4 full gradients for the path and the search
  double relevance = 0.1;     ///< > 0: see NormalizationBias
  double false_alarm = 1e-3;  ///< in (0, 1/2): of `significant`
  std::uint64_t seed = 0;     ///< of the streams "bias-search", "bias-batch", "bias-independent"

  void validate() const;  ///< throws UsageError naming every violated range at once
};

/// With the same batch in numerator and norm the mean step E[g_B / h(|g_B|)] need not point along
/// the gradient, so that the method comes to rest elsewhere. With the norm of an independent batch
/// it is E[g_B] E[1 / h(|g_B'|)], along the gradient, always.
///
/// The bias is called significant where, at some point whose full gradient is at least `relevance`
/// times the noise of one batch (root of the mean squared deviation), a same-batch step goes uphill
/// on average: E <g_B / h(|g_B|), grad f> < 0. Where there is such a point the same-batch method is
/// driven away from the stationary point; where there is none, what bias there is drowns in noise.
///
/// The test is one-sided, Student's t over independent draws, its level shared between the points;
/// points are chosen from other draws. So where no point is of that kind, `significant` comes out
/// with probability at most `false_alarm`, as far as the mean of the draws is normal.
struct NormalizationBias {
  bool significant = false;
  // At the point where same-batch steps go uphill most clearly (least `statistic`):
  /// Mean of <d, grad f> over draws, d = g_B / h(|g_B|), divided by |grad f| and by the mean |d|:
  /// 1 where all steps go along the gradient, below 0 where they go uphill on average.
  double same_batch = 0, same_batch_error = 0;  ///< and its standard error
  /// The same with d = g_B / h(|g_B'|).
  double independent = 0, independent_error = 0;
  double statistic = 0;          ///< same_batch over its standard error
  double threshold = 0;          ///< below it, negative, the bias is significant
  double gradient_norm = 0;      ///< |grad f| there
  double gradient_to_noise = 0;  ///< and over the noise of one batch
  double false_alarm = 0;        ///< as asked for
  int points = 0;  ///< that were tested; 0: none was finite and had a gradient large enough
  int draws = 0;
  Index batch = 0, independent_batch = 0;
  /// Whether a point was found where the gradient is about `relevance` times the noise, so that the
  /// bias had its chance to show. Else the path did not come down so far.
  bool searched = false;
};

/// Tests x0, a point on a path of verified gradient steps from it where gradient and noise are
/// about equal, and one near the end of the path: from there along the mean same-batch step until
/// the full gradient is `relevance` times the noise. Costs about draws (2 B + B') samples at each
/// of up to three points, draws B for the search, and max_evaluations full gradients. Throws
/// UsageError where the problem is no FiniteSum.
NormalizationBias measure_normalization_bias(const Objective& problem, const ConstVectorRef& x0,
                                             const NormalizationBiasOptions& options = {});

}  // namespace thalweg
