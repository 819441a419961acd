// Gradient descent, with backtracking or with a constant stepsize.
//
//   L. Armijo: Minimization of functions having Lipschitz continuous first partial derivatives,
//   Pacific J. Math. 16 (1966); Nocedal & Wright: Numerical Optimization, 2nd ed., algorithm 3.1.
//
// Minimises f by
//
//     x+ = x - eta g,        g = grad f(x),
//
// armijo: eta is the first of c, c/2, c/4, ... with  f(x - eta g) <= f(x) - delta eta |g|^2,
//         where c is twice the stepsize accepted before.
// constant: eta as given; f may rise.
//
//   symbol   here                    shape   unit
//   x        state.x                 (n)     parameters
//   g        state.gradient          (n)     objective / parameter
//   eta      state.stepsize                  parameter^2 / objective
//   delta    options.decrease                1
//
// Where f has L-Lipschitz gradients, armijo keeps f decreasing with eta >= min(c, (1 - delta) / L),
// and min |g|^2 over T steps is O(1/T); constant does the same for eta < 2 / L only. With strong
// convexity mu both are linear, at the rate 1 - O(mu / L): the condition number sets the pace.
#pragma once

#include "thalweg/method/first_order_state.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

struct GradientDescentState final : FirstOrderState {
  double stepsize = 0;  ///< armijo: the first trial of the next step

  void visit(StateVisitor& visitor) override {
    FirstOrderState::visit(visitor);
    visitor.field("stepsize", stepsize);
  }
};

class GradientDescent final : public MethodFor<Objective, GradientDescentState> {
 public:
  enum class Rule { armijo, constant };

  struct Options {
    Rule rule = Rule::armijo;  ///< how eta is chosen
    double stepsize = 1;       ///< eta > 0; armijo: the first trial of the first step
    double decrease = 1e-4;    ///< delta in (0, 1); default from Nocedal & Wright, section 3.1

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
  Options options_;
};

}  // namespace thalweg
