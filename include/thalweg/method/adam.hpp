// Adam: adaptive moment estimation, on the full batch or on samples.
//
//   D. P. Kingma, J. Ba: Adam: a method for stochastic optimization, ICLR 2015, algorithm 1.
//
// Minimises f by, elementwise,
//
//     m+ = beta1 m + (1 - beta1) g          v+ = beta2 v + (1 - beta2) g^2        t+ = t + 1
//     x+ = x - eta c_t mh / (sqrt(vh) + eps),   mh = m+ / (1 - beta1^t+),  vh = v+ / (1 - beta2^t+)
//
// with g the gradient of the full f or of a batch, and c_t the schedule.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g        state.batch_gradient    (n)     objective / parameter
//   m        state.mean              (n)     objective / parameter
//   v        state.square            (n)     (objective / parameter)^2
//   t        state.updates                   steps
//   eta      options.stepsize                parameters: about the largest move per step
//
// The move does not change when f is scaled. There is no descent guarantee, and with a constant eta
// the iterates settle only to within about eta of a minimiser. A step to a point where f is not
// finite is not kept.
#pragma once

#include "thalweg/method/sampled.hpp"
#include "thalweg/method/schedule.hpp"

namespace thalweg {

/// Invariant: mean and square are those of the first `updates` gradients.
struct AdamState final : SampledState {
  Vector mean, square;  ///< m and v, (n)

  void visit(StateVisitor& visitor) override {
    SampledState::visit(visitor);
    visitor.field("mean", mean);
    visitor.field("square", square);
  }
};

class Adam final : public SampledMethod<AdamState> {
 public:
  struct Options {
    double stepsize = 1e-3;  ///< eta > 0; this and the other defaults from the paper
    double beta1 = 0.9;      ///< decay of the mean, [0, 1)
    double beta2 = 0.999;    ///< decay of the squares, [0, 1)
    double epsilon = 1e-8;   ///< eps > 0
    SamplingOptions sampling{};
    Schedule schedule{};

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Adam() : Adam(Options{}) {}
  explicit Adam(Options options);

  std::string_view name() const override { return "adam"; }
  const Options& options() const { return options_; }

 protected:
  void begin(const Objective& problem, AdamState& state) const override;
  Update update(const Objective& problem, AdamState& state, const Context& context) const override;
  bool is_whole(const AdamState& state) const override;

 private:
  Options options_;
};

}  // namespace thalweg
