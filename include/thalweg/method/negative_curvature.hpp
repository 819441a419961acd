// Descent along the gradient, and at stationary points along the direction of negative curvature.
//
//   Y. Carmon, J. Duchi, O. Hinder, A. Sidford: Accelerated methods for nonconvex optimization,
//   SIAM J. Optim. 28 (2018), for the alternation; stepsizes from the curvature bound by the value
//   (Y. Cao et al., arXiv:2503.04712) and the length along the curvature are derived here.
//
// Minimises f by
//
//     |g| > eps:   x+ = x - g / rho_1(F(x))
//     else, v the Ritz vector of the smallest eigenvalue, <g, v> <= 0, -c = v'Hv:
//         c < sqrt(rho eps), by Lanczos with a failure probability: the end
//         else x+ = x + t v,  t the first of 2 c / rho (at most the radius on which rho holds) and
//         its halves with f(x + t v) <= f(x) - c t^2 / 8
//
//   symbol   here                                 shape   unit
//   x, g     state.x, state.gradient              (n)     parameters, objective / parameter
//   rho_1    state.curvature.bound()                      objective / parameter^2
//   rho      rho_2(F + 1), on the radius it holds         objective / parameter^3
//   eps      options.eps                                  objective / parameter
//
// Guarantee: |g| <= eps and lambda_min(H) >= -sqrt(rho eps) after at most 2 rho_1(F0) F0 / eps^2
// gradient steps and (3/2) F0 sqrt(rho / eps^3) steps along curvature, since each of those gains at
// least 2 c^3 / (3 rho^2) where 2 c / rho lies within that radius. No chance but that of Lanczos,
// and no waiting times. Where Lanczos does not decide within its products but has found negative
// curvature, that is followed too.
#pragma once

#include "thalweg/method/curvature_check.hpp"
#include "thalweg/method/curvature_watch.hpp"
#include "thalweg/method/first_order_state.hpp"
#include "thalweg/method/saddle_target.hpp"

namespace thalweg {

struct NegativeCurvatureState final : FirstOrderState {
  std::int64_t curvature_evaluations = 0;  ///< that the start took; 0 from the first step on
  CurvatureWatch curvature;
  std::int64_t moves = 0;           ///< steps along curvature
  std::int64_t check_position = 0;  ///< of the random stream

  void visit(StateVisitor& visitor) override;
};

class NegativeCurvature final : public MethodFor<Objective, NegativeCurvatureState> {
 public:
  struct Options : SaddleTarget {
    /// Of each question to Lanczos.
    Options() { failure_probability = 1e-3; }
    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  NegativeCurvature() : NegativeCurvature(Options{}) {}
  explicit NegativeCurvature(Options options);

  std::string_view name() const override { return "negative-curvature"; }
  const Options& options() const { return options_; }

 protected:
  void start(const Objective& problem, NegativeCurvatureState& state,
             Context& context) const override;
  StepRecord advance(const Objective& problem, NegativeCurvatureState& state,
                     Context& context) const override;
  StepRecord describe(const Objective& problem, const NegativeCurvatureState& state) const override;
  void rebuild(const Objective& problem, NegativeCurvatureState& state,
               Context& context) const override;

 private:
  StepRecord descend(const Objective& problem, NegativeCurvatureState& state,
                     const Context& context) const;
  StepRecord leave(const Objective& problem, NegativeCurvatureState& state,
                   const CurvatureAnswer& answer, const CurvatureQuestion& question,
                   double farthest) const;

  Options options_;
};

}  // namespace thalweg
