#include "thalweg/method/large_step_adaptive.hpp"

#include <cmath>
#include <limits>

#include "first_order.hpp"
#include "thalweg/method/large_step_theory.hpp"

namespace thalweg {
namespace {

constexpr double automatic_stepsize = 100;  // times 1 / R^2

const MarginLoss& margin_loss(const CompositeObjective& problem, std::string_view method) {
  const auto* loss = dynamic_cast<const MarginLoss*>(&problem.loss());
  if (!loss || !problem.model().linear())
    throw UsageError(std::string(method) + " needs a linear model and a loss of class labels",
                     "choose large-step, or model linear for a classification");
  if (problem.ridge() != 0)
    throw UsageError(std::string(method) + " minimises the loss alone, without a ridge penalty",
                     "choose large-step or newton, or leave the penalty out");
  return *loss;
}

std::optional<double> if_finite(double number) {
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

// Takes for x the better of the average and the last iterate, by ln of the objective.
void choose_point(const MarginLoss& loss, LargeStepAdaptiveState& state) {
  state.average_log_value = loss.log_value(state.average_outputs);
  state.last_log_value = loss.log_value(state.last_outputs);
  state.at_average = state.average_log_value <= state.last_log_value;
  state.x = state.at_average ? state.average : state.last;
  state.value = loss.value(state.at_average ? state.average_outputs : state.last_outputs);
}

// |grad f| at x, from the outputs there; one product with J'.
double gradient_norm_at_x(const MarginLoss& loss, const LargeStepAdaptiveState& state) {
  const Vector& outputs = state.at_average ? state.average_outputs : state.last_outputs;
  Vector output_gradient(outputs.size()), gradient(state.x.size());
  loss.gradient(outputs, output_gradient);
  state.rows->apply_adjoint(output_gradient, gradient);
  return gradient.stableNorm();
}

StopReason no_direction_reason() {
  return {Outcome::stalled, "zero-direction", std::nullopt, std::nullopt,
          "the softmax-weighted margins cancel: the data are not separable; use newton or lbfgs"};
}

}  // namespace

void LargeStepAdaptiveState::visit(StateVisitor& visitor) {
  State::visit(visitor);
  visitor.field("steps", steps);
  visitor.field("last", last);
  visitor.field("last_outputs", last_outputs);
  visitor.field("average", average);
  visitor.field("average_outputs", average_outputs);
  visitor.field("from_zero", from_zero);
}

void LargeStepAdaptive::Options::visit(OptionVisitor& visitor) {
  visitor.option("eta", eta, "the stepsize on ln of the loss, at least 0; 0: 100 / R^2");
  visitor.option("margin", margin,
                 "a lower bound of gamma, in [0, 1], for the bound beside the value; a plan fills "
                 "in what preflight found; 0: unknown, no bound is recorded");
  visitor.option("row-norm", row_norm, "R, the largest row norm, at least 0; 0: measured");
}

void LargeStepAdaptive::Options::validate() const {
  OptionChecker checker("large-step-adaptive");
  checker.require(eta >= 0 && std::isfinite(eta), "eta", "be at least 0 and finite", eta);
  checker.require(margin >= 0 && margin <= 1, "margin", "lie in [0, 1]", margin);
  checker.require(row_norm >= 0 && std::isfinite(row_norm), "row-norm", "be at least 0 and finite",
                  row_norm);
  checker.throw_if_any();
}

LargeStepAdaptive::LargeStepAdaptive(Options options) : options_(options) { options_.validate(); }

double LargeStepAdaptive::row_norm(const LargeStepAdaptiveState& state) const {
  return options_.row_norm > 0 ? options_.row_norm : state.margins.row_norm();
}

double LargeStepAdaptive::stepsize(const LargeStepAdaptiveState& state) const {
  if (options_.eta > 0) return options_.eta;
  const double norm = row_norm(state);
  return norm > 0 ? automatic_stepsize / (norm * norm) : 1;
}

void LargeStepAdaptive::prepare(const CompositeObjective& problem,
                                LargeStepAdaptiveState& state) const {
  margin_loss(problem, name());
  state.rows = problem.model().linearize(state.x);
  state.margins = MarginWatch(problem);
  state.output_gradient.resize(problem.output_count());
  state.gradient.resize(problem.dimension());
}

void LargeStepAdaptive::start(const CompositeObjective& problem, LargeStepAdaptiveState& state,
                              Context&) const {
  prepare(problem, state);
  state.from_zero = state.x.isZero(0);
  state.last = state.average = state.x;
  state.last_outputs = state.average_outputs = state.rows->outputs();
  choose_point(margin_loss(problem, name()), state);
}

void LargeStepAdaptive::rebuild(const CompositeObjective& problem, LargeStepAdaptiveState& state,
                                Context&) const {
  const Index n = problem.dimension(), m = problem.output_count();
  require_whole(state.x.size() == n && state.last.size() == n && state.average.size() == n &&
                    state.last_outputs.size() == m && state.average_outputs.size() == m &&
                    state.steps >= 0 && state.steps < std::numeric_limits<std::int64_t>::max(),
                name());
  prepare(problem, state);
  choose_point(margin_loss(problem, name()), state);
}

StepRecord LargeStepAdaptive::advance(const CompositeObjective& problem,
                                      LargeStepAdaptiveState& state, Context&) const {
  const MarginLoss& loss = margin_loss(problem, name());
  loss.log_exponential(state.last_outputs, state.output_gradient);
  state.rows->apply_adjoint(state.output_gradient, state.gradient);
  const double eta = stepsize(state);
  if (state.gradient.isZero(0)) return no_direction(problem, state);

  Vector next = state.last - eta * state.gradient, next_outputs(problem.output_count());
  problem.model().outputs(next, next_outputs);
  if (!next.allFinite() || !next_outputs.allFinite()) {
    StepRecord record = stay(problem, state);
    record.halt = non_finite_trial_reason();
    return record;
  }
  const Vector before = state.x;
  state.steps += 1;
  const double share = 1 / static_cast<double>(state.steps);
  state.average += share * (state.last - state.average);
  state.average_outputs += share * (state.last_outputs - state.average_outputs);
  state.last.swap(next);
  state.last_outputs.swap(next_outputs);
  choose_point(loss, state);

  StepRecord record = record_of(problem, state);
  record.step_norm = (state.x - before).norm();
  record.stepsize = eta;
  record.evaluations = 1;
  // For the tolerance of a goal; the method itself does not need it.
  if (state.steps % state.margins.cheap_interval() == 0)
    record.gradient_norm = gradient_norm_at_x(loss, state);
  return record;
}

StepRecord LargeStepAdaptive::stay(const CompositeObjective& problem,
                                   const LargeStepAdaptiveState& state) const {
  StepRecord record = record_of(problem, state);
  record.accepted = false;
  record.step_norm = 0;
  record.evaluations = 1;
  return record;
}

// Of separable data the direction cannot vanish.
StepRecord LargeStepAdaptive::no_direction(const CompositeObjective& problem,
                                           const LargeStepAdaptiveState& state) const {
  StepRecord record = stay(problem, state);
  Vector gradient(problem.dimension());
  problem.value_and_gradient(state.x, gradient);
  record.halt = gradient.isZero(0) ? zero_gradient_reason() : no_direction_reason();
  return record;
}

StepRecord LargeStepAdaptive::record_of(const CompositeObjective& problem,
                                        const LargeStepAdaptiveState& state) const {
  const MarginLoss& loss = margin_loss(problem, name());
  StepRecord record;
  record.value = state.value;
  record.log_value = if_finite(state.at_average ? state.average_log_value : state.last_log_value);
  record.average_log_value = if_finite(state.average_log_value);
  record.last_log_value = if_finite(state.last_log_value);
  state.margins.describe(state.x, state.at_average ? state.average_outputs : state.last_outputs,
                         record);
  if (options_.margin > 0 && state.from_zero && state.steps > 0 && loss.below_exponential()) {
    const SeparableRows rows{options_.margin, row_norm(state), problem.sample_count()};
    record.bound_log_value = if_finite(ln_adaptive_loss_bound(rows, loss.classes(), stepsize(state),
                                                              static_cast<double>(state.steps)));
  }
  return record;
}

StepRecord LargeStepAdaptive::describe(const CompositeObjective& problem,
                                       const LargeStepAdaptiveState& state) const {
  StepRecord record = record_of(problem, state);
  record.gradient_norm = gradient_norm_at_x(margin_loss(problem, name()), state);
  record.evaluations = 1 + state.margins.passes();
  return record;
}

}  // namespace thalweg
