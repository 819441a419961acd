// Trust-region Newton: steps of conjugate gradients on the exact quadratic model, as long as the
// model could be trusted so far.
//
//   T. Steihaug, SIAM J. Numer. Anal. 20 (1983); Ph. Toint (1981); Nocedal & Wright: Numerical
//   Optimization, 2nd ed., sections 4.1, 7.1 and 7.2; Conn, Gould, Toint: Trust-region methods
//   (2000), algorithm 7.5.1. Radius: C.-J. Lin, R. Weng, S. Keerthi: Trust region Newton method for
//   large-scale logistic regression, JMLR 9 (2008). Tolerance of the conjugate gradients: S.
//   Eisenstat, H. Walker, SIAM J. Sci. Comput. 17 (1996), choice 2.
//
// Minimises f by
//
//     d ~ argmin g'd + d'H d / 2  subject to |d|_M <= Delta,     x+ = x + d if f falls enough,
//
//   symbol   here               shape    unit
//   x        state.x            (n)      parameters
//   g        state.gradient     (n)      objective / parameter
//   H        Hessian at x       (n, n)   objective / parameter^2, by its products alone
//   M        state.metric       (n)      objective / parameter^2; |d|_M^2 = d'M d
//   Delta    state.radius                sqrt(objective)
//
// H is exact where the problem is TwiceDifferentiable or a loss of a twice differentiable model
// (problem/hessian.hpp), else made of differences of gradients. M is the largest diagonal of H so
// far, entry by entry, so that no direction is trusted further because the curvature along it has
// faded (More's rule for the scaling of Levenberg-Marquardt, 1978); the identity where the problem
// does not offer the diagonal. One step is one trial: a rejected one leaves x as it was and lowers
// Delta.
//
// For f bounded below with Lipschitz gradients the gradient tends to zero along the steps; near a
// minimiser with positive definite H the convergence is superlinear. Directions of negative
// curvature are followed to the boundary. Separable data without a penalty have no minimiser: the
// margins grow by about one per step, and f falls by about e.
#pragma once

#include "thalweg/method/first_order_state.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Invariant: value and gradient are measured at x.
struct NewtonState final : FirstOrderState {
  Vector metric;         ///< M, (n), positive; empty before the first step
  double radius = 0;     ///< Delta of the next trial; 0 before the first step
  double reduction = 1;  ///< |g| over its norm before the last kept step, in the norm of M^-1

  void visit(StateVisitor& visitor) override {
    FirstOrderState::visit(visitor);
    visitor.field("metric", metric);
    visitor.field("radius", radius);
    visitor.field("reduction", reduction);
  }
};

class Newton final : public MethodFor<Objective, NewtonState> {
 public:
  struct Options {
    double initial_radius = 1;    ///< first Delta over |M^-1 g|_M, > 0 (Lin, Weng, Keerthi)
    double forcing = 0.1;         ///< largest |g + H d| / |g|, 0 < forcing < 1 (the same)
    std::int64_t products = 500;  ///< Hessian products of one step at most, >= 1
    bool preconditioner = true;   ///< M from the diagonal of H, where it is offered

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Newton() : Newton(Options{}) {}
  explicit Newton(Options options);

  std::string_view name() const override { return "newton"; }
  const Options& options() const { return options_; }

 protected:
  void start(const Objective& problem, NewtonState& state, Context& context) const override;
  StepRecord advance(const Objective& problem, NewtonState& state, Context& context) const override;
  StepRecord describe(const Objective& problem, const NewtonState& state) const override;
  void rebuild(const Objective& problem, NewtonState& state, Context& context) const override;

 private:
  struct Curvature;

  Curvature curvature_at(const Objective& problem, NewtonState& state) const;
  double tolerance(const NewtonState& state) const;

  Options options_;
};

}  // namespace thalweg
