#include "thalweg/preflight/gradient_noise.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "probe_path.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// The best fit c (z + r) for a given r: c, and minus twice the logarithm of its likelihood per
// point for variances that are estimated from normal draws (chi-squares, whose error is relative).
struct Fit {
  double scale = 0, deviance = 0;
};

Fit fit_with_offset(const Eigen::ArrayXd& z, const Eigen::ArrayXd& y, double r) {
  const double scale = (y / (z + r)).mean();
  return {scale, std::log(scale) + (z + r).log().mean()};
}

std::optional<double> tail_ratio(const Objective& problem, const ConstVectorRef& x0,
                                 const GradientNoiseOptions& options) {
  const Index samples = problem.sample_count(), count = std::min(samples, options.tail_samples);
  if (count == 0) return std::nullopt;
  SampledGradient gradients(problem, 1, options.seed, "noise-tail");
  std::vector<double> norms;
  for (Index i = 0; i < count; ++i)
    norms.push_back((count == samples ? gradients.sample(x0, i) : gradients.draw(x0)).stableNorm());
  const auto middle = norms.begin() + count / 2;
  std::nth_element(norms.begin(), middle, norms.end());
  const double median = *middle, largest = *std::max_element(middle, norms.end());
  if (!(median > 0) || !std::isfinite(largest)) return std::nullopt;
  return largest / median;
}

}  // namespace

void GradientNoiseOptions::validate() const {
  OptionChecker checker("noise");
  checker.require(batch >= 1, "batch", "be at least 1", static_cast<double>(batch));
  checker.require(probes >= 2, "probes", "be at least 2", probes);
  checker.require(max_evaluations >= 1, "max_evaluations", "be at least 1", max_evaluations);
  checker.require(draws >= 2, "draws", "be at least 2", draws);
  checker.require(tail_samples >= 0, "tail_samples", "be at least 0",
                  static_cast<double>(tail_samples));
  checker.throw_if_any();
}

// The ratio r = (tau2 / tau1)^2 is searched over all scales that the gradients can tell from none,
// first on a grid, since the likelihood may have two maxima, then by halving the grid about the
// best.
AffineNoise fit_affine_noise(const ConstVectorRef& squared_norms, const ConstVectorRef& variances) {
  const Eigen::ArrayXd z = squared_norms.array(), y = variances.array();
  if (y.size() == 0 || !(y.maxCoeff() > 0)) return {};
  const double level = y.mean(), largest = z.maxCoeff();
  const AffineNoise constant{0, std::sqrt(level)};
  if (!(largest > 0)) return constant;
  double smallest = largest;
  for (const double a : z)
    if (a > 0) smallest = std::min(smallest, a);

  constexpr double beyond = 1e6;
  const double low = std::log(smallest / beyond), high = std::log(largest * beyond);
  constexpr int grid = 400;
  double best = low, step = (high - low) / grid;
  const auto deviance = [&](double ln_r) { return fit_with_offset(z, y, std::exp(ln_r)).deviance; };
  for (int i = 0; i <= grid; ++i)
    if (deviance(low + i * step) < deviance(best)) best = low + i * step;
  for (int halving = 0; halving < 40; ++halving) {
    step /= 2;
    for (const double aside : {best - step, best + step})
      if (deviance(aside) < deviance(best)) best = aside;
  }
  constexpr double gain = 1e-9;  // less than that is rounding: one gradient norm tells nothing
  if (!(deviance(best) < std::log(level) - gain)) return constant;
  const double ratio = std::exp(best), scale = fit_with_offset(z, y, ratio).scale;
  const AffineNoise both{std::sqrt(scale), std::sqrt(scale * ratio)};
  return z.minCoeff() > 0 && deviance(low) <= deviance(best) + gain
             ? AffineNoise{std::sqrt((y / z).mean()), 0}
             : both;
}

GradientNoise measure_gradient_noise(const Objective& problem, const ConstVectorRef& x0,
                                     const GradientNoiseOptions& options) {
  options.validate();
  SampledGradient gradients(problem, options.batch, options.seed, "noise");
  const preflight::PathPoints path =
      preflight::walk(problem, x0, {.share = 0.5}, static_cast<std::size_t>(options.probes),
                      options.max_evaluations);
  std::vector<double> squared_norms, variances;
  for (const preflight::Probe& probe : path.probes) {
    VectorMean batches(x0.size());
    for (int draw = 0; draw < options.draws; ++draw) batches.add(gradients.draw(probe.x));
    const double variance = static_cast<double>(options.batch) * batches.variance();
    if (!probe.finite() || !std::isfinite(variance)) continue;
    squared_norms.push_back(probe.gradient_norm * probe.gradient_norm);
    variances.push_back(variance);
  }

  GradientNoise noise;
  noise.batch = options.batch;
  noise.probes = static_cast<int>(variances.size());
  if (noise.probes == 0) return noise;
  const Eigen::Map<const Vector> z(squared_norms.data(), noise.probes);
  const Eigen::Map<const Vector> y(variances.data(), noise.probes);
  noise.law = fit_affine_noise(z, y);
  for (Index i = 0; i < y.size(); ++i)
    if (y[i] > 0) noise.spread = std::max(noise.spread, y[i] / noise.law.variance(std::sqrt(z[i])));
  noise.tail_ratio = tail_ratio(problem, x0, options);
  return noise;
}

}  // namespace thalweg
