#include "saddle_steps.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "thalweg/method/registry.hpp"
#include "thalweg/method/saddle_theory.hpp"

namespace thalweg::plan {
namespace {

// Of an option that is a number, or 0.
double number(const Options& options, const std::string& key, double otherwise = 0) {
  const auto found = options.find(key);
  if (found == options.end()) return otherwise;
  double value = otherwise;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

bool perturbs(const Plan& plan) {
  return plan.method == "perturbed" ||
         (plan.method == "tamed" && option(plan.options, "perturbed", "false") == "true");
}

SaddlePreset preset_of(const Plan& plan) {
  return option(plan.options, "preset", "published") == "practical" ? SaddlePreset::practical
                                                                    : SaddlePreset::published;
}

// Whether the user put a constant in the place of one that the problem states. Of others the plan
// itself hands the measured ones on as options.
bool overrides(const ValueCurvature& curvature, const Options& options) {
  return curvature.proved() &&
         (number(options, "smoothness") > 0 || number(options, "hessian-lipschitz") > 0);
}

std::string origin_of(const ValueCurvature& curvature, const Options& options) {
  return overrides(curvature, options) ? "given" : to_string(curvature.source);
}

// l and rho in force: given, or those of preflight.
SaddleConstants constants_of(const ValueCurvature& curvature, const Options& options, double eps) {
  SaddleConstants constants;
  const double l = number(options, "smoothness"), rho = number(options, "hessian-lipschitz");
  constants.smoothness = l > 0 ? l : curvature.smoothness;
  constants.source = curvature.source;
  constants.proved = curvature.proved() && !overrides(curvature, options);
  const double least = least_hessian_lipschitz(curvature.smoothness, eps, curvature.proved());
  constants.hessian_lipschitz = rho > 0 ? rho : std::max(curvature.hessian_lipschitz, least);
  constants.gap = curvature.gap;
  constants.radius = curvature.radius;
  return constants;
}

double delta_of(const Options& options) { return number(options, "failure-probability", 0.1); }

// What could not be derived is left to the method.
void fill(Options& options, const std::string& key, double value) {
  if (value > 0 && std::isfinite(value) && !(number(options, key) > 0))
    options[key] = fmt::format("{}", value);
}

// A stated bound is found again by the method; what was measured on a path is handed on to it.
void hand_on(const ValueCurvature& curvature, const SaddleConstants& constants, Plan& plan) {
  plan.decisions.push_back(
      {"curvature",
       fmt::format("l {:.4g}, rho {:.4g}", constants.smoothness, constants.hessian_lipschitz),
       fmt::format("{} at f(x0) + 2", origin_of(curvature, plan.options)),
       {}});
  if (constants.proved) return;
  fill(plan.options, "smoothness", constants.smoothness);
  fill(plan.options, "hessian-lipschitz", constants.hessian_lipschitz);
}

void choose_perturbation(const ProblemSize& size, const Preflight& preflight, double eps,
                         Plan& plan) {
  const ValueCurvature& curvature = *preflight.value_curvature;
  const SaddleConstants constants = constants_of(curvature, plan.options, eps);
  const PerturbationRule rule = perturbation_rule(constants, count(size.parameters), eps,
                                                  delta_of(plan.options), preset_of(plan));
  hand_on(curvature, constants, plan);
  fill(plan.options, "stepsize", rule.stepsize);
  // A gradient below eps is no scale, since it may be rounding: then what the level allows.
  const double start = preflight.initial_gradient_norm;
  if (plan.method == "tamed")
    fill(plan.options, "scale", 1 / (start > eps ? start : curvature.gradient_norm));
  if (!perturbs(plan)) return;
  fill(plan.options, "radius", rule.radius);
  // Shorter steps take more of them.
  fill(plan.options, "waiting",
       std::ceil(rule.waiting * std::max(1.0, rule.stepsize / number(plan.options, "stepsize"))));
  fill(plan.options, "decrease", rule.decrease);
  plan.decisions.push_back(
      {"perturbation",
       fmt::format("radius {}, waiting time {} steps, required decrease {}", plan.options["radius"],
                   plan.options["waiting"], plan.options["decrease"]),
       rule.chi > 0 ? fmt::format("eps {:.3g}, failure probability {:.3g}, chi {:.3g}", eps,
                                  delta_of(plan.options), rule.chi)
                    : "practical: larger than the published ones, without a proof",
       {}});
}

// Batches of the plan; all samples where it is 0.
double batch_variance(const Preflight& preflight, const Plan& plan, double eps) {
  const double noise = number(plan.options, "noise"), added = noise > 0 ? noise : eps;
  const double batch = number(plan.options, "batch", 64);
  const bool draws = batch > 0 && preflight.noise;
  return added * added +
         (draws ? preflight.noise->law.variance(preflight.initial_gradient_norm, batch) : 0);
}

void choose_restarts(const ProblemSize& size, const Preflight& preflight, double eps, Plan& plan) {
  const SaddleConstants constants = constants_of(*preflight.value_curvature, plan.options, eps);
  const bool published = option(plan.options, "preset", "practical") == "published";
  const RestartRule rule =
      restart_rule(constants, count(size.parameters), eps, delta_of(plan.options),
                   batch_variance(preflight, plan, eps), number(plan.options, "radius"),
                   published ? SaddlePreset::published : SaddlePreset::practical);
  hand_on(*preflight.value_curvature, constants, plan);
  fill(plan.options, "noise", eps);
  fill(plan.options, "radius", rule.radius);
  fill(plan.options, "stepsize", rule.stepsize);
  fill(plan.options, "waiting",
       std::ceil(rule.waiting * rule.stepsize / number(plan.options, "stepsize")));
  plan.decisions.push_back(
      {"restarts",
       fmt::format("stepsize {}, radius {}, waiting time {} updates", plan.options["stepsize"],
                   plan.options["radius"], plan.options["waiting"]),
       fmt::format("eps {:.3g}, failure probability {:.3g}, noise of a batch at the start", eps,
                   delta_of(plan.options)),
       {}});
}

}  // namespace

void choose_saddle_options(const ProblemSize& size, const Preflight& preflight, double eps,
                           Plan& plan) {
  if (escapes(plan.options)) fill(plan.options, "escape-eps", eps);
  if (!has_own_option(find_method(plan.method), "eps")) return;
  fill(plan.options, "eps", eps);
  if (!preflight.value_curvature) return;
  // Its steps follow the value, its promise one rho.
  if (plan.method == "negative-curvature" && !preflight.value_curvature->proved())
    fill(plan.options, "hessian-lipschitz",
         constants_of(*preflight.value_curvature, plan.options, eps).hessian_lipschitz);
  if (plan.method == "restarted") choose_restarts(size, preflight, eps, plan);
  if (plan.method == "perturbed" || plan.method == "tamed")
    choose_perturbation(size, preflight, eps, plan);
}

void forecast_saddles(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                      Forecast& forecast) {
  const bool own = leaves_saddles(plan.method, plan.options);
  if (!own && !escapes(plan.options)) return;
  forecast.claims_second_order = own;
  if (!own || !preflight.value_curvature) return;
  const double eps = number(plan.options, "eps");
  const SaddleConstants constants = constants_of(*preflight.value_curvature, plan.options, eps);
  forecast.assumptions.push_back({fmt::format("curvature bounded by the value: l and rho ({})",
                                              origin_of(*preflight.value_curvature, plan.options)),
                                  constants.smoothness,
                                  constants.proved ? Status::pass : Status::unknown});
  if (plan.method == "negative-curvature") {
    constexpr Index decided = 1000;  // parameters of which Lanczos sees all
    const double gain = curvature_gain(curvature_tolerance(eps, constants.hessian_lipschitz),
                                       constants.hessian_lipschitz);
    const double gradient_steps = 2 * constants.smoothness * constants.gap / (eps * eps);
    forecast.assumptions.push_back(
        {fmt::format("second-order stationary after at most {:.2g} gradient steps and {:.2g} along "
                     "curvature",
                     gradient_steps, constants.gap / gain),
         gradient_steps,
         constants.proved && size.parameters <= decided ? Status::pass : Status::unknown});
  }
  if (!perturbs(plan)) return;
  const PerturbationRule rule = perturbation_rule(constants, count(size.parameters), eps,
                                                  delta_of(plan.options), preset_of(plan));
  // x + eta xi differs from x only where the displacement is above its rounding.
  const double displacement = number(plan.options, "stepsize") * number(plan.options, "radius");
  const double rounding = std::numeric_limits<double>::epsilon() * preflight.start_norm;
  forecast.assumptions.push_back({"perturbations are above the rounding of the parameters",
                                  displacement,
                                  displacement > rounding ? Status::pass : Status::fail});
  forecast.assumptions.push_back({"the constants hold as far as an escape travels", rule.travel,
                                  rule.within ? Status::pass : Status::fail});
  if (rule.chi > 0)
    forecast.assumptions.push_back(
        {fmt::format("second-order stationary after at most {:.2g} steps, with probability {}",
                     rule.steps, 1 - delta_of(plan.options)),
         rule.steps, constants.proved && rule.within ? Status::pass : Status::unknown});
}

}  // namespace thalweg::plan
