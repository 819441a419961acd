#include "thalweg/preflight/value_curvature.hpp"

#include <algorithm>
#include <cmath>

#include "probe_path.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/problem/curvature_measurement.hpp"

namespace thalweg {
namespace {

CurvatureBound measured_bound(const Objective& problem, const ConstVectorRef& x0,
                              const ValueCurvatureOptions& options, ValueCurvature& found) {
  RandomStream random(options.seed, "value-curvature");
  const auto count = static_cast<std::size_t>(std::max(2, options.probes));
  const preflight::PathPoints path =
      preflight::walk(problem, x0, {.share = 1}, count, 8 * std::max(2, options.probes));
  found.evaluations += path.evaluations;
  CurvatureEnvelope envelope;
  for (const preflight::Probe& probe : path.probes) {
    if (found.samples >= options.probes) break;
    const CurvatureMeasurement at =
        usable(measure_curvature(problem, probe.x, probe.gradient, random), probe.gradient_norm,
               probe.x.stableNorm());
    found.evaluations += at.evaluations;
    if (!probe.finite()) continue;
    envelope.add(probe.value, at.hessian_norm, at.third_derivative);
    ++found.samples;
  }
  return envelope.empty() ? CurvatureBound()
                          : CurvatureBound::measured(envelope, problem.lower_bound());
}

}  // namespace

void ValueCurvatureOptions::validate() const {
  OptionChecker checker("value curvature");
  checker.require(probes >= 1, "probes", "be at least 1", probes);
  checker.throw_if_any();
}

ValueCurvature measure_value_curvature(const Objective& problem, const ConstVectorRef& x0,
                                       const ValueCurvatureOptions& options) {
  options.validate();
  ValueCurvature found;
  CurvatureBound bound = stated_curvature_bound(problem);
  if (bound.source() == CurvatureBound::Source::none)
    bound = measured_bound(problem, x0, options, found);
  found.source = bound.source();
  if (found.source == CurvatureBound::Source::none) return found;
  const double value = problem.value(x0);
  const CurvatureBound::Bound around = bound.near(value + 1, 1);
  found.gap = bound.gap(value);
  found.hessian_norm = bound.hessian_norm(value);
  found.gradient_norm = bound.gradient_norm(value);
  found.smoothness = around.hessian_norm;
  found.hessian_lipschitz = around.third_derivative;
  found.radius = around.radius;
  return found;
}

}  // namespace thalweg
