// Perturbed gradient descent, with constants from a bound of the curvature by the value.
//
//   C. Jin, P. Netrapalli, R. Ge, S. Kakade, M. Jordan: On nonconvex optimization for machine
//   learning: gradients, stochasticity, and saddle points, J. ACM 68 (2021), theorem 18; constants
//   at the level f(x0) + 2 for objectives without global smoothness: Y. Cao, F. Chen, A. Sridharan,
//   W. Tang, arXiv:2503.04712, derived in method/saddle_theory.hpp.
//
// Minimises f by
//
//     if |g| <= eps and more than T steps since the last perturbation:
//         x~ = x,  x <- x + eta xi,  xi uniform in the ball of radius r
//     else if T steps since then and f(x) > f(x~) - F:  return x~
//     else  x+ = x - eta g
//
//   symbol   here                     shape   unit
//   x, g     state.x, state.gradient  (n)     parameters, objective / parameter
//   eta      state.stepsize                   parameter^2 / objective
//   r        state.radius                     objective / parameter
//   T        state.waiting                    steps
//   F        state.decrease                   objective
//   eps      options.eps                      objective / parameter
//   x~       state.saved              (n)     parameters
//
// The variant here waits less. Wherever |g| <= eps it asks whether lambda_min(H) >= -sqrt(rho eps)
// (Lanczos on Hessian products, with the probability 1e-3 of a wrong yes), and returns the point
// where that holds. And a stationary point that is farther than sqrt(eps / rho) from x~, with F
// gained, is another one: it is perturbed at once, since the round of x~ has done what the proof
// asks of it. certificate=false leaves the published waiting time alone to decide.
//
// Guarantee: with |H| <= l and |D^3 f| <= rho on the path, probability at least 1 - delta to return
// a point with |g| <= eps and lambda_min(H) >= -sqrt(rho eps) after O~(l D / eps^2) steps, in the
// dimension only by logarithms. Where l and rho are measured, a step that refutes them is taken
// back and they are refitted, so that f falls at every step along -g.
#pragma once

#include "thalweg/method/perturbed_descent.hpp"

namespace thalweg {

class Perturbed final : public PerturbedDescent {
 public:
  struct Options : PerturbationOptions {
    double stepsize = 0;  ///< eta; 0: 1 / l

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Perturbed() : Perturbed(Options{}) {}
  explicit Perturbed(Options options);

  std::string_view name() const override { return "perturbed"; }
  const Options& options() const { return options_; }

 protected:
  double multiplier(const PerturbedState& state, double gradient_norm) const override;
  void choose_step(PerturbedState& state) const override;

 private:
  Options options_;
};

}  // namespace thalweg
