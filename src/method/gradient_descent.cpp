#include "thalweg/method/gradient_descent.hpp"

#include <cmath>

#include "first_order.hpp"

namespace thalweg {
namespace {

StopReason no_decrease_reason(double stepsize) {
  return {
      Outcome::stalled, "line-search", stepsize, std::nullopt,
      "no stepsize along the gradient decreases the value: rounding is reached, or the gradient "
      "is wrong"};
}

}  // namespace

void GradientDescent::Options::visit(OptionVisitor& visitor) {
  visitor.option("rule", rule, {"armijo", "constant"},
                 "how the stepsize is chosen: by backtracking, or constant");
  visitor.option("stepsize", stepsize,
                 "eta > 0; with armijo the first trial of the first step; constant: below 2 / "
                 "sharpness");
  visitor.option(
      "decrease", decrease,
      "delta in (0, 1): the share of the predicted decrease that armijo demands (Nocedal "
      "& Wright, section 3.1)");
}

void GradientDescent::Options::validate() const {
  OptionChecker checker("gd");
  checker.require(stepsize > 0 && std::isfinite(stepsize), "stepsize", "be above 0 and finite",
                  stepsize);
  checker.require(decrease > 0 && decrease < 1, "decrease", "lie in (0, 1)", decrease);
  checker.throw_if_any();
}

GradientDescent::GradientDescent(Options options) : options_(options) { options_.validate(); }

void GradientDescent::start(const Objective& problem, GradientDescentState& state, Context&) const {
  measure(problem, state);
  state.stepsize = options_.stepsize;
}

StepRecord GradientDescent::advance(const Objective& problem, GradientDescentState& state,
                                    Context&) const {
  const double square = state.gradient.squaredNorm();
  if (square == 0) return halted(state, zero_gradient_reason(), 0);

  const bool armijo = options_.rule == Rule::armijo;
  double stepsize = state.stepsize;
  std::int64_t trials = 1;
  Evaluation trial = evaluate(problem, state.x - stepsize * state.gradient);
  const auto too_long = [&] {
    return !trial.finite() || trial.value > state.value - options_.decrease * stepsize * square;
  };
  while (armijo && too_long() && trial.x != state.x) {
    stepsize /= 2;
    trial = evaluate(problem, state.x - stepsize * state.gradient);
    ++trials;
  }
  if (trial.x == state.x) return halted(state, no_decrease_reason(stepsize), trials);
  if (!trial.finite()) return halted(state, non_finite_trial_reason(), trials);

  const double distance = move_to(state, std::move(trial));
  if (armijo) state.stepsize = 2 * stepsize;

  StepRecord record = record_of(state);
  record.step_norm = distance;
  record.stepsize = stepsize;
  record.evaluations = trials;
  return record;
}

StepRecord GradientDescent::describe(const Objective&, const GradientDescentState& state) const {
  return record_of(state);
}

void GradientDescent::rebuild(const Objective&, GradientDescentState& state, Context&) const {
  require_whole(state.gradient.size() == state.x.size(), name());
}

}  // namespace thalweg
