#include "large_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace plan {
namespace {

constexpr const char* constant_step = "large-step";
constexpr const char* adaptive_step = "large-step-adaptive";

double burn_in(const SeparableRows& rows) { return 1 / (rows.margin * rows.margin); }

// The least steps worth starting large-step-adaptive for: twice those after which its bound says
// anything.
double least_adaptive_steps(const ProblemSize& size, const SeparableRows& rows) {
  return (size.classes > 2 ? 4 : 2) * burn_in(rows);
}

// The stepsize of large-step-adaptive in units of 1 / R^2: its bound improves with it, and from
// about 10 on the last iterate behaves like the perceptron's.
constexpr double adaptive_stepsize = 100;

// The theorems about constant steps are for two classes, logistic loss and no penalty.
bool has_constant_step_theorem(const ProblemSize& size) {
  return size.classification && size.linear && size.classes == 2 && size.logistic &&
         size.ridge == 0;
}

double number_option(const Options& options, const std::string& key) {
  const std::string text = option(options, key, "");
  if (text.empty()) return 0;
  try {
    return std::stod(text);
  } catch (const std::exception&) {
    return 0;  // the method itself refuses it, with the right words
  }
}

// A bound is promised of what was measured: a given margin may be smaller and a given row norm
// larger, no more.
void require_measured(const Options& options, const std::string& key, double measured,
                      bool at_most) {
  constexpr double slack = 1e-9;
  const double given = number_option(options, key);
  if (given == 0) return;
  const bool good = at_most ? given <= (1 + slack) * measured : given >= (1 - slack) * measured;
  if (good) return;
  throw UsageError(fmt::format("{}={:g} contradicts the {:g} measured: it must be {} it", key,
                               given, measured, at_most ? "at most" : "at least"),
                   "leave it out to take the measured one");
}

bool starts_at_zero(const Preflight& preflight) { return preflight.start_norm == 0; }

// The option that carries the stepsize, under either of its names.
bool gives_stepsize(const Options& options) {
  return options.contains("eta") || options.contains("stepsize");
}
double stepsize_of(const Options& options) {
  return options.contains("stepsize") ? number_option(options, "stepsize")
                                      : number_option(options, "eta");
}

std::string hopeless(const ProblemSize& size, const SeparableRows& rows, double steps) {
  return fmt::format(
      "its burn-in is 1/margin^2 = {:.2g} steps: fewer than {:.2g} are hopeless, and {:.3g} are "
      "allowed",
      burn_in(rows), least_adaptive_steps(size, rows), steps);
}

struct Stepsize {
  double eta;
  std::string because;
};

// Networks narrower than the theorem asks for have no proved stepsize: one beyond the edge of
// stability at the start, where the loss of the linearized model has a sharpness of at most the
// curvature of the loss times sigma_max(J)^2 / N; to be reached in stages.
constexpr double beyond_the_edge = 8;
constexpr int network_stages = 2;

std::optional<Stepsize> network_stepsize(const ProblemSize& size, const Preflight& preflight) {
  if (!preflight.rank || !(preflight.rank->sigma_max > 0)) return std::nullopt;
  const double curvature = size.classes == 2 ? 0.25 : 0.5;
  const double sigma = preflight.rank->sigma_max;
  const double eta = beyond_the_edge * count(size.samples) / (curvature * sigma * sigma);
  return Stepsize{eta, fmt::format("{:g} / sharpness bound of the linearized network at the start; "
                                   "no rule is proved at its width",
                                   beyond_the_edge)};
}

// For losses that no rule is proved for. Where their curvature is not bounded (exponential loss) it
// is at most R^2 times the value.
std::optional<Stepsize> unproved_stepsize(const Preflight& preflight) {
  if (preflight.safe_stepsize)
    return Stepsize{*preflight.safe_stepsize, "1 / smoothness: no rule is proved for this loss"};
  const auto& report = preflight.separability;
  if (!report || !(report->row_norm > 0)) return std::nullopt;
  const double value = std::max(1.0, preflight.initial_loss);
  return Stepsize{1 / (report->row_norm * report->row_norm * value),
                  "1 / (R^2 loss): no rule is proved for this loss"};
}

// A stepsize for `steps` steps of large-step; none where nothing was measured to draw it from.
std::optional<Stepsize> constant_stepsize(const ProblemSize& size, const Preflight& preflight,
                                          double steps, const std::string& rule, bool budgeted) {
  if (!size.linear && rule.empty()) return network_stepsize(size, preflight);
  const auto rows = separable_rows(size, preflight);
  if (!size.logistic) return unproved_stepsize(preflight);
  if (rows && size.ridge > 0) {
    const double accelerated = ridge_stepsize(*rows, size.ridge);
    if (preflight.safe_stepsize.value_or(0) > accelerated)
      return Stepsize{
          *preflight.safe_stepsize,
          fmt::format("1 / smoothness, above the {:.2g} of the accelerated rule", accelerated)};
    return Stepsize{accelerated, "accelerated by the penalty: margin / (R sqrt(lambda))"};
  }
  if (rows && rule == "practical")
    return Stepsize{
        practical_stepsize(*rows, steps),
        fmt::format("margin^2 T / (4 R^2) for T = {:.0f}, a rule of experience", steps)};
  if (rows) {
    const double proved = proved_stepsize(*rows, steps);
    // Only a budget binds to the rule; every stepsize has its bound, and this one cannot oscillate.
    if (!budgeted && preflight.safe_stepsize.value_or(0) > proved)
      return Stepsize{
          *preflight.safe_stepsize,
          fmt::format("1 / smoothness, above the {:.2g} of the proved rule for T = {:.0f}", proved,
                      steps)};
    const bool holds = has_constant_step_theorem(size) && starts_at_zero(preflight);
    return Stepsize{proved, fmt::format("margin^2 T / (120 R^2) for T = {:.0f}, {}", steps,
                                        holds ? "the proved rule"
                                              : "a rule that is proved for other problems only")};
  }
  if (preflight.safe_stepsize)
    return Stepsize{*preflight.safe_stepsize,
                    "not known to be separable: 1 / smoothness, at which the loss cannot rise"};
  return std::nullopt;
}

// The same rule for sgd; no gain is proved there.
std::optional<Stepsize> sgd_stepsize(const ProblemSize& size, const Preflight& preflight,
                                     double updates, const std::string& rule) {
  const auto rows = separable_rows(size, preflight);
  if (!rows || !size.linear || size.ridge > 0) return std::nullopt;
  if (!size.logistic) return unproved_stepsize(preflight);
  const double chosen =
      rule == "practical" ? practical_stepsize(*rows, updates) : proved_stepsize(*rows, updates);
  // A single sample has smoothness R^2 / 4; below its inverse nothing is gained.
  const double safe = 4 / (rows->row_norm * rows->row_norm);
  if (chosen < safe) return Stepsize{safe, "4 / R^2, at which no single sample's loss rises"};
  return Stepsize{chosen, fmt::format("margin^2 T / ({} R^2) for T = {:.0f} updates; no gain is "
                                      "proved for sgd",
                                      rule == "practical" ? 4 : 120, updates)};
}

// A bound that is no better than the loss at the start promises nothing.
bool says_something(double log_loss, const Preflight& preflight) {
  return log_loss < std::log(preflight.initial_loss);
}

void assume_separable(const Preflight& preflight, Forecast& forecast) {
  if (!preflight.separability) return;
  const SeparabilityReport& report = *preflight.separability;
  const Status status = report.verdict == Separable::yes  ? Status::pass
                        : report.verdict == Separable::no ? Status::fail
                                                          : Status::unknown;
  forecast.assumptions.push_back({"separable, margin at least", report.margin_lower, status});
}

// Theorem 6 is about two layers that are wide enough for their tangent kernel to stay: what it asks
// for, beside what is there.
void assume_tangent_regime(const ProblemSize& size, const SeparableRows& rows, double eta,
                           double steps, Forecast& forecast) {
  constexpr double failure_probability = 0.1;
  auto& assumptions = forecast.assumptions;
  assumptions.push_back(
      {"tangent rows separable at the start, margin at least", rows.margin, Status::pass});
  assumptions.push_back({"two layers", count(static_cast<Index>(size.hidden.size()) + 1),
                         size.hidden.size() == 1 ? Status::pass : Status::fail});
  const double needed = ln_tangent_width(rows, eta, steps, failure_probability);
  const double width = count(*std::min_element(size.hidden.begin(), size.hidden.end()));
  assumptions.push_back({fmt::format("width of the tangent-kernel theorem: at least 1e{:.0f}",
                                     std::ceil(needed / std::log(10.0))),
                         width, std::log(width) >= needed ? Status::pass : Status::fail});
  assumptions.push_back(
      {"the tangent kernel stays (its drift is measured after the run)", {}, Status::unknown});
}

// Steps to within 1e-3 of the minimum, by a rule whose constants are not published.
void assume_ridge_steps(const ProblemSize& size, const SeparableRows& rows, const Plan& plan,
                        double eta, Forecast& forecast) {
  constexpr double gap = 1e-3;
  const double needed = ridge_steps(rows, size.ridge, eta, gap);
  forecast.assumptions.push_back(
      {fmt::format("steps to within {:g} of the minimum of the penalized loss, by a rule with "
                   "constants 1, no bound",
                   gap),
       needed, needed <= count(plan.max_steps) ? Status::unknown : Status::fail});
}

void forecast_constant_step(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                            Forecast& forecast) {
  const double eta = stepsize_of(plan.options), steps = count(plan.max_steps);
  auto& assumptions = forecast.assumptions;
  if (const auto& critical = preflight.critical_step; critical && critical->minimum_found)
    assumptions.push_back({"eta below the critical step 2 / sharpness at the minimum",
                           critical->stepsize,
                           eta < critical->stepsize ? Status::pass : Status::fail});
  const auto rows = separable_rows(size, preflight);
  if (rows && !size.hidden.empty()) assume_tangent_regime(size, *rows, eta, steps, forecast);
  if (!size.linear) return;
  assume_separable(preflight, forecast);
  if (!rows) return;
  if (size.ridge > 0) {
    assume_ridge_steps(size, *rows, plan, eta, forecast);
    return;
  }
  if (!has_constant_step_theorem(size)) return;
  const double needed = 120 * std::max(std::exp(1.0), count(size.samples)) * burn_in(*rows);
  assumptions.push_back({"steps for the loss to fall like 1/T^2: at least", needed,
                         steps >= needed ? Status::pass : Status::fail});
  assumptions.push_back({"start at zero", preflight.start_norm,
                         starts_at_zero(preflight) ? Status::pass : Status::fail});
  const bool ramp = number_option(plan.options, "stages") > 0;
  if (ramp || !starts_at_zero(preflight)) return;
  // The theorem is about eta at every step: no fallback may take over.
  if (option(plan.options, "fallback", "safe-step") != "none") return;
  const double bound = ln_best_loss_bound(*rows, eta, steps);
  if (!says_something(bound, preflight)) return;
  forecast.log_loss_bound = bound;
  const double transition = transition_steps(*rows, eta);
  if (transition <= steps) forecast.transition_bound = transition;
  forecast.claims_rate = plan.takes_all_steps;
}

// The method would refuse it too, but only once a run begins.
void require_adaptive_problem(const ProblemSize& size) {
  if (!size.classification || !size.linear)
    throw UsageError("large-step-adaptive needs a linear model of classes",
                     "give --model linear, or take --method large-step");
  if (size.ridge > 0)
    throw UsageError("large-step-adaptive minimises the loss alone, without a penalty",
                     "leave regularization out, or take --method newton");
}

void forecast_adaptive(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                       Forecast& forecast) {
  assume_separable(preflight, forecast);
  const auto rows = separable_rows(size, preflight);
  if (!rows || !size.linear) return;
  const double eta = stepsize_of(plan.options), steps = count(plan.max_steps);
  auto& assumptions = forecast.assumptions;
  assumptions.push_back({"burn-in of 1/margin^2 steps well within those allowed", burn_in(*rows),
                         steps >= least_adaptive_steps(size, *rows) ? Status::pass : Status::fail});
  assumptions.push_back({"start at zero", preflight.start_norm,
                         starts_at_zero(preflight) ? Status::pass : Status::fail});
  if (!starts_at_zero(preflight) || size.ridge > 0 || !size.logistic) return;
  const double bound = ln_adaptive_loss_bound(*rows, size.classes, eta, steps);
  if (!says_something(bound, preflight)) return;
  forecast.log_loss_bound = bound;
  forecast.claims_rate = true;  // it holds at every step, whatever ends the run
}

// A mean loss below the share of one sample that sits on the boundary puts all on their sides.
bool forces_separation(const ProblemSize& size, double log_loss) {
  return log_loss < std::log(std::log(2.0)) - std::log(count(size.samples));
}

}  // namespace
}  // namespace plan

