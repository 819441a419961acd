// Gradient descent with a large constant stepsize.
//
//   J. Wu, P. Bartlett, M. Telgarsky, B. Yu: Large stepsize gradient descent for logistic loss:
//   non-monotonicity of the loss improves optimization efficiency, COLT 2024, arXiv:2402.15926.
//   The ramp of the stepsize, the watch over oscillation and the fallback are this project's own.
//
// Minimises f by
//
//     x+ = x - eta g,        g = grad f(x),
//
// with an eta so large that f may rise at first. Where f is the logistic loss of separable rows of
// norm at most 1, the oscillation ends by itself: once f <= 1/eta, f falls at every step, like
// 1/(gamma^2 eta t), so that over T steps eta ~ gamma^2 T ends at ln^2 T / T^2. The bounds, also
// for rows of any norm, are in method/large_step_theory.hpp.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g        state.gradient          (n)     objective / parameter
//   eta      options.eta                     parameter^2 / objective
//
// stages = S > 0: stage s = 0 ... S has stepsize eta 4^-(S-s); the next begins as soon as f is at
// most 1 / stepsize, or after stage-steps steps.
//
// Where the data are not separable an eta above 2 / lambda_max of the Hessian at the minimiser
// never settles: the iterates cycle or wander (Meng et al., arXiv:2406.05033). Taken for that:
//   cycle     the last 64 values repeat themselves with a period of at most 16;
//   wander    f still rises, and has not come 1 % lower for `patience` steps, nor for half the run;
//   runaway   f has doubled 16 times in a row, or is no finite number: the gradient of a logistic
//             loss is bounded, so that its value grows by at most a constant per step.
// safe-step then goes back to the best point and takes steps that are verified to decrease f:
// eta, eta/2, eta/4, ... until f(x - eta g) <= f(x) - eta |g|^2 / 4.
#pragma once

#include "thalweg/method/first_order_state.hpp"
#include "thalweg/method/large_step_watch.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Invariant: value and gradient are measured at x; watch.best is the value at `best`.
struct LargeStepState final : FirstOrderState {
  ValueWatch watch;
  StepsizeRamp ramp;
  Vector best;               ///< the point of the smallest value, (n)
  bool safe = false;         ///< verified steps are taken: the watch has found trouble
  double safe_stepsize = 0;  ///< the first trial of the next verified step; 0: go back to `best`

  // Recomputed, or overwritten by every step.
  MarginWatch margins;
  Vector trial, trial_gradient, outputs;

  void visit(StateVisitor& visitor) override;
};

class LargeStep final : public MethodFor<Objective, LargeStepState> {
 public:
  enum class Fallback { safe_step, stop, none };

  struct Options {
    double eta = 1;                  ///< > 0; a plan with a budget T fills in gamma^2 T / (120 R^2)
    std::int64_t stages = 0;         ///< S in 0 .. 30
    std::int64_t stage_steps = 100;  ///< >= 1: the most steps of a stage before the last
    Fallback fallback = Fallback::safe_step;
    /// Steps without progress, >= 0; 0: wandering is not looked for.
    std::int64_t patience = 2000;
    /// Training error and margin are measured every so many steps; 0: at every step where that is
    /// cheap (10^4 operations), else at every 20th, which costs at most 5 % of the work.
    std::int64_t watch_every = 0;

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  LargeStep() : LargeStep(Options{}) {}
  explicit LargeStep(Options options);

  std::string_view name() const override { return "large-step"; }
  const Options& options() const { return options_; }

 protected:
  void start(const Objective& problem, LargeStepState& state, Context& context) const override;
  StepRecord advance(const Objective& problem, LargeStepState& state,
                     Context& context) const override;
  StepRecord describe(const Objective& problem, const LargeStepState& state) const override;
  void rebuild(const Objective& problem, LargeStepState& state, Context& context) const override;

 private:
  StepRecord large_step(const Objective& problem, LargeStepState& state) const;
  StepRecord safe_step(const Objective& problem, LargeStepState& state) const;
  /// The record of state.x, with what is measured at this step; `outputs` is scratch.
  StepRecord measured(const Objective& problem, const LargeStepState& state, Vector& outputs) const;
  std::optional<StopReason> trouble(const ValueWatch& watch) const;
  StepsizeRamp::Plan ramp() const { return {options_.eta, options_.stages, options_.stage_steps}; }

  Options options_;
};

}  // namespace thalweg
