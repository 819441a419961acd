// Normalized SGD with momentum (NSGD-M).
//
//   A. Cutkosky, H. Mehta: Momentum improves normalized SGD, ICML 2020. The schedule that needs no
//   constant of the problem: F. Hubler, J. Yang, X. Li, N. He: Parameter-agnostic optimization
//   under relaxed smoothness, AISTATS 2024.
//
// Minimises f = (1/N) sum_i f_i by
//
//     m+ = b m + (1 - b) g,        x+ = x - eta m+ / |m+|^beta
//
// with g the gradient of a batch. momentum = 0: the parameter-free schedule of update t = 1, 2, ...
//
//     b_t = 1 - t^(-1/2),     eta_t = gamma t^(-3/4);
//
// else b is constant and eta = gamma c_t with the schedule c_t.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   m        state.momentum          (n)     objective / parameter
//   gamma    options.stepsize                parameter (beta = 1)
//
// With the parameter-free schedule and beta = 1 the mean gradient norm over T steps falls like
// T^(-1/4) up to logarithms for (L0, L1)-smooth f with noise of bounded variance, whatever gamma;
// the constant grows like e^(L1 gamma).
#pragma once

#include "thalweg/method/normalization.hpp"
#include "thalweg/method/sampled.hpp"
#include "thalweg/method/schedule.hpp"

namespace thalweg {

struct NsgdMomentumState final : SampledState {
  Vector momentum;  ///< m, (n)

  void visit(StateVisitor& visitor) override {
    SampledState::visit(visitor);
    visitor.field("momentum", momentum);
  }
};

class NsgdMomentum final : public SampledMethod<NsgdMomentumState> {
 public:
  struct Options {
    double stepsize = 1;  ///< gamma > 0
    double momentum = 0;  ///< b in [0, 1); 0: the parameter-free schedule
    double exponent = 1;  ///< beta in [0, 1]
    SamplingOptions sampling{.batch = 64};
    Schedule schedule{};     ///< of a constant momentum
    bool per_group = false;  ///< norms of each group of parameters apart

    Normalization normalization() const { return {.exponent = exponent}; }
    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  NsgdMomentum() : NsgdMomentum(Options{}) {}
  explicit NsgdMomentum(Options options);

  std::string_view name() const override { return "nsgd-momentum"; }
  const Options& options() const { return options_; }

 protected:
  void begin(const Objective& problem, NsgdMomentumState& state) const override;
  Update update(const Objective& problem, NsgdMomentumState& state,
                const Context& context) const override;
  bool is_whole(const NsgdMomentumState& state) const override;

 private:
  Options options_;
};

}  // namespace thalweg
