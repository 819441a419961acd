// What perturbed gradient descent and its tamed form share: descent along -g, perturbations at
// stationary points, and the question whether such a point is of second order.
#pragma once

#include "thalweg/method/curvature_check.hpp"
#include "thalweg/method/curvature_watch.hpp"
#include "thalweg/method/first_order_state.hpp"
#include "thalweg/method/saddle_target.hpp"
#include "thalweg/method/saddle_theory.hpp"

namespace thalweg {

struct PerturbedState : FirstOrderState {
  std::int64_t curvature_evaluations = 0;  ///< that the start took; 0 from the first step on
  CurvatureWatch curvature;
  // In force: as given, else derived from the bound.
  double smoothness = 0, hessian_lipschitz = 0;
  double stepsize = 0, radius = 0, waiting = 0, decrease = 0;
  double scale = 0;         ///< lambda of tamed steps
  std::int64_t since = -1;  ///< steps since the last perturbation; -1: there was none
  Vector saved;             ///< x~, where it was made; empty before
  double saved_value = 0;
  std::int64_t perturbations = 0;
  std::int64_t noise_position = 0, check_position = 0;  ///< of the random streams
  CheckSchedule checks;

  void visit(StateVisitor& visitor) override;
};

/// Part of the options of a method. 0 stands for: derived from the curvature bound of the problem,
/// see method/saddle_theory.hpp.
struct PerturbationOptions : SaddleTarget {
  SaddlePreset preset = SaddlePreset::published;  ///< constants of the theorem, or larger ones
  double radius = 0;                              ///< r, a perturbation over eta; 0: derived
  double waiting = 0;                             ///< T, steps; 0: derived
  double decrease = 0;                            ///< F; 0: derived
  bool certificate = true;  ///< ask for second-order stationarity wherever |g| <= eps

  void visit(OptionVisitor& visitor);
  void check(OptionChecker& checker) const;
};

/// x+ = x - a(x) g with perturbations; derived methods say what a is.
class PerturbedDescent : public MethodFor<Objective, PerturbedState> {
 protected:
  PerturbedDescent(PerturbationOptions options, bool perturbs)
      : perturbation_(options), perturbs_(perturbs) {}

  /// a(x) > 0: the multiplier of the gradient, at most state.stepsize.
  virtual double multiplier(const PerturbedState& state, double gradient_norm) const = 0;
  /// Sets stepsize (and scale) from smoothness, at the start.
  virtual void choose_step(PerturbedState& state) const = 0;

  void start(const Objective& problem, PerturbedState& state, Context& context) const final;
  StepRecord advance(const Objective& problem, PerturbedState& state, Context& context) const final;
  StepRecord describe(const Objective& problem, const PerturbedState& state) const final;
  void rebuild(const Objective& problem, PerturbedState& state, Context& context) const final;

 private:
  void derive(const Objective& problem, PerturbedState& state) const;
  void refit(PerturbedState& state) const;
  std::optional<StepRecord> ask(const Objective& problem, PerturbedState& state,
                                const Context& context, StepRecord& made) const;
  bool is_elsewhere(const PerturbedState& state) const;
  StepRecord perturb(const Objective& problem, PerturbedState& state, const Context& context,
                     StepRecord made) const;
  StepRecord descend(const Objective& problem, PerturbedState& state, StepRecord made) const;
  StepRecord give_back(const Objective& problem, PerturbedState& state) const;

  PerturbationOptions perturbation_;
  bool perturbs_;
};

/// Uniform in the ball of that radius, (n).
Vector uniform_in_ball(Index n, double radius, RandomStream& random);

}  // namespace thalweg
