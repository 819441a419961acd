// Adaptively normalized gradient descent (AN-GD); on batches, normalized SGD.
//
//   Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou: Adaptive gradient normalization and independent
//   sampling for (stochastic) generalized-smooth optimization, TMLR 2025, arXiv:2410.14054,
//   algorithm 1. The step 1 / (L0 + L1 |g|^alpha): see E. Gorbunov et al. and the survey in
//   O. Gaash, K. Y. Levy, Y. Carmon: Convergence of clipped SGD on convex (L0, L1)-smooth
//   functions; its backtracking on both constants is ours.
//
// Minimises f whose curvature grows with the gradient, |H(x)| <= L0 + L1 |g(x)|^alpha, by
//
//     x+ = x - gamma c_t g / |g|^beta,                 beta in [alpha, 1]             (gamma > 0)
//     x+ = x - g / (L0 + L1 |g|^alpha)                                                (gamma = 0)
//
// with g the gradient of the full f or of a batch, and c_t the schedule. With gamma = 0 on the full
// f, L0 and L1 are both doubled until
//
//     f(x+) <= f(x) - (3 - e) |g|^2 / (L0 + L1 |g|^alpha),
//
// which the true constants satisfy (|H| <= L0 + L1 |g|^alpha along the step gives
// f(x+) - f(x) + t |g|^2 <= (e - 2) t |g|^2), and shrink by 2^(1/4) after a first trial that does.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g        state.batch_gradient    (n)     objective / parameter
//   gamma    options.stepsize                parameter^(2-beta) objective^(beta-1)
//   beta     options.exponent                1
//   L0, L1   state.L0, state.L1              objective / parameter^2, and over |g|^alpha
//
// Where |g|^rho >= 2 mu (f - f*): beta < 2 - rho is sublinear, beta = 2 - rho linear, beta > 2 -
// rho reaches in finite time a floor that gamma sets; see method/normalized_theory.hpp. Normalizing
// a batch's gradient by its own norm is biased: its mean is not along the full gradient.
#pragma once

#include "thalweg/method/normalization.hpp"
#include "thalweg/method/sampled.hpp"
#include "thalweg/method/schedule.hpp"

namespace thalweg {

struct NormalizedState final : SampledState {
  double L0 = 0, L1 = 0;  ///< gamma = 0: the constants of the next step

  void visit(StateVisitor& visitor) override;
};

class Normalized final : public SampledMethod<NormalizedState> {
 public:
  struct Options {
    double stepsize = 0;          ///< gamma >= 0; 0: the step from L0 and L1
    double exponent = 2.0 / 3.0;  ///< beta in [0, 1]; default of the paper's experiments
    double L0 = 0, L1 = 0;        ///< >= 0; both 0: measured by one difference of gradients
    double alpha = 1;             ///< in [0, 1]
    SamplingOptions sampling{};   ///< B
    Schedule schedule{};          ///< c_t, of gamma
    bool per_group = false;       ///< norms of each group of parameters apart, of gamma

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Normalized() : Normalized(Options{}) {}
  explicit Normalized(Options options);

  std::string_view name() const override { return "normalized"; }
  const Options& options() const { return options_; }

 protected:
  void begin(const Objective& problem, NormalizedState& state) const override;
  Update update(const Objective& problem, NormalizedState& state,
                const Context& context) const override;
  bool is_whole(const NormalizedState& state) const override;

 private:
  Update backtrack(const Objective& problem, NormalizedState& state) const;

  Options options_;
};

}  // namespace thalweg
