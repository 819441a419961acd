// Gauss-Newton: the pseudo-inverse step with a verified line search.
//
//   C. F. Gauss 1809; J. Nocedal, S. Wright: Numerical Optimization, 2nd ed., section 10.3. The
//   two output metrics for a general loss: Error whitening, arXiv:2605.11316.
//
// Minimises f(x) = L(y(x)), L convex or bounded from above by OutputLoss::hessian_root, by
//
//     d = -(J'HJ)^+ J' grad L,      x+ = x + eta d,
//
// with H the Hessian of L or that bound (loss-hessian), or c I with c its largest curvature over
// the samples (euclidean); for the squared loss both are d = -J^+ r.
//
//   symbol   here              shape   unit
//   x        state.x           (n)     parameters
//   J        Jacobian of y     (m, n)  outputs / parameter
//   H        Hessian of L      (m, m)  objective / outputs^2
//   eta      record.stepsize           1
//
// eta = 1, 1/2, 1/4, ... until f has fallen by a share of what the model predicts; no step is kept
// without that. Singular values below max(m, n) eps sigma_max are left out where J is decomposed
// (svd); where only a squared matrix is formed and is numerically singular, mu = 1e-14 lambda_max
// takes the place of the cut, and the record shows it.
//
// Zero residual, full rank: once eta = 1, |r+| <= beta/(2 sigma_min^2) |r|^2, beta a Lipschitz
// constant of J. In general the rate is linear, with a factor that grows with residual times
// curvature; far from a solution, and where J loses rank, prefer levenberg-marquardt.
#pragma once

#include <memory>

#include "thalweg/method/gauss_newton_model.hpp"
#include "thalweg/run/method.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Invariant: `value` and `model` belong to x.
struct GaussNewtonState final : State {
  std::shared_ptr<GaussNewtonModel> model;  ///< linearization and factorization at x; rebuilt
};

class GaussNewton final : public MethodFor<CompositeObjective, GaussNewtonState> {
 public:
  struct Options {
    OutputMetric metric = OutputMetric::loss_hessian;
    StepSolver solver = StepSolver::automatic;
    double armijo = 1e-4;  ///< share of the predicted decrease a step must reach, (0, 1/2)

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  GaussNewton() : GaussNewton(Options{}) {}
  explicit GaussNewton(Options options);

  std::string_view name() const override { return "gauss-newton"; }
  const Options& options() const { return options_; }

 protected:
  void start(const CompositeObjective& problem, GaussNewtonState& state,
             Context& context) const override;
  StepRecord advance(const CompositeObjective& problem, GaussNewtonState& state,
                     Context& context) const override;
  StepRecord describe(const CompositeObjective& problem,
                      const GaussNewtonState& state) const override;
  void rebuild(const CompositeObjective& problem, GaussNewtonState& state,
               Context& context) const override;

 private:
  void linearize(const CompositeObjective& problem, GaussNewtonState& state,
                 const Context& context) const;

  Options options_;
};

}  // namespace thalweg
