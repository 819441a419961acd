// Gradient descent, with backtracking, a constant stepsize, or one from a bound of the curvature by
// the value.
//
//   L. Armijo: Minimization of functions having Lipschitz continuous first partial derivatives,
//   Pacific J. Math. 16 (1966); Nocedal & Wright: Numerical Optimization, 2nd ed., algorithm 3.1.
//   Y. Cao, F. Chen, A. Sridharan, W. Tang: arXiv:2503.04712 (2025), for self-bounding regularity;
//   the rule 1 / rho_1(F) is derived in problem/curvature_bound.hpp.
//
// Minimises f by
//
//     x+ = x - eta g,        g = grad f(x),
//
// armijo: eta is the first of c, c/2, c/4, ... with  f(x - eta g) <= f(x) - delta eta |g|^2,
//         where c is twice the stepsize accepted before.
// constant: eta as given; f may rise.
// self-bounding: eta = 1 / rho_1(F(x)) at every x, with |H| <= rho_1(F) on the level set of x.
// self-bounding-start: eta = 1 / rho_1(F(x0)) throughout.
// auto: constant where a stepsize is given, else armijo.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g        state.gradient          (n)     objective / parameter
//   eta      state.stepsize                  parameter^2 / objective
//   delta    options.decrease                1
//   rho_1    state.curvature.bound()         objective / parameter^2
//
// Where f has L-Lipschitz gradients, armijo keeps f decreasing with eta >= min(c, (1 - delta) / L),
// and min |g|^2 over T steps is O(1/T); constant does the same for eta < 2 / L only. With strong
// convexity mu both are linear, at the rate 1 - O(mu / L): the condition number sets the pace.
// The self-bounding rules need no L: f falls by |g|^2 / (2 rho_1(F)) at every step, |g| <= eps
// after at most 2 rho_1(F0) F0 / eps^2 steps. Where the problem states no bound it is measured, and
// refitted where a step refutes it.
#pragma once

#include "thalweg/method/curvature_watch.hpp"
#include "thalweg/method/first_order_state.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

struct GradientDescentState final : FirstOrderState {
  double stepsize = 0;                     ///< armijo: the first trial of the next step
  std::int64_t curvature_evaluations = 0;  ///< that the start took; 0 from the first step on
  CurvatureWatch curvature;                ///< self-bounding rules

  void visit(StateVisitor& visitor) override {
    FirstOrderState::visit(visitor);
    visitor.field("stepsize", stepsize);
    curvature.visit(visitor);
  }
};

class GradientDescent final : public MethodFor<Objective, GradientDescentState> {
 public:
  enum class Rule { automatic, armijo, constant, self_bounding, self_bounding_start };

  struct Options {
    Rule rule = Rule::automatic;  ///< how eta is chosen
    double stepsize = 0;          ///< eta; 0: 1. armijo: the first trial of the first step
    double decrease = 1e-4;       ///< delta in (0, 1); default from Nocedal & Wright, section 3.1

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  GradientDescent() : GradientDescent(Options{}) {}
  explicit GradientDescent(Options options);

  std::string_view name() const override { return "gd"; }
  const Options& options() const { return options_; }

 protected:
  void start(const Objective& problem, GradientDescentState& state,
             Context& context) const override;
  StepRecord advance(const Objective& problem, GradientDescentState& state,
                     Context& context) const override;
  StepRecord describe(const Objective& problem, const GradientDescentState& state) const override;
  void rebuild(const Objective& problem, GradientDescentState& state,
               Context& context) const override;

 private:
  bool self_bounding() const {
    return options_.rule == Rule::self_bounding || options_.rule == Rule::self_bounding_start;
  }
  StepRecord step_by_bound(const Objective& problem, GradientDescentState& state,
                           const Context& context) const;

  Options options_;
};

}  // namespace thalweg
