#include "thalweg/method/negative_curvature.hpp"

#include <algorithm>
#include <cmath>

#include "curvature_step.hpp"
#include "first_order.hpp"
#include "thalweg/method/saddle_theory.hpp"

namespace thalweg {
namespace {

StopReason undecided_reason(const CurvatureAnswer& answer, double threshold) {
  return {Outcome::stalled, "second-order-undecided", answer.value, -threshold,
          "the curvature bounds do not meet the tolerance within the products allowed: give a "
          "larger eps"};
}

StopReason no_gain_reason(const CurvatureAnswer& answer) {
  return {
      Outcome::stalled, "no-gain-along-curvature", answer.value, std::nullopt,
      "no step along the direction of negative curvature lowers the value: rounding is reached, "
      "or the gradient is wrong"};
}

}  // namespace

void NegativeCurvatureState::visit(StateVisitor& visitor) {
  FirstOrderState::visit(visitor);
  curvature.visit(visitor);
  visitor.field("moves", moves);
  visitor.field("check_position", check_position);
}

void NegativeCurvature::Options::visit(OptionVisitor& visitor) {
  SaddleTarget::visit(visitor, "in (0, 1): of each lower bound on the curvature", "every value");
}

void NegativeCurvature::Options::validate() const {
  OptionChecker checker("negative-curvature");
  check(checker);
  checker.throw_if_any();
}

NegativeCurvature::NegativeCurvature(Options options) : options_(options) { options_.validate(); }

void NegativeCurvature::start(const Objective& problem, NegativeCurvatureState& state,
                              Context& context) const {
  measure(problem, state);
  state.curvature_evaluations = state.curvature.start(problem, options_.given(), state.x,
                                                      state.value, state.gradient, context.seed);
}

StepRecord NegativeCurvature::advance(const Objective& problem, NegativeCurvatureState& state,
                                      Context& context) const {
  state.curvature_evaluations = 0;
  if (state.gradient.stableNorm() > options_.eps) return descend(problem, state, context);
  const std::int64_t remeasured =
      state.curvature.follow(problem, state.x, state.value, state.gradient, context.seed);
  const SaddleConstants constants =
      state.curvature.constants(state.value - 1, problem.lower_bound(), options_.eps);
  const CurvatureQuestion question{
      .threshold = curvature_tolerance(options_.eps, constants.hessian_lipschitz),
      .hessian_lipschitz = constants.hessian_lipschitz,
      .smoothness = constants.smoothness,
      .failure_probability = options_.failure_probability};
  const CurvatureAnswer answer = check_curvature(problem, state.x, state.gradient, question,
                                                 context.seed, state.check_position);
  StepRecord record;
  if (answer.kept.value_or(false))
    record = halted(state,
                    {Outcome::converged, "second-order", answer.value, -question.threshold, ""}, 0);
  else if (answer.downhill())
    record = leave(problem, state, answer, question, constants.radius);
  else
    record = halted(state, undecided_reason(answer, question.threshold), 0);
  record.evaluations += answer.evaluations + remeasured;
  record.smallest_curvature = answer.value;
  record.escapes = static_cast<double>(state.moves);
  return record;
}

StepRecord NegativeCurvature::descend(const Objective& problem, NegativeCurvatureState& state,
                                      const Context& context) const {
  std::int64_t evaluations =
      state.curvature.follow(problem, state.x, state.value, state.gradient, context.seed);
  const double norm = state.gradient.stableNorm();
  Evaluation trial;
  double stepsize = 0;
  do {
    stepsize = 1 / state.curvature.bound().hessian_norm(state.value);
    trial = evaluate(problem, state.x - stepsize * state.gradient);
    ++evaluations;
  } while (state.curvature.refuted_by(state.value, trial.value, stepsize, norm,
                                      trial.gradient.dot(state.gradient)));
  if (!trial.finite()) return halted(state, non_finite_trial_reason(), evaluations);
  const double distance = move_to(state, std::move(trial));
  StepRecord record = describe(problem, state);
  record.step_norm = distance;
  record.stepsize = stepsize;
  record.evaluations = evaluations;
  return record;
}

StepRecord NegativeCurvature::leave(const Objective& problem, NegativeCurvatureState& state,
                                    const CurvatureAnswer& answer,
                                    const CurvatureQuestion& question, double farthest) const {
  const double length =
      std::min(curvature_step(-answer.value, question.hessian_lipschitz), farthest);
  std::int64_t evaluations = 0;
  auto point =
      detail::step_along_curvature(problem, state.x, state.value, answer, length, evaluations);
  if (!point) return halted(state, no_gain_reason(answer), evaluations);
  ++state.moves;
  const double distance = move_to(state, std::move(*point));
  StepRecord record = describe(problem, state);
  record.step_norm = distance;
  record.evaluations = evaluations;
  return record;
}

StepRecord NegativeCurvature::describe(const Objective&,
                                       const NegativeCurvatureState& state) const {
  StepRecord record = record_of(state);
  record.evaluations += state.curvature_evaluations;
  record.escapes = static_cast<double>(state.moves);
  return record;
}

void NegativeCurvature::rebuild(const Objective& problem, NegativeCurvatureState& state,
                                Context&) const {
  require_whole(
      state.gradient.size() == state.x.size() && state.moves >= 0 && state.check_position >= 0,
      name());
  state.curvature.rebuild(problem, options_.given());
}

}  // namespace thalweg
