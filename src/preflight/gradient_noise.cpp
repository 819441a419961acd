#include "thalweg/preflight/gradient_noise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "probe_path.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// slope z + level, both >= 0: the weighted least-squares fit of y. A slope that gains nothing is 0.
struct Line {
  double slope = 0, level = 0;
  double at(double z) const { return slope * z + level; }
};

Line fit_line(const Eigen::ArrayXd& z, const Eigen::ArrayXd& y, const Eigen::ArrayXd& weight) {
  const double w = weight.sum(), wz = (weight * z).sum(), wy = (weight * y).sum();
  const double wzz = (weight * z * z).sum(), wzy = (weight * z * y).sum();
  const double determinant = w * wzz - wz * wz;
  constexpr double varies = 1e-6;  // of the squared gradient norm, relative
  if (!(determinant > varies * w * wzz)) return {0, wy / w};
  const Line free{(w * wzy - wz * wy) / determinant, (wzz * wy - wz * wzy) / determinant};
  if (free.slope >= 0 && free.level >= 0) return free;
  return free.slope < 0 ? Line{0, wy / w} : Line{wzy / wzz, 0};
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

// Weights of the reciprocal squared fit, repeated: the estimating equation of a gamma variable,
// which stays unbiased, as weights of the measured variances themselves would not.
AffineNoise fit_affine_noise(const ConstVectorRef& squared_norms, const ConstVectorRef& variances) {
  constexpr int most_rounds = 50;
  const Eigen::ArrayXd z = squared_norms.array(), y = variances.array();
  if (y.size() == 0 || !(y.maxCoeff() > 0)) return {};
  const double least = std::sqrt(std::numeric_limits<double>::epsilon()) * y.maxCoeff();
  Line line = fit_line(z, y, Eigen::ArrayXd::Ones(y.size()));
  for (int round = 0; round < most_rounds; ++round)
    line = fit_line(z, y, (line.slope * z + line.level).max(least).square().inverse());
  return {std::sqrt(line.slope), std::sqrt(line.level)};
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
