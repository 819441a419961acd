#include "thalweg/preflight/sampling.hpp"

namespace thalweg {

void measure_sampling(const Objective& problem, const ConstVectorRef& x0,
                      const SamplingProbe& options, Preflight& preflight) {
  CurvatureGrowth curvature = measure_curvature_growth(problem, x0, options.curvature);
  if (curvature.samples > 0) preflight.curvature = curvature;
  if (problem.sample_count() < 2 || !dynamic_cast<const FiniteSum*>(&problem)) return;
  GradientNoise noise = measure_gradient_noise(problem, x0, options.noise);
  if (noise.probes > 0) preflight.noise = noise;
  if (!options.measures_bias) return;
  NormalizationBias bias = measure_normalization_bias(problem, x0, options.normalization_bias);
  if (bias.points > 0) preflight.normalization_bias = bias;
}

}  // namespace thalweg
