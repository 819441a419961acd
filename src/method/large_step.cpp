#include "thalweg/method/large_step.hpp"

#include <cmath>
#include <limits>

#include "first_order.hpp"

namespace thalweg {
namespace {

// Of eta |g|^2; on a quadratic it asks for eta <= 1.5 / lambda_max.
constexpr double sufficient_decrease = 0.25;

StopReason cycle_reason(double measured, double threshold) {
  return {Outcome::stalled, "cycle", measured, threshold,
          "the values repeat themselves or wander without progress, as they do with a large "
          "stepsize on data that are not separable: take eta below 2 / lambda_max of the Hessian "
          "at the "
          "minimiser, fallback=safe-step, or the method newton"};
}

StopReason runaway_reason(double measured) {
  return {Outcome::diverged, "runaway", measured, std::nullopt,
          "the value doubled at every one of the last 16 steps: take a smaller eta, or "
          "fallback=safe-step"};
}

// No step along the gradient decreases the value: converged, where what the last accepted stepsize
// still promised is lost in the rounding of f.
StopReason stuck_reason(const FirstOrderState& state, double stepsize, bool blocked) {
  const double promised = stepsize * state.gradient.squaredNorm();
  const double rounding = 100 * std::numeric_limits<double>::epsilon() * std::abs(state.value);
  if (promised <= rounding && !blocked)
    return {Outcome::converged, "relative-reduction", promised, rounding, ""};
  return {Outcome::stalled, "line-search", promised, rounding,
          "no stepsize along the gradient decreases the value: check the gradient"};
}

// f(x - eta g) <= f - delta eta |g|^2. Where that drowns in the rounding of f the slopes decide: on
// a quadratic (g + g+)'g / 2 >= delta |g|^2 says the same (Hager & Zhang 2005, eq. 23).
bool decreases_enough(const LargeStepState& state, const Evaluation& trial, double eta) {
  if (!trial.finite()) return false;
  const double square = state.gradient.squaredNorm();
  const double rounding = 64 * std::numeric_limits<double>::epsilon() * std::abs(state.value);
  if (eta * square > rounding)
    return trial.value <= state.value - sufficient_decrease * eta * square;
  return trial.value <= state.value + rounding &&
         trial.gradient.dot(state.gradient) >= (2 * sufficient_decrease - 1) * square;
}

}  // namespace

void LargeStepState::visit(StateVisitor& visitor) {
  FirstOrderState::visit(visitor);
  watch.visit(visitor);
  ramp.visit(visitor);
  visitor.field("best", best);
  visitor.field("safe", safe);
  visitor.field("safe_stepsize", safe_stepsize);
}

void LargeStep::Options::visit(OptionVisitor& visitor) {
  visitor.option("eta", eta,
                 "the constant stepsize, above 0; a plan with a budget fills it in by its rule");
  visitor.option("stages", stages,
                 "S in 0 .. 30: a ramp eta 4^-S, ..., eta / 4, eta; 0: eta from the first step");
  visitor.option("stage-steps", stage_steps,
                 "at least 1: a stage of the ramp ends after so many steps, or once the value is "
                 "at most 1 / its stepsize");
  visitor.option("fallback", fallback, {"safe-step", "stop", "none"},
                 "when the values cycle, wander or run away: verified steps from the best point, "
                 "stop, or go on");
  visitor.option("patience", patience,
                 "at least 0: rising values that do not come 1 % lower for so many steps, and for "
                 "half the run, count as wandering; 0: they never do");
  visitor.option("watch-every", watch_every,
                 "at least 0: training error and margin are measured every so many steps; 0: so "
                 "that it costs at most 5 % (every step where that is cheap, else every 20th)");
}

void LargeStep::Options::validate() const {
  OptionChecker checker("large-step");
  checker.require(eta > 0 && std::isfinite(eta), "eta", "be above 0 and finite", eta);
  checker.require(stages >= 0 && stages <= 30, "stages", "lie in 0 .. 30",
                  static_cast<double>(stages));
  checker.require(stage_steps >= 1, "stage-steps", "be at least 1",
                  static_cast<double>(stage_steps));
  checker.require(patience >= 0, "patience", "be at least 0", static_cast<double>(patience));
  checker.require(watch_every >= 0, "watch-every", "be at least 0",
                  static_cast<double>(watch_every));
  checker.throw_if_any();
}

LargeStep::LargeStep(Options options) : options_(options) { options_.validate(); }

void LargeStep::start(const Objective& problem, LargeStepState& state, Context&) const {
  measure(problem, state);
  state.margins = MarginWatch(problem);
  state.watch.begin(state.value, options_.eta);
  state.best = state.x;
}

StepRecord LargeStep::advance(const Objective& problem, LargeStepState& state, Context&) const {
  if (state.gradient.isZero(0)) return resting(measured(problem, state, state.outputs));
  return state.safe ? safe_step(problem, state) : large_step(problem, state);
}

StepRecord LargeStep::large_step(const Objective& problem, LargeStepState& state) const {
  const double eta = state.ramp.stepsize(ramp());
  state.trial.noalias() = state.x - eta * state.gradient;
  state.trial_gradient.resize(state.x.size());
  const double value = problem.value_and_gradient(state.trial, state.trial_gradient);
  if (!std::isfinite(value) || !state.trial.allFinite() || !state.trial_gradient.allFinite()) {
    if (options_.fallback != Fallback::safe_step)
      return not_moved(measured(problem, state, state.outputs), non_finite_trial_reason());
    state.safe = true;
    StepRecord record = safe_step(problem, state);
    record.evaluations += 1;
    return record;
  }
  state.x.swap(state.trial);
  state.gradient.swap(state.trial_gradient);
  state.value = value;
  state.watch.note(value, options_.eta);
  if (state.watch.is_best()) state.best = state.x;
  state.ramp.note(value, ramp());

  StepRecord record = measured(problem, state, state.outputs);
  record.step_norm = (state.x - state.trial).norm();
  record.stepsize = eta;
  if (options_.fallback == Fallback::none) return record;
  if (auto reason = trouble(state.watch)) {
    state.safe = options_.fallback == Fallback::safe_step;
    if (!state.safe) record.halt = std::move(reason);
  }
  return record;
}

StepRecord LargeStep::safe_step(const Objective& problem, LargeStepState& state) const {
  std::int64_t evaluations = 0;
  const Vector before = state.x;
  if (state.safe_stepsize == 0) {
    state.x = state.best;
    measure(problem, state);
    state.safe_stepsize = options_.eta;
    evaluations += 1;
  }
  double eta = 2 * state.safe_stepsize;
  Evaluation trial;
  bool blocked = false;  // the shortest step that moves leads out of the domain
  do {
    eta /= 2;
    trial = evaluate(problem, state.x - eta * state.gradient);
    evaluations += 1;
    if (trial.x != state.x) blocked = !trial.finite();
  } while (trial.x != state.x && !decreases_enough(state, trial, eta));
  const bool stuck = trial.x == state.x;
  if (!stuck) {
    move_to(state, std::move(trial));
    state.safe_stepsize = std::min(2 * eta, options_.eta);
  }
  state.watch.note(state.value, options_.eta);
  if (state.watch.is_best()) state.best = state.x;

  StepRecord record = measured(problem, state, state.outputs);
  record.step_norm = (state.x - before).norm();
  record.stepsize = eta;
  record.evaluations += evaluations - 1;
  if (stuck) record.halt = stuck_reason(state, state.safe_stepsize, blocked);
  return record;
}

std::optional<StopReason> LargeStep::trouble(const ValueWatch& watch) const {
  if (watch.runs_away()) return runaway_reason(watch.last);
  // Looking at the whole window at every 16th step is free and late by 15 steps at most.
  if (watch.steps % 16 != 0) return std::nullopt;
  if (const auto period = watch.period()) return cycle_reason(static_cast<double>(*period), 16);
  if (options_.patience > 0 && watch.wanders(options_.patience))
    return cycle_reason(static_cast<double>(watch.steps - watch.milestone_step),
                        static_cast<double>(options_.patience));
  return std::nullopt;
}

StepRecord LargeStep::measured(const Objective& problem, const LargeStepState& state,
                               Vector& outputs) const {
  StepRecord record = record_of(state);
  describe_log_value(problem, state.x, record);
  state.watch.describe(record);
  if (!state.margins.active()) return record;
  const std::int64_t interval =
      options_.watch_every > 0 ? options_.watch_every : state.margins.cheap_interval();
  if (state.watch.steps % interval == 0) state.margins.measure(state.x, outputs, record);
  return record;
}

StepRecord LargeStep::describe(const Objective& problem, const LargeStepState& state) const {
  Vector outputs;
  StepRecord record = measured(problem, state, outputs);
  record.evaluations += state.margins.passes();
  return record;
}

void LargeStep::rebuild(const Objective& problem, LargeStepState& state, Context&) const {
  const Index n = state.x.size();
  require_whole(state.gradient.size() == n && state.best.size() == n && state.watch.is_whole() &&
                    state.ramp.is_whole(ramp()) && state.safe_stepsize >= 0 &&
                    state.safe_stepsize <= options_.eta,
                name());
  state.margins = MarginWatch(problem);
}

}  // namespace thalweg
