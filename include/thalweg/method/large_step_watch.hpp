// What a method with large steps watches: how its values move, and the margins behind them.
#pragma once

#include <optional>

#include "thalweg/problem/margin_loss.hpp"
#include "thalweg/run/method.hpp"

namespace thalweg {

/// The values of the steps so far. A rise is one beyond rounding: by more than 1e-13 of the value.
struct ValueWatch {
  static constexpr Index window = 64;

  std::int64_t steps = 0;
  std::int64_t transition_step = -1;    ///< first step with f <= 1/eta; -1: not yet
  std::int64_t last_increase_step = 0;  ///< last step whose value rose; 0: none
  std::int64_t doublings = 0;           ///< steps in a row, up to now, that doubled the value
  double last = 0, best = 0;            ///< the value of this step, and the smallest one
  std::int64_t best_step = 0;           ///< the first step of the smallest value
  /// The last value that was 1 % below the milestone before it, and its step: progress that counts.
  /// In a chaotic oscillation the best value creeps on for ever.
  double milestone = 0;
  std::int64_t milestone_step = 0;
  Vector recent;  ///< the last `window` values, that of step k at k mod window

  void begin(double value, double eta);  ///< step 0
  void note(double value, double eta);   ///< the next step

  bool is_best() const { return best_step == steps; }
  /// The period, 2 ... 16, with which the last `window` values repeat themselves to 1e-9 of their
  /// range, when none of them is a milestone and they differ by more than 1e-6 of the largest.
  std::optional<Index> period() const;
  /// The milestone is `patience` >= 1 steps old and as old as half the run, and f still rises.
  bool wanders(std::int64_t patience) const;
  /// The value has doubled at each of the last 16 steps.
  bool runs_away() const { return doublings >= 16; }

  /// Writes transition_step (where reached) and last_increase_step.
  void describe(StepRecord& record) const;
  void visit(StateVisitor& visitor);
  /// Whether its parts fit each other, after they were read from a file.
  bool is_whole() const;
};

/// A ramp of the stepsize over stages s = 0 ... S: eta 4^-(S-s). A stage ends once f is at most
/// 1 / its stepsize, or after a number of steps; the last one does not end.
struct StepsizeRamp {
  struct Plan {
    double eta = 1;
    std::int64_t stages = 0;  ///< S
    std::int64_t stage_steps = 1;
  };

  std::int64_t stage = 0, steps = 0;  ///< the stage, and the steps done in it

  double stepsize(const Plan& plan) const;
  void note(double value, const Plan& plan);  ///< after a step with stepsize(plan)
  void visit(StateVisitor& visitor);
  bool is_whole(const Plan& plan) const;  ///< as ValueWatch::is_whole
};

/// Training error and margin of a composite objective whose loss is a MarginLoss; of any other
/// problem nothing. The margin is the smallest one at x over |x| R, with R the largest row norm, of
/// linear models only.
class MarginWatch {
 public:
  MarginWatch() = default;
  /// Measures R where the model is linear: one pass. The problem must outlive the watch.
  explicit MarginWatch(const Objective& problem);

  bool active() const { return loss_ != nullptr; }
  /// Passes over the data that the constructor took.
  std::int64_t passes() const { return row_norm_ > 0 ? 1 : 0; }
  /// Steps from one measurement to the next that keep its cost at most 5 % of a gradient's: 1 where
  /// a forward pass takes no more than 10^4 operations, else 20.
  std::int64_t cheap_interval() const;
  double row_norm() const { return row_norm_; }  ///< R; 0 where the model is not linear

  /// Measures at x, one pass; `outputs` is overwritten, (m).
  void measure(const ConstVectorRef& x, Vector& outputs, StepRecord& record) const;
  /// The same where the outputs y at x are known.
  void describe(const ConstVectorRef& x, const ConstVectorRef& y, StepRecord& record) const;

 private:
  const OutputModel* model_ = nullptr;
  const MarginLoss* loss_ = nullptr;
  double row_norm_ = 0;
};

/// The record of a step that was not kept, made from what was measured at x: it halts for `reason`.
StepRecord not_moved(StepRecord measured, StopReason reason);
/// The record of a step from a point whose gradient is exactly zero, made from what was measured
/// there: x stays. It halts as converged, unless value and gradient have only underflowed.
StepRecord resting(StepRecord measured);

/// ln f of a record's point: of the value itself, or of the problem (one pass, counted) where the
/// value is below 1e-290. Absent where f <= 0.
void describe_log_value(const Objective& problem, const ConstVectorRef& x, StepRecord& record);

}  // namespace thalweg
