// Gradient descent whose stepsize grows as the loss falls, for linear models on separable data.
//
//   R. Zhang, J. Wu, L. Lin, P. Bartlett: Minimax optimal convergence of gradient descent in
//   logistic regression via large and adaptive stepsizes, ICML 2025, arXiv:2504.04105. The form
//   here is gradient descent on ln of the exponential loss, for which the bound has a short proof
//   (method/large_step_theory.hpp); a step of eta / (1 - e^-L) on the logistic loss does not obey
//   it.
//
// With margins m_j(w), one per sample for two classes and Q - 1 per sample for Q, N samples,
//
//     phi(w) = ln (1/N) sum_j e^{-m_j(w)}
//     w_{t+1} = w_t - eta grad phi(w_t) = w_t + eta sum_j p_j grad m_j,     p = softmax(-m(w_t))
//     a_t = (w_0 + ... + w_{t-1}) / t
//
//   symbol   here                    shape   unit
//   w        state.last              (n)     parameters
//   a        state.average           (n)     parameters
//   J w      state.last_outputs      (m)     outputs
//   J a      state.average_outputs   (m)     outputs
//   eta      record.stepsize                 parameter^2
//
// From w_0 = 0 and for every eta > 0, with R the largest row norm and gamma the margin of z / R,
//
//     phi(a_t) <= -(eta R^2 / 2)(gamma^2 t - 1)        (two classes; see the theory for more)
//
// and the logistic loss is at most e^phi. So after 1/gamma^2 steps, which no first-order method can
// avoid, the loss is exponentially small in eta t. state.x is the better of a_t and w_t by ln of
// the objective: the last iterate is often far better, but nothing is promised of it. From any
// other start the method works and the bound is not promised. The gradient norm of the objective at
// x is measured at every step where that is cheap (10^4 operations), else at every 20th.
#pragma once

#include "thalweg/method/large_step_watch.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Invariant: outputs belong to their points up to rounding; value and log_value are measured at x,
/// which is `average` or `last`.
struct LargeStepAdaptiveState final : State {
  std::int64_t steps = 0;  ///< t
  Vector last, last_outputs;
  Vector average, average_outputs;  ///< at t = 0 those of `last`
  bool from_zero = true;            ///< w_0 = 0, which the bound needs

  // Recomputed, or overwritten by every step.
  std::shared_ptr<const Linearization> rows;  ///< J, the same at every point
  MarginWatch margins;
  double average_log_value = 0, last_log_value = 0;  ///< ln of the objective
  bool at_average = false;                           ///< x is the average
  Vector output_gradient, gradient;

  void visit(StateVisitor& visitor) override;
};

class LargeStepAdaptive final : public MethodFor<CompositeObjective, LargeStepAdaptiveState> {
 public:
  struct Options {
    double eta = 0;       ///< >= 0; 0: 100 / R^2
    double margin = 0;    ///< a lower bound of gamma, in [0, 1]; 0: unknown, no bound is recorded
    double row_norm = 0;  ///< R >= 0; 0: measured

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  LargeStepAdaptive() : LargeStepAdaptive(Options{}) {}
  explicit LargeStepAdaptive(Options options);

  std::string_view name() const override { return "large-step-adaptive"; }
  const Options& options() const { return options_; }

 protected:
  /// Throws UsageError unless the model is linear, the loss is one of margins, and no penalty is
  /// added.
  void start(const CompositeObjective& problem, LargeStepAdaptiveState& state,
             Context& context) const override;
  StepRecord advance(const CompositeObjective& problem, LargeStepAdaptiveState& state,
                     Context& context) const override;
  StepRecord describe(const CompositeObjective& problem,
                      const LargeStepAdaptiveState& state) const override;
  void rebuild(const CompositeObjective& problem, LargeStepAdaptiveState& state,
               Context& context) const override;

 private:
  void prepare(const CompositeObjective& problem, LargeStepAdaptiveState& state) const;
  StepRecord record_of(const CompositeObjective& problem,
                       const LargeStepAdaptiveState& state) const;
  StepRecord stay(const CompositeObjective& problem, const LargeStepAdaptiveState& state) const;
  StepRecord no_direction(const CompositeObjective& problem,
                          const LargeStepAdaptiveState& state) const;
  double row_norm(const LargeStepAdaptiveState& state) const;
  double stepsize(const LargeStepAdaptiveState& state) const;

  Options options_;
};

}  // namespace thalweg
