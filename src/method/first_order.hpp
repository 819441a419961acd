// What the gradient methods share: evaluation, records, halts.
#pragma once

#include "thalweg/method/first_order_state.hpp"

namespace thalweg {

/// A point with its value and gradient.
struct Evaluation {
  Vector x, gradient;
  double value = 0;

  bool finite() const;
};
Evaluation evaluate(const Objective& problem, Vector x);

/// Measures value and gradient at state.x.
void measure(const Objective& problem, FirstOrderState& state);
/// Moves the state there and returns |x+ - x|.
double move_to(FirstOrderState& state, Evaluation point);

/// The record of the state as it is: value and gradient norm, one evaluation.
StepRecord record_of(const FirstOrderState& state);
/// The record of a step that leaves x where it is and ends the run.
StepRecord halted(const FirstOrderState& state, StopReason reason, std::int64_t evaluations);
/// The halt of a method whose direction is the gradient, where that is exactly zero.
StopReason zero_gradient_reason();
/// The halt of a method that does not verify its steps, at a trial that is not finite.
StopReason non_finite_trial_reason();

/// Throws DataError unless `holds`: a restored state whose parts do not fit each other.
void require_whole(bool holds, std::string_view method);

}  // namespace thalweg
