#include <fmt/format.h>

#include <cmath>

#include "large_steps.hpp"
#include "saddle_steps.hpp"
#include "sampled_steps.hpp"
#include "thalweg/method/adapted_flow.hpp"
#include "work.hpp"

namespace thalweg {
namespace {

using plan::count;

// A full Gauss-Newton step contracts where beta |e| / sigma^2 stays below this.
constexpr double allowed_curvature = 0.5;

const RankReport* rank_of(const Preflight& preflight) {
  return preflight.rank ? &*preflight.rank : nullptr;
}

bool euclidean(const Plan& plan) {
  return plan::option(plan.options, "metric", "euclidean") == "euclidean";
}

// The flow time at which the run ends, where a loss is promised for it: adapted flow integrated in
// flow time, squared loss, rank J = m <= n.
std::optional<double> flow_time(const ProblemSize& size, const Preflight& preflight,
                                const Plan& plan) {
  const RankReport* rank = rank_of(preflight);
  if (plan.method != "adapted-flow" || size.classification || !size.composite) return std::nullopt;
  if (!size.squared) return std::nullopt;
  if (!size.overparametrized() || !rank || !rank->full.value_or(false)) return std::nullopt;
  if (plan::by_tau_rule(plan.options) || !(preflight.initial_loss > 0)) return std::nullopt;
  const double time = plan::flow_time_option(plan.options);
  return time > 0 ? std::optional(time) : std::nullopt;
}

// The least loss to be expected, where it is above zero: forced by conflicting rows, or, where n >=
// m and the rank is lost, by the residual outside range(J) at the start.
std::optional<double> reachable_floor(const ProblemSize& size, const Preflight& preflight) {
  const RankReport* rank = rank_of(preflight);
  if (!rank || size.classification) return std::nullopt;
  double floor = rank->duplicate_floor;
  const bool lost = size.overparametrized() && rank->full && !*rank->full;
  if (lost && rank->floor) floor = std::max(floor, *rank->floor);
  if ((lost && size.squared) || floor > 0) return floor;
  return std::nullopt;
}

struct Steps {
  std::optional<double> number;
  Assumption basis;  // where the number comes from
};

// The residual falls by the factor that one trial step achieved, until the target or the
// first-order tolerance (the gradient taken to fall with the residual).
std::optional<double> steps_from_trial(const Preflight& preflight, const Plan& plan) {
  constexpr double hopeless = 0.99, fewest = 3;
  const RankReport* rank = rank_of(preflight);
  if (!rank || !rank->trial_reduction || !(preflight.initial_loss > 0)) return std::nullopt;
  const double factor = *rank->trial_reduction;
  double end = plan.target_loss ? std::sqrt(*plan.target_loss / preflight.initial_loss) : 0;
  if (plan.gradient_tolerance && preflight.initial_gradient_norm > 0)
    end = std::max(end, *plan.gradient_tolerance / preflight.initial_gradient_norm);
  if (!(end > 0) || factor >= hopeless) return std::nullopt;
  if (factor <= 0 || end >= 1) return fewest;
  return std::max(fewest, std::ceil(std::log(end) / std::log(factor)));
}

Steps tau_steps(const ProblemSize& size, const Preflight& preflight, const Plan& plan) {
  const RankReport* rank = rank_of(preflight);
  Steps steps{{},
              {"step count: sigma and beta of the start hold along the path", {}, Status::unknown}};
  if (!rank || !rank->full.value_or(false) || !size.overparametrized()) return steps;
  if (!rank->curvature || !rank->residual_norm || !plan.target_loss) return steps;
  const double target = std::sqrt(2 * count(size.samples) * *plan.target_loss);
  steps.number = tau_rule_steps(rank->sigma_min, *rank->curvature, *rank->residual_norm, target);
  return steps;
}

Steps forecast_steps(const ProblemSize& size, const Preflight& preflight, const Plan& plan) {
  if (plan.takes_all_steps)
    return {
        static_cast<double>(plan.max_steps),
        {"step count: all that were asked for", static_cast<double>(plan.max_steps), Status::pass}};
  Steps steps;
  if (plan.method == "adapted-flow" && plan::by_tau_rule(plan.options)) {
    steps = tau_steps(size, preflight, plan);
  } else {
    if (plan.method == "levenberg-marquardt" || plan.method == "gauss-newton")
      steps.number = steps_from_trial(preflight, plan);
    steps.basis = {steps.number ? "step count: an estimate from one trial step, not a bound"
                                : "step count: experience with such problems, not a bound",
                   {},
                   Status::unknown};
    if (!steps.number) steps.number = plan::typical_steps(plan.method);
  }
  if (steps.number) {
    steps.number = std::min(*steps.number, static_cast<double>(plan.max_steps));
    if (!std::isfinite(*steps.number)) steps.number.reset();
  }
  steps.basis.measured = steps.number;
  return steps;
}

Assumption rank_assumption(const RankReport& rank) {
  Assumption assumption{fmt::format("rank condition at the start ({} of {}, tolerance {:.0e})",
                                    rank.rank, std::min(rank.rows, rank.columns), rank.tolerance),
                        {},
                        Status::unknown};
  if (rank.condition) assumption.measured = 1 / *rank.condition;
  if (rank.full) assumption.status = *rank.full ? Status::pass : Status::fail;
  return assumption;
}

Assumption curvature_assumption(const RankReport& rank) {
  Assumption assumption{
      fmt::format("curvature small enough: beta |e| / sigma^2 at most {}", allowed_curvature),
      rank.curvature_ratio, Status::unknown};
  if (rank.curvature_ratio)
    assumption.status = *rank.curvature_ratio <= allowed_curvature ? Status::pass : Status::fail;
  return assumption;
}

Assumption noise_assumption(const RankReport& rank) {
  Assumption assumption{"no equal inputs with different targets", {}, Status::unknown};
  if (rank.conflicting_duplicates) {
    assumption.measured = count(*rank.conflicting_duplicates);
    assumption.status = *rank.conflicting_duplicates == 0 ? Status::pass : Status::fail;
  }
  return assumption;
}

void add_floor_assumption(Forecast& forecast) {
  if (!forecast.floor || !forecast.target_loss) return;
  forecast.assumptions.push_back(
      {"the target lies above the floor", *forecast.floor,
       *forecast.target_loss > *forecast.floor ? Status::pass : Status::fail});
}

}  // namespace

Forecast make_forecast(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                       double flop_rate, double dense_flop_rate) {
  Forecast forecast;
  forecast.initial_loss = preflight.initial_loss;
  forecast.target_loss = plan.target_loss;
  forecast.flow_time = flow_time(size, preflight, plan);
  forecast.floor = reachable_floor(size, preflight);
  forecast.claims_global_minimum =
      forecast.flow_time && plan.target_loss && !plan.gradient_tolerance && !plan.may_end_early;
  forecast.claims_rate = forecast.flow_time && euclidean(plan);

  const bool composite = plan::needs_composite(plan.method);
  if (const RankReport* rank = rank_of(preflight); rank && composite) {
    forecast.assumptions.push_back(rank_assumption(*rank));
    if (forecast.flow_time)
      forecast.assumptions.push_back(
          {"rank condition along the path (watched: sigma_min)", {}, Status::unknown});
    if (!size.classification && size.overparametrized() && !forecast.claims_rate)
      forecast.assumptions.push_back(curvature_assumption(*rank));
    forecast.assumptions.push_back(noise_assumption(*rank));
  }
  add_floor_assumption(forecast);
  plan::forecast_large_steps(size, preflight, plan, forecast);
  plan::forecast_sampled(size, preflight, plan, forecast);
  plan::forecast_saddles(size, preflight, plan, forecast);

  const StepCost cost = step_cost(plan.method, plan.options, size);
  forecast.bytes = cost.bytes;
  const double gradient_flops = size.gradient_flops > 0
                                    ? size.gradient_flops
                                    : 6 * count(size.parameters) * count(size.samples);
  // Large matrix products run about five times as many flops in the same time.
  constexpr double dense_weight = 0.2;
  if (gradient_flops > 0)
    forecast.step_gradients = (cost.flops - (1 - dense_weight) * cost.dense_flops) / gradient_flops;
  const Steps steps = forecast_steps(size, preflight, plan);
  forecast.steps = steps.number;
  forecast.assumptions.push_back(steps.basis);
  if (steps.number && flop_rate > 0) {
    const double dense_rate = dense_flop_rate > 0 ? dense_flop_rate : flop_rate;
    forecast.seconds = *steps.number * (cost.dense_flops / dense_rate +
                                        (cost.flops - cost.dense_flops) / flop_rate);
  }
  return forecast;
}

}  // namespace thalweg
