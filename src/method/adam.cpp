#include "thalweg/method/adam.hpp"

#include <cmath>

#include "first_order.hpp"

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
}

void Adam::Options::validate() const {
  OptionChecker checker("adam");
  checker.require(stepsize > 0 && std::isfinite(stepsize), "stepsize", "be above 0 and finite",
                  stepsize);
  checker.require(beta1 >= 0 && beta1 < 1, "beta1", "lie in [0, 1)", beta1);
  checker.require(beta2 >= 0 && beta2 < 1, "beta2", "lie in [0, 1)", beta2);
  checker.require(epsilon > 0 && std::isfinite(epsilon), "epsilon", "be above 0 and finite",
                  epsilon);
  checker.throw_if_any();
}

Adam::Adam(Options options) : options_(options) { options_.validate(); }

void Adam::start(const Objective& problem, AdamState& state, Context&) const {
  measure(problem, state);
  state.mean = Vector::Zero(state.x.size());
  state.square = Vector::Zero(state.x.size());
  state.count = 0;
}

StepRecord Adam::advance(const Objective& problem, AdamState& state, Context&) const {
  if (state.gradient.squaredNorm() == 0) return halted(state, zero_gradient_reason(), 0);
  const auto& [stepsize, beta1, beta2, epsilon] = options_;
  state.count += 1;
  state.mean = beta1 * state.mean + (1 - beta1) * state.gradient;
  state.square = beta2 * state.square + (1 - beta2) * state.gradient.cwiseAbs2();

  const auto t = static_cast<double>(state.count);
  const double mean_scale = 1 / (1 - std::pow(beta1, t));
  const double square_scale = 1 / (1 - std::pow(beta2, t));
  Evaluation trial = evaluate(
      problem, state.x.array() - stepsize * mean_scale * state.mean.array() /
                                     ((square_scale * state.square.array()).sqrt() + epsilon));
  if (!trial.finite()) return halted(state, non_finite_trial_reason(), 1);

  const double distance = move_to(state, std::move(trial));
  StepRecord record = record_of(state);
  record.step_norm = distance;
  record.stepsize = stepsize;
  return record;
}

StepRecord Adam::describe(const Objective&, const AdamState& state) const {
  return record_of(state);
}

void Adam::rebuild(const Objective&, AdamState& state, Context&) const {
  const Index n = state.x.size();
  require_whole(state.gradient.size() == n && state.mean.size() == n && state.square.size() == n &&
                    state.count >= 0,
                name());
}

}  // namespace thalweg
