#include "thalweg/method/normalized.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "first_order.hpp"

namespace thalweg {
namespace {

StopReason no_decrease_reason(double stepsize) {
  return {Outcome::stalled, "line-search", stepsize, std::nullopt,
          "no step along the gradient decreases the value as L0 and L1 promise: rounding is "
          "reached, or the gradient is wrong"};
}

// |H| at x along g, from one difference of gradients; 0 where it cannot be had.
double curvature_along_gradient(const Objective& problem, const FirstOrderState& state) {
  const double norm = state.gradient.stableNorm();
  if (!(norm > 0) || !std::isfinite(norm)) return 0;
  const double h = std::sqrt(std::numeric_limits<double>::epsilon()) * (1 + state.x.norm()) / norm;
  const Evaluation beside = evaluate(problem, state.x - h * state.gradient);
  if (!beside.finite()) return 0;
  return (beside.gradient - state.gradient).norm() / (h * norm);
}

}  // namespace

void NormalizedState::visit(StateVisitor& visitor) {
  SampledState::visit(visitor);
  visitor.field("L0", L0);
  visitor.field("L1", L1);
}

void Normalized::Options::visit(OptionVisitor& visitor) {
  visitor.option("stepsize", stepsize,
                 "gamma, not negative: the step is gamma g / |g|^beta; 0: g / (L0 + L1 |g|^alpha) "
                 "with backtracking on both constants");
  visitor.option("exponent", exponent,
                 "beta in [0, 1]: 0 is gradient descent, 1 moves by gamma (default of the paper)");
  visitor.option("l0", L0, "L0, not negative; it and l1 0: measured at the start");
  visitor.option("l1", L1, "L1, not negative");
  visitor.option("alpha", alpha, "alpha in [0, 1]: the curvature grows like |g|^alpha");
  sampling.visit(visitor);
  schedule.visit(visitor);
  visitor.option("per-group", per_group,
                 "with gamma: norms of each group of parameters (the layers of a network) apart");
}

void Normalized::Options::validate() const {
  OptionChecker checker("normalized");
  checker.require(stepsize >= 0 && std::isfinite(stepsize), "stepsize",
                  "be finite and not negative", stepsize);
  checker.require(exponent >= 0 && exponent <= 1, "exponent", "lie in [0, 1]", exponent);
  checker.require(L0 >= 0 && std::isfinite(L0), "l0", "be finite and not negative", L0);
  checker.require(L1 >= 0 && std::isfinite(L1), "l1", "be finite and not negative", L1);
  checker.require(alpha >= 0 && alpha <= 1, "alpha", "lie in [0, 1]", alpha);
  sampling.check(checker);
  schedule.check(checker);
  checker.throw_if_any();
}

Normalized::Normalized(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

void Normalized::begin(const Objective& problem, NormalizedState& state) const {
  state.L0 = options_.L0;
  state.L1 = options_.L1;
  if (options_.stepsize > 0 || state.L0 + state.L1 > 0) return;
  const double curvature = curvature_along_gradient(problem, state);
  state.start_evaluations += 1;
  const double norm = state.gradient.stableNorm();
  state.L0 = curvature > 0 ? curvature / 2 : 1;
  state.L1 = norm > 0 ? state.L0 / std::pow(norm, options_.alpha) : 0;
}

Update Normalized::update(const Objective& problem, NormalizedState& state,
                          const Context& context) const {
  if (options_.stepsize == 0 && knows_gradient()) return backtrack(problem, state);
  Vector& g = state.batch_gradient;
  const std::int64_t drawn = batch_gradient(problem, state, context, g);
  if (options_.stepsize == 0) {
    const double stepsize = 1 / (state.L0 + state.L1 * std::pow(g.stableNorm(), options_.alpha));
    state.x -= stepsize * g;
    return {.stepsize = stepsize, .drawn = drawn};
  }
  const double gamma = options_.stepsize * options_.schedule.at(state.updates);
  const double stepsize = normalized_descent(
      state.x, gamma, g, g, groups(state, options_.per_group), {.exponent = options_.exponent});
  return {.stepsize = stepsize, .drawn = drawn};
}

Update Normalized::backtrack(const Objective& problem, NormalizedState& state) const {
  constexpr double share = 3 - std::numbers::e, shrink = 0.8408964152537145;  // 2^(-1/4)
  const double norm = state.gradient.stableNorm(), power = std::pow(norm, options_.alpha);
  Update update{.measured = true};
  for (bool first = true;; first = false) {
    update.stepsize = 1 / (state.L0 + state.L1 * power);
    Evaluation trial = evaluate(problem, state.x - update.stepsize * state.gradient);
    update.evaluations += 1;
    if (trial.x == state.x) {
      update.halt = no_decrease_reason(update.stepsize);
      return update;
    }
    if (trial.finite() && trial.value <= state.value - share * update.stepsize * norm * norm) {
      move_to(state, std::move(trial));
      if (first) {
        state.L0 *= shrink;
        state.L1 *= shrink;
      }
      return update;
    }
    state.L0 *= 2;
    state.L1 *= 2;
  }
}

bool Normalized::is_whole(const NormalizedState& state) const {
  return state.L0 >= 0 && state.L1 >= 0;
}

}  // namespace thalweg
