#include "thalweg/method/clipped_sgd.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg {

void ClippedSgd::Options::visit(OptionVisitor& visitor) {
  visitor.option("rule", rule, {"threshold", "standard", "implicit", "adaptive"},
                 "threshold: gamma and C as given; the others are rows of the published table, "
                 "from l0, l1, radius, noise and steps");
  visitor.option("stepsize", stepsize,
                 "threshold: gamma > 0; the plan fills it in from the measured curvature");
  visitor.option("exponent", exponent, "threshold: beta in [0, 1]");
  visitor.option("threshold", threshold,
                 "threshold: C, not negative; the plan fills it in from the measured curvature");
  visitor.option("offset", offset, "threshold: delta, not negative, added to |g|");
  visitor.option("l0", L0, "table: L0 > 0; the plan fills it in from the measured curvature");
  visitor.option("l1", L1, "table: L1 > 0; the plan fills it in from the measured curvature");
  visitor.option("radius", radius, "table: R > 0, the distance from the start to a minimiser");
  visitor.option("noise", noise,
                 "table: s, not negative: a bound on the noise of a batch's gradient, or 3 sigma "
                 "sqrt(ln(T / failure)); the plan fills it in where it was measured");
  visitor.option("steps", steps,
                 "table: T, not negative; 0: the plan fills in the steps of the run");
  visitor.option("independent-batch", independent_batch,
                 "not negative: samples of the gradient whose norm is used; 0: the batch itself");
  sampling.visit(visitor);
  schedule.visit(visitor);
  visitor.option("per-group", per_group,
                 "threshold: norms of each group of parameters (the layers of a network) apart");
}

void ClippedSgd::Options::validate() const {
  OptionChecker checker("clipped-sgd");
  checker.require(stepsize > 0 && std::isfinite(stepsize), "stepsize", "be above 0 and finite",
                  stepsize);
  normalization().check(checker);
  checker.require(L0 > 0 && std::isfinite(L0), "l0", "be above 0 and finite", L0);
  checker.require(L1 > 0 && std::isfinite(L1), "l1", "be above 0 and finite", L1);
  checker.require(radius > 0 && std::isfinite(radius), "radius", "be above 0 and finite", radius);
  checker.require(noise >= 0 && std::isfinite(noise), "noise", "be finite and not negative", noise);
  checker.require(steps >= 0, "steps", "not be negative", static_cast<double>(steps));
  checker.require(independent_batch >= 0, "independent-batch", "not be negative",
                  static_cast<double>(independent_batch));
  sampling.check(checker);
  schedule.check(checker);
  checker.throw_if_any();
}

ClippedSgd::ClippedSgd(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

Update ClippedSgd::update(const Objective& problem, ClippedSgdState& state,
                          const Context& context) const {
  Vector& g = state.batch_gradient;
  std::int64_t drawn = batch_gradient(problem, state, context, g);
  const bool same = options_.independent_batch == 0;
  if (!same)
    drawn += gradient_over(problem, state.x, context, "independent batch", state.norm_position,
                           options_.independent_batch, state.norm_gradient);
  const Vector& other = same ? g : state.norm_gradient;
  const double scheduled = options_.schedule.at(state.updates);
  if (options_.rule == Rule::threshold) {
    const double stepsize =
        normalized_descent(state.x, options_.stepsize * scheduled, g, other,
                           groups(state, options_.per_group), options_.normalization());
    return {.stepsize = stepsize, .drawn = drawn};
  }
  const double stepsize = scheduled * table_stepsize(g.stableNorm(), other.stableNorm(), state);
  state.x -= stepsize * g;
  return {.stepsize = stepsize, .drawn = drawn};
}

double ClippedSgd::table_stepsize(double norm, double other_norm, ClippedSgdState& state) const {
  const double noise =
      options_.noise * std::sqrt(static_cast<double>(options_.steps)) / options_.radius;
  if (options_.rule == Rule::implicit)
    return 1 / (8 * (options_.L0 + options_.L1 * other_norm + noise));
  const double c = std::max(10 * options_.L0, noise) / options_.L1;
  const double share = other_norm > c ? c / other_norm : 1;
  if (options_.rule == Rule::standard)
    return share * std::min(1 / (11 * options_.L0), 1 / (options_.L0 + noise)) / 16;
  state.sum_of_squares += share * share * norm * norm;
  return state.sum_of_squares > 0 ? share * options_.radius / std::sqrt(state.sum_of_squares) : 0;
}

}  // namespace thalweg
