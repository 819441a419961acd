// Geometrically adapted gradient flow: the outputs move on a straight line, at a rate known
// beforehand.
//
//   T. Chen: Global L2 minimization at uniform exponential rate via geometrically adapted gradient
//   descent in deep learning, arXiv:2311.15487. Straight line in output space: T. Chen, P. Munoz
//   Ewald, arXiv:2408.01517. Both operators for a general loss: Error whitening, arXiv:2605.11316.
//
// The gradient flow of L in OUTPUT space, lifted to the parameters by the pseudo-inverse of J:
//
//     x' = -J^+ grad L(y)         (metric euclidean)        y' = -P grad L(y),   P = J J^+
//     x' = -(J'HJ)^+ J' grad L(y) (metric loss-hessian)     H = Hessian of L
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   y        outputs                 (m)     outputs, m = N * Q
//   s        state.flow_time                 flow time: outputs^2 / objective
//   J        Jacobian of y           (m, n)  outputs / parameters
//   e        residual y - target     (m)     outputs
//   C        value                           objective; squared loss: |e|^2 / (2N)
//
// Under the rank condition (rank J = m along the path) and squared loss, e(s) = e^{-s/N} e(0) and
// C(s) = e^{-2s/N} C(0): the stopping time s* = (N/2) ln(C(0) / target) is known before the first
// step. Where rank J < m, dC/ds = -|P grad L|^2, and the flow ends at a floor, the value of the
// part (I - P) e of the residual that no step removes.
//
// runge-kutta: Dormand-Prince 5(4) on each step's line parameter u, 1 - e^{-s/N} rescaled to [0,
// 1]. Under the rank condition x'(u) = J^+ (line(s + h) - y), so a linear model takes one exact
// step, and whatever the last step missed the line by is removed by the next. Every trial is
// measured against the prediction and kept only within the tolerance.
//
// tau: x+ = x - tau J^+ e with tau = min(1, sigma^2 / (beta |e|)), where sigma is the smallest
// singular value of J and beta a Lipschitz constant of J. Then |e+| <= (1 - tau) |e| +
// beta/(2 sigma^2) tau^2 |e|^2: a linear, then a quadratic phase, with a step count known
// beforehand (tau_rule_steps).
#pragma once

#include <memory>

#include "thalweg/run/method.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Flow time after which the squared loss has fallen from `initial` to `target` under the rank
/// condition: (N/2) ln(initial / target), 0 where target >= initial (Chen, exact for C =
/// |e|^2/(2N)). With the metric loss-hessian put samples = 1.
double flow_time_to(double samples, double initial, double target);

/// The squared loss at flow time s under the rank condition: initial e^{-2s/N}.
double flow_value_at(double samples, double initial, double flow_time);

/// A-priori step count of the tau rule from |e| = `initial` to |e| <= `target`, with `sigma` > 0 a
/// lower bound of the smallest singular value of J and `beta` >= 0 a Lipschitz constant of J, both
/// on the whole path. Phase A loses at least sigma^2 / (2 beta) of |e| per step, phase B squares
/// q = beta |e| / (2 sigma^2).
double tau_rule_steps(double sigma, double beta, double initial, double target);

namespace detail {
class FlowPoint;
}

/// Invariant: `value` and `at` belong to x; flow_time is the time of x.
struct AdaptedFlowState final : State {
  double flow_time = 0;      ///< s
  double stepsize = 0;       ///< flow time the next trial will take (tau: the fraction tau)
  double initial_value = 0;  ///< C(0)
  Vector initial_residual;   ///< e(0), (m); empty unless the loss is squared
  double remaining = 1;      ///< tau: product of (1 - tau_k), the predicted |e| / |e(0)|
  double curvature = 0;      ///< tau: beta, the running estimate of the Lipschitz constant of J
  bool on_line = false;      ///< squared loss, and rank J = m at every point so far

  std::shared_ptr<const detail::FlowPoint> at;  ///< linearization and pseudo-inverse at x; rebuilt

  void visit(StateVisitor& visitor) override;
};

class AdaptedFlow final : public MethodFor<CompositeObjective, AdaptedFlowState> {
 public:
  enum class Integrator { runge_kutta, tau };
  enum class OutputMetric { euclidean, loss_hessian };

  struct Options {
    Integrator integrator = Integrator::runge_kutta;
    OutputMetric metric = OutputMetric::euclidean;
    double tolerance = 5e-7;        ///< output error of a step over the line's length, (0, 0.1]
    double flow_time = 0;           ///< horizon s*; the last step lands on it; 0: none
    double rank_tolerance = 0;      ///< relative to sigma_max, [0, 1); 0: max(m, n) eps
    double floor_tolerance = 1e-6;  ///< relative height over the floor that ends the flow, (0, 1)
    double curvature = 0;           ///< tau: known Lipschitz constant of J; 0: measured

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  AdaptedFlow() : AdaptedFlow(Options{}) {}
  explicit AdaptedFlow(Options options);

  std::string_view name() const override { return "adapted-flow"; }
  const Options& options() const { return options_; }

 protected:
  void start(const CompositeObjective& problem, AdaptedFlowState& state,
             Context& context) const override;
  StepRecord advance(const CompositeObjective& problem, AdaptedFlowState& state,
                     Context& context) const override;
  StepRecord describe(const CompositeObjective& problem,
                      const AdaptedFlowState& state) const override;
  void rebuild(const CompositeObjective& problem, AdaptedFlowState& state,
               Context& context) const override;

 private:
  /// Makes state.at the point at state.x.
  void measure(const CompositeObjective& problem, AdaptedFlowState& state,
               const Context& context) const;
  /// The record of the state as it is, with the passes that its halt took (the rank near a floor).
  StepRecord observe(const CompositeObjective& problem, const AdaptedFlowState& state) const;
  /// tau: beta is measured at the start, by one pass.
  bool measures_curvature() const;

  Options options_;
};

}  // namespace thalweg
