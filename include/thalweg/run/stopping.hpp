// Stopping criteria: small immutable values that look at the progress of a run and say whether to
// end it, and why.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thalweg/run/method.hpp"

namespace thalweg {

/// What the loop knows after a step; a criterion is a pure function of it, so that a resumed run
/// stops at the same step.
struct Progress {
  const StepRecord& start;               ///< record of step 0
  const StepRecord& record;              ///< record of the step just done
  const std::vector<StepRecord>& trace;  ///< all records, start first, `record` last
  double best_value;                     ///< smallest value so far
  std::int64_t best_step;                ///< its step
  std::optional<double> best_validation;
  std::int64_t best_validation_step = 0;
  std::int64_t validations_since_best = 0;  ///< evaluations since the best one
  bool stop_requested = false;              ///< the stop token was set
};

class Criterion {
 public:
  virtual ~Criterion() = default;
  /// The reason when the criterion holds now, else nothing.
  virtual std::optional<StopReason> check(const Progress& progress) const = 0;
};
using StopWhen = std::shared_ptr<const Criterion>;

/// Holds when one holds. ALL are evaluated; the reason with the worst outcome leads.
StopWhen any_of(std::vector<StopWhen> criteria);
/// Holds when all hold; the reason with the worst outcome leads.
StopWhen all_of(std::vector<StopWhen> criteria);
inline StopWhen operator|(StopWhen a, StopWhen b) { return any_of({std::move(a), std::move(b)}); }
inline StopWhen operator&(StopWhen a, StopWhen b) { return all_of({std::move(a), std::move(b)}); }

// Each says in its comment what `measured` and `threshold` are.
StopWhen target_loss(double target);      ///< converged: value <= target
StopWhen gradient_tolerance(double eps);  ///< converged: gradient norm <= eps
StopWhen zero_gradient();                 ///< converged: the gradient is exactly zero
StopWhen max_steps(std::int64_t steps);   ///< budget_exhausted: iteration >= steps
StopWhen time_limit(double seconds);      ///< budget_exhausted: seconds >= limit
StopWhen patience(
    std::int64_t evaluations);  ///< early_stopped: validations since the best >= evaluations
/// stalled: over the last `window` accepted steps the value fell by less than `relative` of itself.
StopWhen stall(std::int64_t window = 50, double relative = 1e-12);
/// diverged: value > factor * max(|start value|, tiny) and rising; failed: value or gradient norm
/// is not finite.
StopWhen divergence(double factor = 1e10);

}  // namespace thalweg
