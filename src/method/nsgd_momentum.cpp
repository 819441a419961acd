#include "thalweg/method/nsgd_momentum.hpp"

#include <cmath>

namespace thalweg {

void NsgdMomentum::Options::visit(OptionVisitor& visitor) {
  visitor.option("stepsize", stepsize, "gamma > 0: with exponent 1 the length of the first step");
  visitor.option("momentum", momentum,
                 "b in [0, 1); 0: b_t = 1 - t^(-1/2) and gamma t^(-3/4), which need no constant of "
                 "the problem");
  visitor.option("exponent", exponent,
                 "beta in [0, 1]: the power of |m| that a step is divided by");
  sampling.visit(visitor);
  schedule.visit(visitor);
  visitor.option("per-group", per_group,
                 "norms of each group of parameters (the layers of a network) apart");
}

void NsgdMomentum::Options::validate() const {
  OptionChecker checker("nsgd-momentum");
  checker.require(stepsize > 0 && std::isfinite(stepsize), "stepsize", "be above 0 and finite",
                  stepsize);
  checker.require(momentum >= 0 && momentum < 1, "momentum", "lie in [0, 1)", momentum);
  normalization().check(checker);
  sampling.check(checker);
  schedule.check(checker);
  checker.throw_if_any();
}

NsgdMomentum::NsgdMomentum(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

void NsgdMomentum::begin(const Objective&, NsgdMomentumState& state) const {
  state.momentum = Vector::Zero(state.x.size());
}

Update NsgdMomentum::update(const Objective& problem, NsgdMomentumState& state,
                            const Context& context) const {
  const auto t = static_cast<double>(state.updates + 1);
  const bool scheduled = options_.momentum == 0;
  const double b = scheduled ? 1 - 1 / std::sqrt(t) : options_.momentum;
  const double gamma =
      options_.stepsize * (scheduled ? std::pow(t, -0.75) : options_.schedule.at(state.updates));
  Vector& g = state.batch_gradient;
  const std::int64_t drawn = batch_gradient(problem, state, context, g);
  state.momentum = b * state.momentum + (1 - b) * g;
  const double stepsize =
      normalized_descent(state.x, gamma, state.momentum, state.momentum,
                         groups(state, options_.per_group), options_.normalization());
  return {.stepsize = stepsize, .drawn = drawn};
}

bool NsgdMomentum::is_whole(const NsgdMomentumState& state) const {
  return state.momentum.size() == state.x.size();
}

}  // namespace thalweg
