// SPIDER: normalized steps along a gradient estimate with reduced variance.
//
//   C. Fang, C. J. Li, Z. Lin, T. Zhang: SPIDER: near-optimal non-convex optimization via
//   stochastic path-integrated differential estimator, NeurIPS 2018, algorithm 1.
//
// Minimises f = (1/N) sum_i f_i by
//
//     v+ = grad f(x)                          every q-th update,
//     v+ = v + g_B(x) - g_B(x-)               otherwise: the same batch B at x and at the point
//     before x+ = x - gamma c_t v+ / |v+|^beta
//
// An update evaluates N samples, or 2 B (the same B samples at two points).
//
//   symbol   here                    shape   unit
//   x, x-    state.x, state.previous (n)     parameters
//   v        state.estimate          (n)     objective / parameter
//   gamma    options.stepsize                parameter (beta = 1)
//
// For f with L-Lipschitz gradients in mean square, q = B = sqrt(N) and beta = 1, gamma = eps / L:
// |grad f| <= eps after O(sqrt(N) / eps^2) samples.
#pragma once

#include "thalweg/method/normalization.hpp"
#include "thalweg/method/sampled.hpp"
#include "thalweg/method/schedule.hpp"

namespace thalweg {

struct SpiderState final : SampledState {
  Vector estimate;  ///< v, (n)
  Vector previous;  ///< x-, (n)

  // Overwritten by every update.
  Vector previous_gradient;

  void visit(StateVisitor& visitor) override {
    SampledState::visit(visitor);
    visitor.field("estimate", estimate);
    visitor.field("previous", previous);
  }
};

class Spider final : public SampledMethod<SpiderState> {
 public:
  struct Options {
    double stepsize = 0.01;    ///< gamma > 0
    double exponent = 1;       ///< beta in [0, 1]
    std::int64_t period = 20;  ///< q >= 1; default of the runs in Yang et al. (2025)
    SamplingOptions sampling{.batch = 64};
    Schedule schedule{};
    bool per_group = false;  ///< norms of each group of parameters apart

    Normalization normalization() const { return {.exponent = exponent}; }
    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Spider() : Spider(Options{}) {}
  explicit Spider(Options options);

  std::string_view name() const override { return "spider"; }
  const Options& options() const { return options_; }

 protected:
  void begin(const Objective& problem, SpiderState& state) const override;
  Update update(const Objective& problem, SpiderState& state,
                const Context& context) const override;
  bool is_whole(const SpiderState& state) const override;

 private:
  Options options_;
};

}  // namespace thalweg