bool is_large_step(std::string_view method) {
  return method == plan::constant_step || method == plan::adaptive_step;
}

namespace plan {

std::optional<SeparableRows> separable_rows(const ProblemSize& size, const Preflight& preflight) {
  const auto& report = preflight.separability;
  if (!report || report->verdict != Separable::yes || !(report->margin_lower > 0))
    return std::nullopt;
  return SeparableRows{report->margin_lower, report->row_norm, size.samples};
}

std::int64_t steps_allowed(const Goal& goal, std::int64_t otherwise) {
  if (!goal.budget) return goal.max_steps.value_or(otherwise);
  return std::min(*goal.budget, goal.max_steps.value_or(*goal.budget));
}

Decision choose_linear_classifier(const ProblemSize& size, const Preflight& preflight,
                                  const Goal& goal) {
  const auto rows = separable_rows(size, preflight);
  const bool plain = size.logistic && size.ridge == 0 && starts_at_zero(preflight);
  Decision decision;
  decision.what = "method";
  decision.chosen = "newton";
  if (!goal.budget) {
    decision.because = "a linear model of classes: few steps, each of some products with the table";
    if (rows && plain)
      decision.rejected.push_back(
          {adaptive_step, "no --budget: its promise is for a number of steps"});
    return decision;
  }
  const double steps = count(*goal.budget);
  if (!rows || !plain) {
    decision.because = rows ? "the promise of large steps is for a plain logistic loss from zero"
                            : "not known to be separable: large steps promise nothing";
    return decision;
  }
  decision.rejected.push_back({constant_step, "a constant step ends higher after the same steps"});
  if (steps < least_adaptive_steps(size, *rows)) {
    decision.because = "separable, but " + hopeless(size, *rows, steps);
    decision.rejected.push_back({adaptive_step, hopeless(size, *rows, steps)});
    return decision;
  }
  decision.chosen = adaptive_step;
  decision.because = fmt::format(
      "separable with margin {:.3g}: after {:.2g} steps the loss falls exponentially, as proved",
      rows->margin, burn_in(*rows));
  decision.rejected.push_back({"newton", "no bound for a number of steps"});
  return decision;
}

void choose_large_step_options(const ProblemSize& size, const Preflight& preflight,
                               const Goal& goal, const std::string& rule, Plan& plan) {
  if (plan.method == adaptive_step) require_adaptive_problem(size);
  const bool open = !gives_stepsize(plan.options) || stepsize_of(plan.options) == 0;
  std::optional<Stepsize> chosen;
  if (plan.method == constant_step && !gives_stepsize(plan.options)) {
    const double steps = std::max(1.0, count(goal.budget.value_or(plan.max_steps)));
    chosen = constant_stepsize(size, preflight, steps, rule, goal.budget.has_value());
    if (chosen && !size.linear && rule.empty())
      plan.options.try_emplace("stages", fmt::format("{}", network_stages));
  }
  if (plan.method == "sgd" && goal.budget && !gives_stepsize(plan.options))
    chosen = sgd_stepsize(size, preflight, count(*goal.budget), rule);
  const auto rows = separable_rows(size, preflight);
  const auto& report = preflight.separability;
  if (plan.method == adaptive_step && open && report && report->row_norm > 0)
    chosen = Stepsize{adaptive_stepsize / (report->row_norm * report->row_norm), "100 / R^2"};
  // Where the theorem holds the oscillation ends by itself: there is nothing to fall back from.
  if (plan.method == constant_step && rows && has_constant_step_theorem(size) &&
      starts_at_zero(preflight))
    plan.options.try_emplace("fallback", "none");
  if (plan.method == adaptive_step && rows && size.linear && size.ridge == 0) {
    require_measured(plan.options, "margin", preflight.separability->margin_upper, true);
    require_measured(plan.options, "row-norm", rows->row_norm, false);
    plan.options.try_emplace("margin", fmt::format("{}", rows->margin));
    plan.options.try_emplace("row-norm", fmt::format("{}", rows->row_norm));
  }
  if (!chosen || !(chosen->eta > 0) || !std::isfinite(chosen->eta)) return;
  plan.options["eta"] = fmt::format("{}", chosen->eta);
  plan.decisions.push_back({"eta", fmt::format("{:.4g}", chosen->eta), chosen->because, {}});
}

void forecast_large_steps(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                          Forecast& forecast) {
  if (plan.method == constant_step) forecast_constant_step(size, preflight, plan, forecast);
  if (plan.method == adaptive_step) forecast_adaptive(size, preflight, plan, forecast);
  forecast.claims_separates = forecast.log_loss_bound && plan.takes_all_steps &&
                              forces_separation(size, *forecast.log_loss_bound);
}

}  // namespace plan
}  // namespace thalweg
