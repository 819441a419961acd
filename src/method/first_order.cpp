#include "first_order.hpp"

#include <cmath>

namespace thalweg {

bool Evaluation::finite() const {
  return std::isfinite(value) && x.allFinite() && gradient.allFinite();
}

Evaluation evaluate(const Objective& problem, Vector x) {
  Evaluation point;
  point.x = std::move(x);
  point.gradient.resize(point.x.size());
  point.value = problem.value_and_gradient(point.x, point.gradient);
  return point;
}

void measure(const Objective& problem, FirstOrderState& state) {
  state.gradient.resize(state.x.size());
  state.value = problem.value_and_gradient(state.x, state.gradient);
}

double move_to(FirstOrderState& state, Evaluation point) {
  const double distance = (point.x - state.x).norm();
  state.x = std::move(point.x);
  state.gradient = std::move(point.gradient);
  state.value = point.value;
  return distance;
}

StepRecord record_of(const FirstOrderState& state) {
  StepRecord record;
  record.value = state.value;
  record.gradient_norm = state.gradient.stableNorm();
  record.evaluations = 1;
  return record;
}

StepRecord halted(const FirstOrderState& state, StopReason reason, std::int64_t evaluations) {
  StepRecord record = record_of(state);
  record.accepted = false;
  record.step_norm = 0;
  record.evaluations = evaluations;
  record.halt = std::move(reason);
  return record;
}

StopReason zero_gradient_reason() { return {Outcome::converged, "zero-gradient", 0, 0, ""}; }

StopReason non_finite_trial_reason() {
  return {Outcome::diverged, "non-finite-trial", std::nullopt, std::nullopt,
          "the step led to a value that is not a finite number and was not kept; use a smaller "
          "stepsize or a method that verifies its steps"};
}

void require_whole(bool holds, std::string_view method) {
  if (!holds)
    throw DataError("the parts of the saved state do not fit each other", std::string(method),
                    "start the run anew");
}

}  // namespace thalweg
