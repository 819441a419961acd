// What preflight measures of problems whose curvature grows with the gradient, and of sampled
// gradients.
#pragma once

#include "thalweg/preflight/preflight.hpp"

namespace thalweg {

struct SamplingProbe {
  CurvatureOptions curvature = {};
  GradientNoiseOptions noise = {};
  NormalizationBiasOptions normalization_bias = {};
  bool measures_bias = true;  ///< false: normalization_bias is left absent
};

/// Fills preflight.curvature, dominance (see there) and, where the problem is a FiniteSum of more
/// than one sample, noise and normalization_bias. What could not be measured, since nothing was
/// finite, stays absent. Throws UsageError for options out of range.
void measure_sampling(const Objective& problem, const ConstVectorRef& x0,
                      const SamplingProbe& options, Preflight& preflight);

}  // namespace thalweg
