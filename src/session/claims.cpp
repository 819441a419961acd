#include <algorithm>
#include <cmath>

#include "thalweg/method/registry.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

constexpr double affordable_numbers = 1e10;  // parameters times samples of a full gradient
constexpr double adapted_flow_slack = 0.01;  // where it lands on a flow time, not on the loss

// A point that the validation rows chose on the way makes no claim about the training objective.
bool chosen_by_validation(const Result& result) {
  return result.reason.outcome != Outcome::converged && result.best_step != result.steps;
}

// ln of what is promised for all the steps of the plan, where the run took them.
std::optional<double> bound_at_end(const report::Record& record, const Result& result) {
  const bool all = result.steps >= record.plan->max_steps && record.plan->method == "large-step";
  return all ? record.forecast->log_loss_bound : std::nullopt;
}

}  // namespace

Claims claims_of(const report::Record& record, const Objective& objective, const Goal& goal,
                 std::optional<double> eps) {
  const Preflight& preflight = *record.preflight;
  Claims claims;
  claims.eps = eps ? *eps
                   : record.plan->gradient_tolerance.value_or(
                         default_eps_share * std::max(1.0, preflight.initial_gradient_norm));
  const double floor = preflight.rank ? preflight.rank->duplicate_floor : 0;
  const bool bounded_below = std::isfinite(objective.lower_bound());
  const bool overparametrized = record.problem->regime == "overparametrized";
  // A penalty has a minimum above 0, which is no bound to be near to.
  const auto* composite = dynamic_cast<const CompositeObjective*>(&objective);
  const bool penalized = composite && composite->ridge() > 0;
  claims.global_minimum =
      bounded_below && (!penalized || goal.target_loss) &&
      (overparametrized || goal.target_loss || record.forecast->claims_global_minimum);
  claims.lower_bound = std::max(objective.lower_bound(), floor);
  const double default_target =
      floor > 0 ? default_floor_share * floor : default_target_share * preflight.initial_loss;
  claims.target = goal.target_loss ? *goal.target_loss
                  : floor > 0
                      ? default_target  // the plan's target counts from zero, this from the floor
                      : record.plan->target_loss.value_or(default_target);
  // Who set out for a loss did not set out for a stationary point.
  claims.first_order = !goal.target_loss && !record.plan->target_loss;
  const double numbers =
      static_cast<double>(objective.dimension()) * static_cast<double>(objective.sample_count());
  claims.first_order_sampled = numbers > affordable_numbers &&
                               find_method(record.plan->method).sampled &&
                               dynamic_cast<const FiniteSum*>(&objective) != nullptr;
  claims.separates = preflight.separability && preflight.separability->verdict == Separable::yes &&
                     composite && composite->model().linear() && !penalized;
  claims.slack = record.forecast && record.forecast->flow_time ? adapted_flow_slack : 0;
  return claims;
}

std::vector<Certificate> measure_claims(const Claims& claims, const Objective& objective,
                                        const ConstVectorRef& x) {
  std::vector<Certificate> certificates;
  if (claims.global_minimum)
    certificates.push_back(
        certify_global_minimum(objective, x, claims.lower_bound, claims.target, claims.slack));
  if (claims.first_order)
    certificates.push_back(claims.first_order_sampled
                               ? certify_first_order_sampled(objective, x, claims.eps)
                               : certify_first_order(objective, x, claims.eps));
  const auto* composite = dynamic_cast<const CompositeObjective*>(&objective);
  if (claims.separates && composite) certificates.push_back(certify_separates(*composite, x));
  return certificates;
}

std::vector<Certificate> certify(const Objective& problem, const Vector& start,
                                 const Result& result, const report::Record& record,
                                 const Goal& goal, std::optional<double> eps, bool validated) {
  if (validated && chosen_by_validation(result)) return {};
  auto certificates = measure_claims(claims_of(record, problem, goal, eps), problem, result.best);
  const bool predicted = std::any_of(result.trace.begin(), result.trace.end(),
                                     [](const StepRecord& r) { return r.predicted.has_value(); });
  const bool bounded =
      std::any_of(result.trace.begin(), result.trace.end(),
                  [](const StepRecord& r) { return r.bound_log_value.has_value(); });
  const bool bounds_loss = record.forecast->log_loss_bound && record.forecast->claims_rate;
  if (bounded || bounds_loss)
    certificates.push_back(judge_loss_bound(result.trace, bound_at_end(record, result)));
  else if (record.forecast->claims_rate || predicted)
    certificates.push_back(judge_rate(result.trace));
  const auto* composite = dynamic_cast<const CompositeObjective*>(&problem);
  if (record.plan->method == "large-step" && composite && !composite->model().linear() &&
      start.size() > 0)
    certificates.push_back(judge_tangent_kernel(composite->model(), start, result.best));
  return certificates;
}

}  // namespace thalweg
