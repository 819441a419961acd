// Stochastic gradient descent with a constant stepsize, small or large.
//
//   H. Robbins, S. Monro: A stochastic approximation method, Ann. Math. Statist. 22 (1951). Large
//   stepsizes on the logistic loss: J. Wu, P. Bartlett, M. Telgarsky, B. Yu, COLT 2024,
//   arXiv:2402.15926, section 5; there every step takes a fresh sample.
//
// Minimises f = (1/N) sum_i f_i by
//
//     x+ = x - eta g_B,      g_B = (1/b) sum_{i in B} grad f_i(x)
//
// over batches B of b samples drawn with replacement. ONE STEP IS ONE EPOCH: ceil(N/b) updates that
// draw N samples in all, so that the last batch may be smaller. Value and gradient norm are those
// of the full f, measured once at the end of each epoch; an epoch costs two passes over the data.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   b        options.batch                   samples
//   eta      record.stepsize                 parameter^2 / objective
//
// With smoothness L and gradient noise of variance v, eta < 2 / L comes into a ball about a
// stationary point whose size grows with eta v / b. On separable data the noise ends where the loss
// does, so that any constant eta works: with probability 1 - delta the mean loss over t updates on
// fresh samples obeys ln_sgd_loss_bound of method/large_step_theory.hpp. No gain from a large eta
// is proved for it. The ramp is that of large-step, in epochs.
#pragma once

#include "thalweg/method/first_order_state.hpp"
#include "thalweg/method/large_step_watch.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Invariant: value and gradient are those of the full f at x.
struct SgdState final : FirstOrderState {
  std::int64_t stream_position = 0;  ///< of the stream "batch"
  ValueWatch watch;                  ///< over epochs
  StepsizeRamp ramp;                 ///< over epochs

  // Recomputed.
  MarginWatch margins;

  void visit(StateVisitor& visitor) override;
};

class Sgd final : public MethodFor<Objective, SgdState> {
 public:
  struct Options {
    double eta = 0.1;               ///< > 0; a plan with a budget fills it in
    std::int64_t batch = 1;         ///< b >= 1; more than N counts as N
    std::int64_t stages = 0;        ///< S in 0 .. 30
    std::int64_t stage_steps = 10;  ///< >= 1 epochs

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Sgd() : Sgd(Options{}) {}
  explicit Sgd(Options options);

  std::string_view name() const override { return "sgd"; }
  const Options& options() const { return options_; }

 protected:
  /// Throws UsageError where the problem is no FiniteSum.
  void start(const Objective& problem, SgdState& state, Context& context) const override;
  StepRecord advance(const Objective& problem, SgdState& state, Context& context) const override;
  StepRecord describe(const Objective& problem, const SgdState& state) const override;
  void rebuild(const Objective& problem, SgdState& state, Context& context) const override;

 private:
  /// The point after an epoch of updates from state.x; moves the stream on.
  Vector epoch(const Objective& problem, SgdState& state, double eta, const Context& context) const;
  StepsizeRamp::Plan ramp() const { return {options_.eta, options_.stages, options_.stage_steps}; }

  Options options_;
};

}  // namespace thalweg
