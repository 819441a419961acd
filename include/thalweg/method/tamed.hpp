// Tamed gradient descent: the length of a step grows with the gradient by a kernel, which bounds
// it where the curvature grows with the gradient.
//
//   A. Bodard, P. Patrinos: Escaping saddle points without Lipschitz smoothness: the power of
//   nonlinear preconditioning, NeurIPS 2025, arXiv:2509.15817; algorithm 1 for the perturbed form.
//
// Minimises f by
//
//     x+ = x - gamma h*'(lambda |g|) g / |g|,        g = grad f(x)
//
//   kernel        h(s)                 h*'(s)
//   logarithmic   -s - ln(1 - s)       s / (1 + s)     smooth clipping
//   exponential   e^s - s - 1          ln(1 + s)
//   cosh          cosh s - 1           asinh s
//   hard          s^2/2 for s <= 1     min(s, 1)       hard clipping
//
//   symbol   here               shape   unit
//   x, g     state.x, gradient  (n)     parameters, objective / parameter
//   gamma    state.stepsize over scale  parameters
//   lambda   state.scale                parameter / objective
//
// For |H| <= L0 + L1 |g| the choice is lambda = L1 / L0, gamma = 1 / L1; with the logarithmic
// kernel that step is g / (L0 + L1 |g|). Small gradients are multiplied by gamma lambda = 1 / L0 =
// state.stepsize whatever the kernel, and larger ones by less.
//
// Guarantee: f falls at every step with |H| <= L0 + L1 |g| (logarithmic kernel), or with L0 a bound
// of |H| on the level set of the start, whatever lambda (derived here: the multiplier is at most
// 1 / L0). From almost every start with gamma below that, strict saddles are avoided (theorem 3.1).
// perturbed=true adds the perturbations and the certificate of `perturbed` (method/perturbed.hpp),
// with the trigger |g| <= eps in the place of algorithm 1's, which is of the order of the radius.
#pragma once

#include "thalweg/method/perturbed_descent.hpp"

namespace thalweg {

class Tamed final : public PerturbedDescent {
 public:
  enum class Kernel { logarithmic, exponential, cosh, hard };

  struct Options : PerturbationOptions {
    Kernel kernel = Kernel::logarithmic;
    double stepsize = 0;  ///< gamma lambda, the multiplier of small gradients; 0: 1 / L0
    double scale = 0;     ///< lambda; 0: 1 / |g(x0)|, or 1 / rho_0(F(x0)) where that is below eps
    bool perturbed = false;  ///< perturb at stationary points, and ask for second order there

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Tamed() : Tamed(Options{}) {}
  explicit Tamed(Options options);

  std::string_view name() const override { return "tamed"; }
  const Options& options() const { return options_; }

 protected:
  double multiplier(const PerturbedState& state, double gradient_norm) const override;
  void choose_step(PerturbedState& state) const override;

 private:
  Options options_;
};

/// h*'(s), s >= 0.
double tamed_length(Tamed::Kernel kernel, double s);

}  // namespace thalweg
