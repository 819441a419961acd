// Stochastic gradient descent, with a stepsize that is small, large, or scheduled.
//
//   H. Robbins, S. Monro: A stochastic approximation method, Ann. Math. Statist. 22 (1951). Large
//   stepsizes on the logistic loss: J. Wu, P. Bartlett, M. Telgarsky, B. Yu, COLT 2024,
//   arXiv:2402.15926, section 5; there every step takes a fresh sample.
//
// Minimises f = (1/N) sum_i f_i by
//
//     x+ = x - eta c_t g_B,      g_B = (1/B) sum_{i in B} grad f_i(x)
//
// over batches B, drawn without replacement within a batch; c_t is the schedule. One step is one
// update; method/sampled.hpp says when value and gradient norm are measured.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   B        options.sampling.batch          samples
//   eta c_t  record.stepsize                 parameter^2 / objective
//
// With smoothness L and gradient noise of variance v, eta < 2 / L comes into a ball about a
// stationary point whose size grows with eta v / B. On separable data the noise ends where the loss
// does, so that any constant eta works: with probability 1 - delta the mean loss over t updates on
// fresh samples obeys ln_sgd_loss_bound of method/large_step_theory.hpp. No gain from a large eta
// is proved for it. The ramp is that of large-step, in measurements.
#pragma once

#include "thalweg/method/sampled.hpp"
#include "thalweg/method/schedule.hpp"

namespace thalweg {

struct SgdState final : SampledState {
  ValueWatch watch;   ///< over measurements
  StepsizeRamp ramp;  ///< over measurements

  void visit(StateVisitor& visitor) override;
};

class Sgd final : public SampledMethod<SgdState> {
 public:
  struct Options {
    double eta = 0.1;                      ///< > 0; a plan with a budget fills it in
    SamplingOptions sampling{.batch = 1};  ///< B
    Schedule schedule{};                   ///< c_t
    std::int64_t stages = 0;               ///< S in 0 .. 30
    std::int64_t stage_measurements = 10;  ///< >= 1

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Sgd() : Sgd(Options{}) {}
  explicit Sgd(Options options);

  std::string_view name() const override { return "sgd"; }
  const Options& options() const { return options_; }

 protected:
  Update update(const Objective& problem, SgdState& state, const Context& context) const override;
  void begin(const Objective& problem, SgdState& state) const override;
  void measured(SgdState& state) const override;
  void annotate(const SgdState& state, StepRecord& record) const override;
  bool is_whole(const SgdState& state) const override;

 private:
  StepsizeRamp::Plan ramp() const {
    return {options_.eta, options_.stages, options_.stage_measurements};
  }

  Options options_;
};

}  // namespace thalweg
