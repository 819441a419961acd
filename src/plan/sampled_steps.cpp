#include "sampled_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "thalweg/method/normalized_theory.hpp"
#include "thalweg/plan/sampling.hpp"

namespace thalweg::plan {
namespace {

constexpr Index least_samples = 1000;  // for methods that can also take all of them
constexpr double small_batch = 64;
// Of networks on many samples: half of the passes over the parameters.
constexpr Index many_samples = 20000;
constexpr double large_batch = 128;
constexpr double usual_epochs = 20;  // of networks, after which they mostly learn by heart

bool is_network(const ProblemSize& size) { return size.composite && !size.hidden.empty(); }

bool always_draws(std::string_view method) {
  constexpr std::array<std::string_view, 5> names{"sgd", "ian-sgd", "clipped-sgd", "nsgd-momentum",
                                                  "spider"};
  return std::ranges::find(names, method) != names.end();
}

double number_of(const Options& options, const std::string& key, double otherwise) {
  const std::string text = option(options, key, "");
  double value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

double batch_of(const Plan& plan) {
  const double usual = plan.method == "sgd" ? 1 : always_draws(plan.method) ? small_batch : 0;
  return number_of(plan.options, "batch", usual);
}

void choose_batch(const ProblemSize& size, const Goal& goal, Plan& plan) {
  if (plan.options.contains("batch") || !size.sampled) return;
  const bool many = size.samples >= least_samples;
  if (plan.method == "sgd" && size.classification && size.linear) return;  // single samples
  if (!always_draws(plan.method) && !goal.sampled_problem && !many) return;
  const double batch = usual_batch(size);
  plan.options["batch"] = fmt::format("{}", batch);
  plan.decisions.push_back({"batch",
                            fmt::format("{}", batch),
                            fmt::format("a batch out of {} samples per update", size.samples),
                            {}});
}

// A run of a network that nothing else bounds ends after some epochs.
void choose_epochs(const ProblemSize& size, const Goal& goal, Plan& plan) {
  if (!is_network(size) || size.samples < least_samples || batch_of(plan) == 0) return;
  if (goal.max_steps || goal.budget || goal.target_loss || goal.time_limit ||
      goal.method_options.contains("eps"))
    return;
  plan.max_steps =
      static_cast<std::int64_t>(std::ceil(usual_epochs * count(size.samples) / batch_of(plan)));
  plan.decisions.push_back({"steps",
                            fmt::format("at most {}", plan.max_steps),
                            fmt::format("{} epochs; --max-steps allows more", usual_epochs),
                            {}});
}

// The published stepsize of adam is one of the plan where the user gave none: as with the measured
// ones, it shrinks to the end.
void choose_schedule(const ProblemSize& size, Plan& plan) {
  const bool whole = plan.method != "adam" || !is_network(size) || batch_of(plan) == 0;
  if (whole || plan.options.contains("stepsize") || plan.options.contains("schedule")) return;
  plan.options["schedule"] = "cosine";
  plan.decisions.push_back({"schedule",
                            "cosine",
                            "the noise floor shrinks with the stepsize",
                            {{"constant", "--option schedule=constant"}}});
}

// Shares of 1 over the curvature. The careful one keeps half of the descent wherever the law holds.
// At networks' a step still descends at the start, below 2; later their curvature gives way to the
// stepsize (Cohen et al., ICLR 2021), and the shorter steps would only take more epochs.
constexpr double careful = 0.7, networks = 1.4;

/// The law of the curvature and the gradient norms a run goes through.
struct Scales {
  GeneralizedSmoothness law;  // of what is typical: the measured law over its spread
  double start = 0, end = 0;  // gradient norms at the start, and where the noise takes over
  double share = careful;     // of 1 over the curvature that a multiplier is

  // The multiplier of a gradient of that norm (method/normalized_theory.hpp). The measured law lies
  // above every probe, of which the worst may lie far off the path; and the noise is left to the
  // schedule, since a bound for it would stop the run where few directions are noisy.
  double multiplier(double norm) const { return share / law.at(norm); }
  double middle() const { return std::sqrt(start * end); }
};

// The gradient norm that steps begin with: at a stationary start, that of where the laws were
// measured.
double start_gradient(const Preflight& preflight) {
  constexpr double stationary = 1e-8;
  const double norm = preflight.initial_gradient_norm;
  return norm > stationary || !preflight.curvature ? norm : preflight.curvature->largest_gradient;
}

std::optional<Scales> scales_of(const ProblemSize& size, const Preflight& preflight, double batch) {
  if (!preflight.curvature || !(start_gradient(preflight) > 0)) return std::nullopt;
  Scales scales;
  if (is_network(size)) scales.share = networks;
  scales.law = preflight.curvature->law;
  scales.law.l0 /= preflight.curvature->spread;
  scales.law.l1 /= preflight.curvature->spread;
  scales.start = start_gradient(preflight);
  scales.end = 1e-3 * std::max(1.0, scales.start);
  if (preflight.noise && batch > 0)
    scales.end = std::max(scales.end, preflight.noise->law.tau2 / std::sqrt(batch));
  scales.end = std::min(scales.end, scales.start);
  if (!(scales.law.at(scales.start) > 0)) return std::nullopt;
  return scales;
}

/// Where the law turns from L0 to L1 |g|^alpha, within the norms of the run.
double turning_norm(const Scales& scales) {
  const GeneralizedSmoothness& law = scales.law;
  if (law.l1 <= 0 || law.alpha <= 0) return scales.start;
  return std::clamp(std::pow(law.l0 / law.l1, 1 / law.alpha), scales.end, scales.start);
}

struct Pace {
  double stepsize = 0, threshold = 0;
  std::string because;
};

/// The stepsize of a method on batches: none of its multipliers is above what is safe at the norm
/// it is chosen for.
Pace pace_of(const Plan& plan, const Scales& scales) {
  const std::string law = fmt::format("curvature {:.3g} + {:.3g} |g|^{:.3g}", scales.law.l0,
                                      scales.law.l1, scales.law.alpha);
  if (plan.method == "sgd")
    return {scales.multiplier(scales.start), 0,
            fmt::format("{} over typical {} at the start, |g| = {:.3g}", scales.share, law,
                        scales.start)};
  const double beta =
      number_of(plan.options, "exponent",
                plan.method == "normalized" || plan.method == "ian-sgd" ? 2.0 / 3 : 1);
  if (plan.method == "ian-sgd" || plan.method == "clipped-sgd") {
    const double factor = plan.method == "ian-sgd" ? number_of(plan.options, "factor", 2) : 1;
    const double norm = turning_norm(scales);
    const double threshold = number_of(plan.options, "threshold", factor * norm);
    return {
        scales.multiplier(norm) * std::pow(threshold, beta), threshold,
        fmt::format("{} over typical {}, clipped from |g| = {:.3g} on", scales.share, law, norm)};
  }
  // The parameter-free schedule shrinks by itself from a first step of this length.
  const bool shrinks =
      plan.method == "nsgd-momentum" && number_of(plan.options, "momentum", 0) == 0;
  const double norm = shrinks ? scales.start : scales.middle();
  return {scales.multiplier(norm) * std::pow(norm, beta), 0,
          fmt::format("{} over typical {} at |g| = {:.3g}, {}", scales.share, law, norm,
                      shrinks ? "the start" : "midway to the noise")};
}

bool has_stepsize(const Options& options) {
  return options.contains("stepsize") || options.contains("eta");
}

void choose_pace(const ProblemSize& size, const Preflight& preflight, Plan& plan) {
  const double batch = batch_of(plan);
  if (batch == 0 || plan.method == "adam" || has_stepsize(plan.options)) return;
  if (plan.method == "sgd" && size.classification && size.linear) return;
  if (option(plan.options, "rule", "threshold") != "threshold") return;
  const auto scales = scales_of(size, preflight, batch);
  if (!scales) return;
  const Pace pace = pace_of(plan, *scales);
  if (!(pace.stepsize > 0) || !std::isfinite(pace.stepsize)) return;
  plan.options[plan.method == "sgd" ? "eta" : "stepsize"] = fmt::format("{}", pace.stepsize);
  plan.decisions.push_back({"stepsize", fmt::format("{:.4g}", pace.stepsize), pace.because, {}});
  if (pace.threshold > 0 && !plan.options.contains("threshold")) {
    plan.options["threshold"] = fmt::format("{}", pace.threshold);
    plan.decisions.push_back(
        {"threshold", fmt::format("{:.4g}", pace.threshold), pace.because, {}});
  }
  if (!plan.options.contains("schedule")) {
    plan.options["schedule"] = "cosine";
    plan.decisions.push_back({"schedule",
                              "cosine",
                              "the noise floor shrinks with the stepsize",
                              {{"constant", "--option schedule=constant"}}});
  }
}

// The rows of the published table of clipped-sgd, from what was measured.
void fill_table(const Preflight& preflight, Plan& plan) {
  if (plan.method != "clipped-sgd" || option(plan.options, "rule", "threshold") == "threshold")
    return;
  plan.options.try_emplace("steps", fmt::format("{}", plan.max_steps));
  if (preflight.curvature) {
    const GeneralizedSmoothness& law = preflight.curvature->law;
    constexpr double least = 1e-12;
    plan.options.try_emplace("l0", fmt::format("{}", std::max(least, law.l0)));
    plan.options.try_emplace("l1", fmt::format("{}", std::max(least, law.l1)));
  }
  if (preflight.noise && batch_of(plan) > 0)
    plan.options.try_emplace("noise",
                             fmt::format("{}", std::sqrt(preflight.noise->law.variance(
                                                   start_gradient(preflight), batch_of(plan)))));
}

void choose_independence(const Preflight& preflight, Plan& plan) {
  if (!preflight.normalization_bias || batch_of(plan) == 0) return;
  constexpr std::array<std::string_view, 3> dividing{"ian-sgd", "normalized", "clipped-sgd"};
  if (std::ranges::find(dividing, plan.method) == dividing.end()) return;
  const SamplingChoice choice = choose_sampling(*preflight.normalization_bias);
  Decision decision{"sampling", "same-batch", choice.because, {}};
  const bool advised = choice.sampling == Sampling::independent;
  if (plan.method == "ian-sgd") {
    const bool same = option(plan.options, "independent-batch", "") == "0";
    decision.chosen = same ? "same-batch" : "independent";
    if (!advised && !same)
      decision.rejected.push_back(
          {"same-batch", "asked for ian-sgd; --option independent-batch=0 would save its samples"});
    if (advised && same) decision.rejected.push_back({"independent", "asked for the same batch"});
  } else if (advised) {
    decision.because = "asked for, against the measurement: " + choice.because;
    decision.rejected.push_back({"independent", "--method ian-sgd has it"});
  }
  plan.decisions.push_back(std::move(decision));
}

// ---- forecast

void forecast_regime(const Preflight& preflight, const Plan& plan, Forecast& forecast) {
  const double gamma = number_of(plan.options, "stepsize", 0);
  if (plan.method != "normalized" || !preflight.dominance || !(gamma > 0)) return;
  if (number_of(plan.options, "batch", 0) > 0) return;
  const GradientDominance& dominance = *preflight.dominance;
  const double beta = number_of(plan.options, "exponent", 2.0 / 3);
  const DescentRegime regime = descent_regime(dominance, beta);
  forecast.regime = to_string(regime);
  forecast.exponent = descent_exponent(dominance, beta);
  forecast.assumptions.push_back(
      {fmt::format("gradient dominance |g|^{:.4g} >= {:.4g} (f - f*), as on the probes",
                   dominance.rho, dominance.two_mu),
       dominance.rho, Status::unknown});
  if (!preflight.curvature || beta < preflight.curvature->law.alpha) return;
  const double floor = gap_floor(dominance, preflight.curvature->law, gamma, beta);
  if (std::isfinite(floor) && floor > 0) forecast.step_floor = floor;
}

void forecast_samples(const Preflight& preflight, const Plan& plan, Forecast& forecast,
                      double batch) {
  if (!preflight.curvature || !preflight.noise) return;
  const double eps =
      plan.gradient_tolerance.value_or(1e-3 * std::max(1.0, preflight.initial_gradient_norm));
  const CurvatureGrowth& growth = *preflight.curvature;
  const AffineNoise& noise = preflight.noise->law;
  const double gap = preflight.initial_loss;  // losses are not negative
  const bool plain = plan.method == "sgd" || growth.law.l1 == 0;
  const FirstOrderBudget budget =
      plain ? sgd_budget(growth.law.at(preflight.initial_gradient_norm), noise, batch, gap, eps)
            : normalized_sgd_budget(growth.law, noise, gap, eps);
  if (!std::isfinite(budget.samples()) || !(budget.samples() > 0)) return;
  forecast.samples = budget.samples();
  forecast.assumptions.push_back(
      {fmt::format("samples to a mean gradient norm of {:.3g}: a bound for {} steps of {:.3g} "
                   "samples with its own stepsize, if the measured laws hold everywhere",
                   eps, plain ? "plain" : "normalized", budget.batch),
       budget.samples(), Status::unknown});
  forecast.assumptions.push_back(
      {fmt::format("curvature at most {:.3g} + {:.3g} |g|^{:.3g} (typical excess of the law on {} "
                   "probes)",
                   growth.law.l0, growth.law.l1, growth.law.alpha, growth.samples),
       growth.spread, Status::unknown});
  forecast.assumptions.push_back({"noise affine in the gradient (largest over fitted variance)",
                                  preflight.noise->spread, Status::unknown});
}

}  // namespace

bool is_sampled(std::string_view method) {
  return always_draws(method) || method == "adam" || method == "normalized";
}

bool draws_batches(std::string_view method, const Options& options, const ProblemSize& size) {
  if (!size.sampled || !is_sampled(method)) return false;
  if (options.contains("batch")) return number_of(options, "batch", 0) > 0;
  return always_draws(method) || size.samples >= least_samples;
}

void choose_sampled_options(const ProblemSize& size, const Preflight& preflight, const Goal& goal,
                            Plan& plan) {
  if (!is_sampled(plan.method)) return;
  choose_batch(size, goal, plan);
  choose_epochs(size, goal, plan);
  choose_pace(size, preflight, plan);
  choose_schedule(size, plan);
  fill_table(preflight, plan);
  choose_independence(preflight, plan);
  if (option(plan.options, "schedule", "constant") != "constant")
    plan.options.try_emplace("horizon", fmt::format("{}", plan.max_steps));
}

void forecast_sampled(const ProblemSize&, const Preflight& preflight, const Plan& plan,
                      Forecast& forecast) {
  if (!is_sampled(plan.method)) return;
  forecast_regime(preflight, plan, forecast);
  const double batch = batch_of(plan);
  if (batch > 0 && plan.method != "adam") forecast_samples(preflight, plan, forecast, batch);
}

}  // namespace thalweg::plan

namespace thalweg {

double usual_batch(const ProblemSize& size) {
  if (plan::is_network(size) && size.samples >= plan::many_samples) return plan::large_batch;
  return std::clamp(std::floor(plan::count(size.samples) / 5), 1.0, plan::small_batch);
}

}  // namespace thalweg
