#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "thalweg/certify/second_order.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/method/saddle_theory.hpp"
#include "thalweg/problem/curvature_measurement.hpp"
#include "thalweg/problem/hessian.hpp"
#include "thalweg/problem/sample_subset.hpp"
#include "thalweg/session/session.hpp"
#include "work_share.hpp"

namespace thalweg {
namespace {

constexpr double affordable_numbers = 1e10;  // parameters times samples of a full gradient
constexpr Index part_samples = 2048;         // on which the third derivative is measured then
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

// The third derivative at a point, from above as far as a few iterations tell.
double third_derivative_at(const Objective& objective, const ConstVectorRef& x, double eps) {
  RandomStream random(0, "certify-third-derivative");
  Vector gradient(x.size());
  objective.value_and_gradient(x, gradient);
  const CurvatureMeasurement found =
      measure_curvature(objective, x, gradient, random, /*thorough=*/false);
  if (!std::isfinite(found.third_derivative) || !std::isfinite(found.hessian_norm)) return 0;
  const double rho = CurvatureEnvelope::usual_safety * found.third_derivative;
  const double least = least_hessian_lipschitz(found.hessian_norm, eps, /*proved=*/false);
  return std::max({rho, least, std::numeric_limits<double>::min() / eps});
}

// Of a problem whose full gradients cost too much a measurement on some samples has to do.
std::unique_ptr<SampleSubset> part_of(const Claims& claims, const Objective& objective) {
  if (!claims.first_order_sampled || objective.sample_count() <= part_samples) return nullptr;
  return std::make_unique<SampleSubset>(objective, part_samples, 0);
}

// rho on the level of a point by the bound that the problem states; 0: it states none.
double stated_hessian_lipschitz(const Objective& objective, const ConstVectorRef& x, double eps) {
  const CurvatureBound bound = stated_curvature_bound(objective);
  if (bound.source() == CurvatureBound::Source::none) return 0;
  return saddle_constants(bound, objective.value(x) - 1, objective.lower_bound(), eps)
      .hessian_lipschitz;
}

// rho for the certificate, and where it comes from.
Assumption choose_rho(const Claims& claims, const Objective& objective, const ConstVectorRef& x) {
  if (claims.hessian_lipschitz > 0)
    return {"rho of the promise: given, or that of the bound two above the start",
            claims.hessian_lipschitz, Status::unknown};
  if (const double stated = stated_hessian_lipschitz(objective, x, claims.eps); stated > 0)
    return {"rho bounded by the value, one above that of the point", stated, Status::pass};
  const auto part = part_of(claims, objective);
  const Objective& measured = part ? static_cast<const Objective&>(*part) : objective;
  return {"rho measured at the point, times 1.5", third_derivative_at(measured, x, claims.eps),
          Status::unknown};
}

Certificate certify_curvature(const Claims& claims, const Objective& objective,
                              const ConstVectorRef& x) {
  Certificate unaffordable;
  unaffordable.claim = "second-order";
  unaffordable.kind = "undecided";
  constexpr int fewest = 8;
  const bool whole = claims.most_products >= std::min<std::int64_t>(fewest, x.size());
  if (claims.most_products > 0 && !whole) {
    unaffordable.because =
        "it would take more than its share of the time of the run: thalweg "
        "certify measures it";
    return unaffordable;
  }
  SecondOrderOptions options;
  options.eps = claims.eps;
  const Assumption rho = choose_rho(claims, objective, x);
  options.hessian_lipschitz = rho.measured.value_or(0);
  if (!(options.hessian_lipschitz > 0)) {
    unaffordable.because = "second and third derivatives are not finite at the point";
    return unaffordable;
  }
  if (claims.first_order_sampled) {
    SampledSecondOrderOptions sampled;
    sampled.eps = options.eps;
    sampled.hessian_lipschitz = options.hessian_lipschitz;
    Certificate certificate = certify_second_order_sampled(objective, x, sampled);
    certificate.assumptions.push_back(rho);
    return certificate;
  }
  if (claims.most_products > 0)
    options.max_products = static_cast<int>(std::max<std::int64_t>(fewest, claims.most_products));
  Certificate certificate = certify_second_order(objective, x, options);
  certificate.assumptions.push_back(rho);
  return certificate;
}

bool is_stationary(const Objective& objective, const ConstVectorRef& x, double eps) {
  Vector gradient(x.size());
  objective.value_and_gradient(x, gradient);
  return gradient.stableNorm() <= eps;
}

// Hessian products within the certificate's share of the work of the run, after what it takes
// beside them: gradients at the point and their confirmation, and rho where it is not known.
std::int64_t affordable_products(const Objective& objective, const Result& result,
                                 const report::Record& record, const Claims& claims) {
  constexpr double gradients_per_product = 2, beside = 9, rho_gradients = 21;
  const WorkShare share = work_share(objective, result, record, certificate_share);
  const double part = claims.first_order_sampled
                          ? std::min(1.0, static_cast<double>(part_samples) /
                                              static_cast<double>(objective.sample_count()))
                          : 1;
  const bool known = claims.hessian_lipschitz > 0 ||
                     stated_curvature_bound(objective).source() != CurvatureBound::Source::none;
  const double fixed = part * (beside + (known ? 0 : rho_gradients));
  return static_cast<std::int64_t>(
      std::min((share.gradients - fixed) / gradients_per_product, share.most_products));
}

// What the run may claim of curvature, and what that may cost.
void claim_second_order(const Objective& objective, const Result& result,
                        const report::Record& record, Claims& claims) {
  const bool delivers = record.forecast->claims_second_order || escapes(record.plan->options);
  claims.second_order = delivers || has_exact_hessian(objective);
  if (!claims.second_order) return;
  claims.only_where_stationary = !delivers && !claims.first_order;
  if (!delivers)
    claims.most_products =
        std::max<std::int64_t>(1, affordable_products(objective, result, record, claims));
}

// An option that is a number above 0, else 0: a report may have been written by hand.
double number_of(const Plan& plan, const std::string& key) {
  const auto found = plan.options.find(key);
  if (found == plan.options.end()) return 0;
  double value = 0;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value > 0 && std::isfinite(value) ? value : 0;
}

// rho of the promise: what the method goes by, given, or that of the bound two above the start.
double promised_hessian_lipschitz(const report::Record& record, double eps) {
  if (const double given = number_of(*record.plan, "hessian-lipschitz"); given > 0) return given;
  if (!record.preflight->value_curvature) return 0;
  const ValueCurvature& curvature = *record.preflight->value_curvature;
  return std::max(curvature.hessian_lipschitz,
                  least_hessian_lipschitz(curvature.smoothness, eps, curvature.proved()));
}

}  // namespace

void ask_for_second_order(const Objective& objective, Claims& claims) {
  constexpr double most_flops = 1e12, gradients_per_product = 2, most = 500, fewest = 8;
  const double gradient_flops = 6 * static_cast<double>(objective.dimension()) *
                                static_cast<double>(objective.sample_count());
  claims.second_order = true;
  claims.only_where_stationary = !claims.first_order;
  claims.most_products = static_cast<std::int64_t>(
      std::clamp(most_flops / (gradients_per_product * gradient_flops), fewest, most));
}

std::int64_t second_order_price(const Objective& objective, const Claims& claims) {
  SecondOrderOptions options;
  options.max_products = static_cast<int>(std::max<std::int64_t>(8, claims.most_products));
  return second_order_cost(objective, options);
}

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
  if (leaves_saddles(record.plan->method, record.plan->options)) {
    if (const double own = number_of(*record.plan, "eps"); !eps && own > 0) claims.eps = own;
    claims.hessian_lipschitz = promised_hessian_lipschitz(record, claims.eps);
  }
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
  if (claims.second_order &&
      (!claims.only_where_stationary || is_stationary(objective, x, claims.eps)))
    certificates.push_back(certify_curvature(claims, objective, x));
  const auto* composite = dynamic_cast<const CompositeObjective*>(&objective);
  if (claims.separates && composite) certificates.push_back(certify_separates(*composite, x));
  return certificates;
}

std::vector<Certificate> certify(const Objective& problem, const Vector& start,
                                 const Result& result, const report::Record& record,
                                 const Goal& goal, std::optional<double> eps, bool validated) {
  if (validated && chosen_by_validation(result)) return {};
  Claims claims = claims_of(record, problem, goal, eps);
  claim_second_order(problem, result, record, claims);
  auto certificates = measure_claims(claims, problem, result.best);
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
