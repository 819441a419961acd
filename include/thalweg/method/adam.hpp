// Adam: adaptive moment estimation, on the full batch.
//
//   D. P. Kingma, J. Ba: Adam: a method for stochastic optimization, ICLR 2015, algorithm 1.
//
// Minimises f by, elementwise,
//
//     m+ = beta1 m + (1 - beta1) g          v+ = beta2 v + (1 - beta2) g^2        t+ = t + 1
//     x+ = x - eta mh / (sqrt(vh) + eps),   mh = m+ / (1 - beta1^t+),  vh = v+ / (1 - beta2^t+)
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g        state.gradient          (n)     objective / parameter
//   m        state.mean              (n)     objective / parameter
//   v        state.square            (n)     (objective / parameter)^2
//   t        state.count                     steps
//   eta      options.stepsize                parameters: about the largest move per step
//
// The move does not change when f is scaled. There is no descent guarantee, and with a constant eta
// the iterates settle only to within about eta of a minimiser. A step to a point where f is not
// finite is not kept.
#pragma once

#include "thalweg/method/first_order_state.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Invariant: mean and square are those of the first `count` gradients.
struct AdamState final : FirstOrderState {
  Vector mean, square;  ///< m and v, (n)
  std::int64_t count = 0;

  void visit(StateVisitor& visitor) override {
    FirstOrderState::visit(visitor);
    visitor.field("mean", mean);
    visitor.field("square", square);
    visitor.field("count", count);
  }
};

class Adam final : public MethodFor<Objective, AdamState> {
 public:
  struct Options {
    double stepsize = 1e-3;  ///< eta > 0; this and the other defaults from the paper
    double beta1 = 0.9;      ///< decay of the mean, [0, 1)
    double beta2 = 0.999;    ///< decay of the squares, [0, 1)
    double epsilon = 1e-8;   ///< eps > 0

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Adam() : Adam(Options{}) {}
  explicit Adam(Options options);

  std::string_view name() const override { return "adam"; }
  const Options& options() const { return options_; }

 protected:
  void start(const Objective& problem, AdamState& state, Context& context) const override;
  StepRecord advance(const Objective& problem, AdamState& state, Context& context) const override;
  StepRecord describe(const Objective& problem, const AdamState& state) const override;
  void rebuild(const Objective& problem, AdamState& state, Context& context) const override;

 private:
  Options options_;
};

}  // namespace thalweg
