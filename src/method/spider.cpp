#include "thalweg/method/spider.hpp"

#include <cmath>

namespace thalweg {

void Spider::Options::visit(OptionVisitor& visitor) {
  visitor.option("stepsize", stepsize, "gamma > 0: with exponent 1 the length of every step");
  visitor.option("exponent", exponent,
                 "beta in [0, 1]: the power of |v| that a step is divided by");
  visitor.option("period", period,
                 "q, at least 1: every q-th update takes the gradient of all samples");
  sampling.visit(visitor);
  schedule.visit(visitor);
  visitor.option("per-group", per_group,
                 "norms of each group of parameters (the layers of a network) apart");
}

void Spider::Options::validate() const {
  OptionChecker checker("spider");
  checker.require(stepsize > 0 && std::isfinite(stepsize), "stepsize", "be above 0 and finite",
                  stepsize);
  normalization().check(checker);
  checker.require(period >= 1, "period", "be at least 1", static_cast<double>(period));
  checker.require(sampling.batch >= 1, "batch", "be at least 1",
                  static_cast<double>(sampling.batch));
  sampling.check(checker);
  schedule.check(checker);
  checker.throw_if_any();
}

Spider::Spider(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

void Spider::begin(const Objective&, SpiderState& state) const {
  state.estimate = Vector::Zero(state.x.size());
  state.previous = state.x;
}

Update Spider::update(const Objective& problem, SpiderState& state, const Context& context) const {
  Vector& g = state.batch_gradient;
  std::int64_t drawn = 0;
  if (state.updates % options_.period == 0) {
    state.estimate.resize(state.x.size());
    problem.value_and_gradient(state.x, state.estimate);
    drawn = problem.sample_count();
  } else {
    std::int64_t position = state.batch_position;  // the same batch at both points
    drawn = 2 * batch_gradient(problem, state, context, g);
    gradient_over(problem, state.previous, context, "batch", position, options_.sampling.batch,
                  state.previous_gradient);
    state.estimate += g - state.previous_gradient;
  }
  state.previous = state.x;
  const double stepsize = normalized_descent(
      state.x, options_.stepsize * options_.schedule.at(state.updates), state.estimate,
      state.estimate, groups(state, options_.per_group), options_.normalization());
  return {.stepsize = stepsize, .drawn = drawn};
}

bool Spider::is_whole(const SpiderState& state) const {
  return state.estimate.size() == state.x.size() && state.previous.size() == state.x.size();
}

}  // namespace thalweg
