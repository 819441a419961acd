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
  const StepRecord& start;   ///< record of step 0
  const StepRecord& record;  ///< record of the step just done
  /// Start first, `record` last; of very long runs the steps between the first and the last
  /// thousand are thinned.
  const std::vector<StepRecord>& trace;
  double best_value;       ///< smallest finite value so far (that of the start else)
  std::int64_t best_step;  ///< its step; of equal values the latest
  std::optional<double> best_validation;
  std::int64_t best_validation_step = 0;
  std::int64_t validations_since_best = 0;  ///< evaluations since the best one
  bool stop_requested = false;              ///< the stop token was set
  /// x, (n), for observers that keep it; null where a trace is looked at without a run. Criteria
  /// must not read it: evaluating anything there is not theirs to do.
  const Vector* point = nullptr;
};

/// Below this value the squares of gradients underflow, and soon the gradients: ln of it is
/// measured instead.
inline constexpr double smallest_precise_value = 1e-150;
/// Whether the value of a record has fallen so far that only its log_value tells what it is.
bool underflows(const StepRecord& record);

class Criterion {
 public:
  virtual ~Criterion() = default;
  /// The reason when the criterion holds now, else nothing.
  virtual std::optional<StopReason> check(const Progress& progress) const = 0;
  /// Every reason that holds now, a combination's parts included, in the order they were given.
  virtual std::vector<StopReason> check_all(const Progress& progress) const;
  /// The step at which it holds at the latest, whatever happens; absent: there is none.
  virtual std::optional<std::int64_t> last_step() const { return std::nullopt; }
  /// Sample evaluations beyond which a step does not count; absent: there is no such number. A
  /// point that took more is neither returned nor converged, the start aside.
  virtual std::optional<std::int64_t> most_samples() const { return std::nullopt; }
};
using StopWhen = std::shared_ptr<const Criterion>;

/// Holds when one holds. ALL are evaluated; the reason with the worst outcome leads.
StopWhen any_of(std::vector<StopWhen> criteria);
/// Holds when all hold; the reason with the worst outcome leads.
StopWhen all_of(std::vector<StopWhen> criteria);
inline StopWhen operator|(StopWhen a, StopWhen b) { return any_of({std::move(a), std::move(b)}); }
inline StopWhen operator&(StopWhen a, StopWhen b) { return all_of({std::move(a), std::move(b)}); }

/// Holds when the criterion does, at the start aside: for methods that move on from there.
StopWhen after_start(StopWhen criterion);

// Each says in its comment what is compared: `measured` on the left, `threshold` on the right.
StopWhen target_loss(double target);      ///< converged: value <= target
StopWhen gradient_tolerance(double eps);  ///< converged: gradient norm <= eps
StopWhen zero_gradient();  ///< converged: gradient norm <= 0, unless value and gradient underflow
StopWhen max_steps(std::int64_t steps);  ///< budget_exhausted: iteration >= steps
/// budget_exhausted: samples >= limit. The step that goes beyond does not count; see most_samples.
StopWhen sample_limit(std::int64_t samples);
StopWhen time_limit(double seconds);  ///< budget_exhausted: seconds >= limit
/// early_stopped: validation evaluations since the best one >= evaluations
StopWhen patience(std::int64_t evaluations);
/// stalled: (largest - smallest value) / |largest| <= relative, over the last `window` accepted
/// steps and the one before them, window <= 1000. A value that rises or swings is no stall.
StopWhen stall(std::int64_t window = 50, double relative = 1e-12);
/// diverged: value > factor * max(|start value|, 2^-52), and above the value of the step before.
StopWhen divergence(double factor = 1e10);
/// failed: value or gradient norm is not a finite number. The run loop always watches for it.
StopWhen non_finite();
/// interrupted: the stop token was set. The run loop always watches for it.
StopWhen interruption();

}  // namespace thalweg
