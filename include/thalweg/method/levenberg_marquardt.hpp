// Levenberg-Marquardt: damped Gauss-Newton steps, kept only where they decrease the objective.
//
//   D. Marquardt, SIAM J. Appl. Math. 11, 1963. Scaling: J. More, The Levenberg-Marquardt
//   algorithm, 1978. Damping by gain ratio: H. B. Nielsen, IMM-REP-1999-05. Acceleration along the
//   geodesic: M. Transtrum, J. Sethna, arXiv:1201.5885. Damping tied to the smallest eigenvalue:
//   S. Cayci, Gauss-Newton dynamics for neural networks, arXiv:2412.14031, whose schedule is not
//   public in full; the one here is derived in docs/methods/levenberg-marquardt.md.
//
// Minimises f(x) = L(y(x)), L convex or bounded from above by OutputLoss::hessian_root, by
//
//     d = -(J'HJ + mu D^2)^-1 J' grad L,      x+ = x + eta d.
//
//   symbol   here                 shape   unit
//   x        state.x              (n)     parameters
//   J        Jacobian of y        (m, n)  outputs / parameter
//   H        Hessian of L, or     (m, m)  objective / outputs^2 (squared loss: I/N)
//            that bound of L
//   mu       state.damping                objective / parameter^2 (objective, where D scales)
//   D        state.scaling        (n)     1, or sqrt(objective) / parameter
//   rho      state.ratio                  mu / smallest eigenvalue of J'HJ
//   eta      record.stepsize              1
//
// gain-ratio: eta = 1; the trial is kept when f falls; mu follows actual / predicted decrease. One
// step is one trial: a rejected one leaves x as it was and raises mu.
// smallest-eigenvalue: mu = rho lambda_min(J'HJ), the smallest resolved eigenvalue on the smaller
// side, and eta by a verified line search. For m <= n, full row rank and the squared loss, with
// beta a Lipschitz constant of J and |r| small enough for eta = 1,
//
//     |r+| <= (1 - 1/(2 (1 + rho))) |r|:      a rate that does not depend on the conditioning.
//
// fixed: mu = rho lambda_max(J'HJ) of the start, for comparison; its rate is lambda_min / mu.
#pragma once

#include <memory>

#include "thalweg/method/gauss_newton_model.hpp"
#include "thalweg/run/method.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

namespace detail {
struct SearchResult;
}

/// Invariant: `value` and `model` belong to x.
struct LevenbergMarquardtState final : State {
  double damping = 0;  ///< mu of the next trial
  double raise = 2;    ///< factor on mu at the next rejection (gain-ratio)
  double ratio = 1;    ///< rho (smallest-eigenvalue)
  Vector scaling;      ///< D, (n); empty: identity

  std::shared_ptr<GaussNewtonModel> model;  ///< linearization and factorization at x; rebuilt

  void visit(StateVisitor& visitor) override;
};

class LevenbergMarquardt final : public MethodFor<CompositeObjective, LevenbergMarquardtState> {
 public:
  enum class Damping { gain_ratio, smallest_eigenvalue, fixed };
  enum class Scaling { automatic, none, columns };
  enum class Acceleration { automatic, off, on };

  struct Options {
    Damping damping = Damping::gain_ratio;
    double initial_damping = 1e-3;  ///< gain-ratio: first mu / lambda_max(J'HJ), > 0
    double damping_ratio = 1;       ///< rho > 0: mu / lambda_min, or mu / lambda_max of the start
    Scaling scaling = Scaling::automatic;
    Acceleration acceleration = Acceleration::automatic;
    StepSolver solver = StepSolver::automatic;

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  LevenbergMarquardt() : LevenbergMarquardt(Options{}) {}
  explicit LevenbergMarquardt(Options options);

  std::string_view name() const override { return "levenberg-marquardt"; }
  const Options& options() const { return options_; }

 protected:
  void start(const CompositeObjective& problem, LevenbergMarquardtState& state,
             Context& context) const override;
  StepRecord advance(const CompositeObjective& problem, LevenbergMarquardtState& state,
                     Context& context) const override;
  StepRecord describe(const CompositeObjective& problem,
                      const LevenbergMarquardtState& state) const override;
  void rebuild(const CompositeObjective& problem, LevenbergMarquardtState& state,
               Context& context) const override;

 private:
  struct Trial;

  std::shared_ptr<GaussNewtonModel> linearize(const CompositeObjective& problem,
                                              const ConstVectorRef& x,
                                              const Context& context) const;
  void rescale(LevenbergMarquardtState& state) const;
  double current_damping(LevenbergMarquardtState& state) const;
  bool accelerates(const GaussNewtonModel& model) const;
  detail::SearchResult attempt(const CompositeObjective& problem,
                               const LevenbergMarquardtState& state, const ModelStep& step) const;
  std::optional<Vector> geodesic_acceleration(const CompositeObjective& problem,
                                              const LevenbergMarquardtState& state,
                                              const ModelStep& step) const;
  bool accept(const CompositeObjective& problem, LevenbergMarquardtState& state, const Trial& trial,
              const Context& context) const;
  void adapt(LevenbergMarquardtState& state, const Trial& trial) const;
  void adapt_damping(LevenbergMarquardtState& state, bool kept, double gain_ratio) const;
  bool exhausted(const LevenbergMarquardtState& state, const Trial& trial) const;

  Options options_;
};

}  // namespace thalweg
