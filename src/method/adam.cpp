#include "thalweg/method/adam.hpp"

#include <cmath>

namespace thalweg {

void Adam::Options::visit(OptionVisitor& visitor) {
  visitor.option("stepsize", stepsize,
                 "eta > 0, about the largest move of a parameter per step (default of the paper)");
  visitor.option("beta1", beta1, "decay of the gradient's mean, in [0, 1) (default of the paper)");
  visitor.option("beta2", beta2,
                 "decay of the gradient's squares, in [0, 1) (default of the paper)");
  visitor.option("epsilon", epsilon,
                 "eps > 0, keeps the quotient finite where the gradient vanishes (default of the "
                 "paper)");
  sampling.visit(visitor);
  schedule.visit(visitor);
}

void Adam::Options::validate() const {
  OptionChecker checker("adam");
  checker.require(stepsize > 0 && std::isfinite(stepsize), "stepsize", "be above 0 and finite",
                  stepsize);
  checker.require(beta1 >= 0 && beta1 < 1, "beta1", "lie in [0, 1)", beta1);
  checker.require(beta2 >= 0 && beta2 < 1, "beta2", "lie in [0, 1)", beta2);
  checker.require(epsilon > 0 && std::isfinite(epsilon), "epsilon", "be above 0 and finite",
                  epsilon);
  sampling.check(checker);
  schedule.check(checker);
  checker.throw_if_any();
}

Adam::Adam(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

void Adam::begin(const Objective&, AdamState& state) const {
  state.mean = Vector::Zero(state.x.size());
  state.square = Vector::Zero(state.x.size());
}

Update Adam::update(const Objective& problem, AdamState& state, const Context& context) const {
  Vector& g = state.batch_gradient;
  const std::int64_t drawn = batch_gradient(problem, state, context, g);
  state.mean = options_.beta1 * state.mean + (1 - options_.beta1) * g;
  state.square = options_.beta2 * state.square + (1 - options_.beta2) * g.cwiseAbs2();

  const auto t = static_cast<double>(state.updates + 1);
  const double mean_scale = 1 / (1 - std::pow(options_.beta1, t));
  const double square_scale = 1 / (1 - std::pow(options_.beta2, t));
  const double stepsize = options_.stepsize * options_.schedule.at(state.updates);
  state.x.array() -= stepsize * mean_scale * state.mean.array() /
                     ((square_scale * state.square.array()).sqrt() + options_.epsilon);
  return {.stepsize = stepsize, .drawn = drawn};
}

bool Adam::is_whole(const AdamState& state) const {
  return state.mean.size() == state.x.size() && state.square.size() == state.x.size();
}

}  // namespace thalweg
