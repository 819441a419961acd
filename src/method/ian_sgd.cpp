#include "thalweg/method/ian_sgd.hpp"

#include <cmath>

namespace thalweg {

void IanSgd::Options::visit(OptionVisitor& visitor) {
  visitor.option("stepsize", stepsize,
                 "gamma > 0; the plan fills it in from the measured curvature");
  visitor.option("exponent", exponent, "beta in [0, 1] (default of the paper)");
  visitor.option("threshold", threshold,
                 "C, not negative: below A |g'| + delta = C steps are those of plain SGD; the plan "
                 "fills it in from the measured curvature");
  visitor.option("offset", offset, "delta, not negative: added to A |g'|");
  visitor.option("factor", factor, "A > 0 (default of the paper)");
  visitor.option("independent-batch", independent_batch,
                 "B', not negative: samples of the gradient whose norm is used (default of the "
                 "paper); 0: the batch's own, which is biased");
  sampling.visit(visitor);
  schedule.visit(visitor);
  visitor.option("per-group", per_group,
                 "norms of each group of parameters (the layers of a network) apart");
}

void IanSgd::Options::validate() const {
  OptionChecker checker("ian-sgd");
  checker.require(stepsize > 0 && std::isfinite(stepsize), "stepsize", "be above 0 and finite",
                  stepsize);
  normalization().check(checker);
  checker.require(independent_batch >= 0, "independent-batch", "not be negative",
                  static_cast<double>(independent_batch));
  sampling.check(checker);
  schedule.check(checker);
  checker.throw_if_any();
}

IanSgd::IanSgd(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

Update IanSgd::update(const Objective& problem, IanSgdState& state, const Context& context) const {
  Vector& g = state.batch_gradient;
  std::int64_t drawn = batch_gradient(problem, state, context, g);
  const bool independent = options_.independent_batch > 0;
  if (independent)
    drawn += gradient_over(problem, state.x, context, "independent batch", state.norm_position,
                           options_.independent_batch, state.norm_gradient);
  const Vector& norm_gradient = independent ? state.norm_gradient : g;
  const double stepsize = normalized_descent(
      state.x, options_.stepsize * options_.schedule.at(state.updates), g, norm_gradient,
      groups(state, options_.per_group), options_.normalization());
  return {.stepsize = stepsize, .drawn = drawn};
}

}  // namespace thalweg
