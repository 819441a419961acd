// Independently and adaptively normalized SGD (IAN-SGD).
//
//   Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou: Adaptive gradient normalization and independent
//   sampling for (stochastic) generalized-smooth optimization, TMLR 2025, arXiv:2410.14054,
//   algorithm 2, in the form of the authors' program (there A = 2; its thresholds are squared
//   before they are compared with a norm: 45 there is C = 2025 here).
//
// Minimises f = (1/N) sum_i f_i by
//
//     x+ = x - gamma c_t g / h,        h = max(A |g'| + delta, C)^beta
//
// with g the gradient of a batch B, g' that of a batch B' drawn independently from another random
// stream, both without replacement within the batch (they may overlap), and c_t the schedule. An
// update evaluates B + B' samples.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g        state.batch_gradient    (n)     objective / parameter
//   g'       state.norm_gradient     (n)     objective / parameter
//   gamma    options.stepsize                parameter^(2-beta) objective^(beta-1)
//   A, delta, C, beta: Normalization
//
// Given x and g', E[g / h] = grad f / h: the normalization has no bias, whatever the batch. With
// |H| <= L0 + L1 |grad f| and noise E|g - grad f|^2 <= (tau1^2 |grad f|^2 + tau2^2) / B a step with
// gamma / h small against 1 / (L0 + L1 |g|) decreases f in expectation; the paper proves O(eps^-4)
// samples to |grad f| <= eps with batches that do not depend on eps.
#pragma once

#include "thalweg/method/normalization.hpp"
#include "thalweg/method/sampled.hpp"
#include "thalweg/method/schedule.hpp"

namespace thalweg {

struct IanSgdState final : SampledState {
  std::int64_t norm_position = 0;  ///< of the stream "independent batch"

  // Overwritten by every update.
  Vector norm_gradient;

  void visit(StateVisitor& visitor) override {
    SampledState::visit(visitor);
    visitor.field("norm_position", norm_position);
  }
};

class IanSgd final : public SampledMethod<IanSgdState> {
 public:
  struct Options {
    double stepsize = 0.1;        ///< gamma > 0
    double exponent = 2.0 / 3.0;  ///< beta in [0, 1]; default of the paper
    double threshold = 1;         ///< C >= 0
    double offset = 0;            ///< delta >= 0
    double factor =
        2;  ///< A > 0; default of the paper
            /// B' >= 0; default of the paper. 0: g' is g, the biased normalization to compare with.
    std::int64_t independent_batch = 4;
    SamplingOptions sampling{.batch = 64};
    Schedule schedule{};
    bool per_group = false;  ///< norms of each group of parameters apart

    Normalization normalization() const { return {factor, offset, threshold, exponent}; }
    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  IanSgd() : IanSgd(Options{}) {}
  explicit IanSgd(Options options);

  std::string_view name() const override { return "ian-sgd"; }
  const Options& options() const { return options_; }

 protected:
  Update update(const Objective& problem, IanSgdState& state,
                const Context& context) const override;
  bool is_whole(const IanSgdState& state) const override { return state.norm_position >= 0; }

 private:
  Options options_;
};

}  // namespace thalweg
