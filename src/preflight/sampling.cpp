#include "thalweg/preflight/sampling.hpp"

#include <cmath>

#include "probe_path.hpp"

namespace thalweg {
namespace {

// Where a path of descent comes this near to a proved lower bound, that is the minimum.
constexpr double attained = 1e-6;

std::optional<GradientDominance> measure_dominance(const Objective& problem,
                                                   const ConstVectorRef& x0, int evaluations) {
  const double minimum = problem.lower_bound();
  if (!std::isfinite(minimum) || !problem.attains_infimum()) return std::nullopt;
  constexpr std::size_t most_points = 64;
  const auto path = preflight::walk(problem, x0, {.share = 0.5}, most_points, evaluations).probes;
  if (path.size() < 3 || path.back().value - minimum > attained * (path.front().value - minimum))
    return std::nullopt;
  const auto count = static_cast<Index>(path.size());
  Vector gaps(count), norms(count);
  for (Index k = 0; k < count; ++k) {
    const preflight::Probe& probe = path[static_cast<std::size_t>(k)];
    gaps[k] = probe.value - minimum;
    norms[k] = probe.gradient_norm;
  }
  return fit_gradient_dominance(gaps, norms);
}

}  // namespace

void measure_sampling(const Objective& problem, const ConstVectorRef& x0,
                      const SamplingProbe& options, Preflight& preflight) {
  CurvatureGrowth curvature = measure_curvature_growth(problem, x0, options.curvature);
  if (curvature.samples > 0) preflight.curvature = curvature;
  preflight.dominance = measure_dominance(problem, x0, options.curvature.max_evaluations);
  if (problem.sample_count() < 2 || !dynamic_cast<const FiniteSum*>(&problem)) return;
  GradientNoise noise = measure_gradient_noise(problem, x0, options.noise);
  if (noise.probes > 0) preflight.noise = noise;
  if (!options.measures_bias) return;
  NormalizationBias bias = measure_normalization_bias(problem, x0, options.normalization_bias);
  if (bias.points > 0) preflight.normalization_bias = bias;
}

}  // namespace thalweg
