#include "thalweg/method/gradient_descent.hpp"

#include <algorithm>
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
  visitor.option("rule", rule,
                 {"auto", "armijo", "constant", "self-bounding", "self-bounding-start"},
                 "how the stepsize is chosen: by backtracking, constant, by the curvature bound at "
                 "every value or at the start's; auto: constant where a stepsize is given, else "
                 "armijo");
  visitor.option("stepsize", stepsize,
                 "eta; 0: 1; with armijo the first trial of the first step; constant: below 2 / "
                 "sharpness; not for self-bounding");
  visitor.option(
      "decrease", decrease,
      "delta in (0, 1): the share of the predicted decrease that armijo demands (Nocedal "
      "& Wright, section 3.1)");
}

void GradientDescent::Options::validate() const {
  OptionChecker checker("gd");
  checker.require(stepsize >= 0 && std::isfinite(stepsize), "stepsize", "be at least 0 and finite",
                  stepsize);
  const bool bounded = rule == Rule::self_bounding || rule == Rule::self_bounding_start;
  checker.require(!bounded || stepsize == 0, "stepsize",
                  "be left out where the rule takes it from the curvature bound", stepsize);
  checker.require(decrease > 0 && decrease < 1, "decrease", "lie in (0, 1)", decrease);
  checker.throw_if_any();
}

GradientDescent::GradientDescent(Options options) : options_(options) {
  options_.validate();
  if (options_.rule == Rule::automatic)
    options_.rule = options_.stepsize > 0 ? Rule::constant : Rule::armijo;
}

void GradientDescent::start(const Objective& problem, GradientDescentState& state,
                            Context& context) const {
  measure(problem, state);
  state.stepsize = options_.stepsize > 0 ? options_.stepsize : 1;
  if (!self_bounding()) return;
  state.curvature_evaluations =
      state.curvature.start(problem, {}, state.x, state.value, state.gradient, context.seed);
  state.stepsize = 1 / state.curvature.bound().hessian_norm(state.value);
}

// A refuted bound is refitted and the step taken again, so that f falls; a bound that the problem
// states is not refuted.
StepRecord GradientDescent::step_by_bound(const Objective& problem, GradientDescentState& state,
                                          const Context& context) const {
  std::int64_t evaluations =
      state.curvature.follow(problem, state.x, state.value, state.gradient, context.seed);
  const double norm = state.gradient.stableNorm();
  const auto bounded = [&] { return 1 / state.curvature.bound().hessian_norm(state.value); };
  if (options_.rule == Rule::self_bounding) state.stepsize = bounded();
  const auto trial_point = [&] {
    ++evaluations;
    return evaluate(problem, state.x - state.stepsize * state.gradient);
  };
  Evaluation trial = trial_point();
  while (state.curvature.refuted_by(state.value, trial.value, state.stepsize, norm,
                                    trial.gradient.dot(state.gradient))) {
    state.stepsize = std::min(state.stepsize, bounded());
    trial = trial_point();
  }
  if (!trial.finite()) return halted(state, non_finite_trial_reason(), evaluations);
  const double distance = move_to(state, std::move(trial));
  StepRecord record = record_of(state);
  record.step_norm = distance;
  record.stepsize = state.stepsize;
  record.evaluations = evaluations;
  return record;
}

StepRecord GradientDescent::advance(const Objective& problem, GradientDescentState& state,
                                    Context& context) const {
  const double square = state.gradient.squaredNorm();
  state.curvature_evaluations = 0;
  if (state.gradient.isZero(0)) return halted(state, zero_gradient_reason(), 0);
  if (self_bounding()) return step_by_bound(problem, state, context);

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
  if (armijo && trial.x == state.x) return halted(state, no_decrease_reason(stepsize), trials);
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
  StepRecord record = record_of(state);
  record.evaluations += state.curvature_evaluations;
  return record;
}

void GradientDescent::rebuild(const Objective& problem, GradientDescentState& state,
                              Context&) const {
  require_whole(state.gradient.size() == state.x.size(), name());
  if (self_bounding()) state.curvature.rebuild(problem, {});
}

}  // namespace thalweg
