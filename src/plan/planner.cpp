#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "large_steps.hpp"
#include "saddle_steps.hpp"
#include "sampled_steps.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/method/adapted_flow.hpp"
#include "thalweg/method/registry.hpp"
#include "work.hpp"

namespace thalweg {
namespace plan {
namespace {

constexpr double default_eps = 1e-3;           // of first-order targets: * max(1, |g0|)
constexpr double descent_eps = 1e-8;           // gd where the point itself is wanted
constexpr double interpolation_share = 1e-8;   // default target where every value can be reached
constexpr double floor_share = 1e-6;           // relative above a floor that cannot be passed
constexpr double classification_limit = 1500;  // parameters an exact step on labels is worth
// The adapted flow takes about six factorizations per step, so by itself it is taken only where J
// is so well conditioned, and changes so little along a Gauss-Newton step, that a few steps
// suffice.
constexpr double flow_condition = 1e4, flow_curvature = 1;
constexpr double landing_slack = 1.01;  // the flow lands on its time, and so near its loss

bool full_rank(const Preflight& preflight) {
  return preflight.rank && preflight.rank->full.value_or(false);
}

std::string rank_sentence(const Preflight& preflight) {
  if (!preflight.rank) return "rank not measured";
  const RankReport& rank = *preflight.rank;
  const Index most = std::min(rank.rows, rank.columns);
  if (!rank.full) return "rank at the start not resolved";
  if (!*rank.full) return fmt::format("rank {} of {} at the start", rank.rank, most);
  return fmt::format("full rank at the start ({} of {}{})", rank.rank, most,
                     rank.condition ? fmt::format(", condition {:.1e}", *rank.condition) : "");
}

// Why the adapted flow is not taken by itself; empty: it is.
std::string against_adapted_flow(const ProblemSize& size, const Preflight& preflight,
                                 const Goal& goal, double limit) {
  if (size.classification) return "no stopping time for cross-entropy";
  if (!size.squared) return "no stopping time for this loss: it is not squared";
  if (!size.overparametrized()) return "underparametrized: no stopping time";
  if (!full_rank(preflight)) return rank_sentence(preflight) + ": no stopping time";
  if (!goal.target_loss) return "exact interpolation was not asked for (--target-loss)";
  if (goal.validation) return "stops by its own time, not by validation";
  const double condition = preflight.rank->condition.value_or(HUGE_VAL);
  const double ratio =
      typical_work("adapted-flow", {}, size) / typical_work("levenberg-marquardt", {}, size);
  if (condition > flow_condition)
    return fmt::format("condition {:.1e} over {:.0e}: about {:.2g} times the work by experience",
                       condition, flow_condition, ratio);
  const double curvature = preflight.rank->curvature_ratio.value_or(HUGE_VAL);
  if (curvature > flow_curvature)
    return fmt::format("curvature {:.2g} over {:.2g}: about {:.2g} times the work by experience",
                       curvature, flow_curvature, ratio);
  const double bytes = step_cost("adapted-flow", {}, size).bytes;
  if (limit > 0 && bytes > limit)
    return fmt::format("needs {}, over the memory limit", with_prefix(bytes, "B"));
  return {};
}

std::string against(const std::string& method, const std::string& chosen, const ProblemSize& size,
                    double limit) {
  if (needs_composite(method) && !size.composite)
    return "needs outputs and Jacobian, which this problem does not offer";
  const double bytes = step_cost(method, {}, size).bytes;
  if (limit > 0 && bytes > limit)
    return fmt::format("needs {}, over the memory limit", with_prefix(bytes, "B"));
  const double ratio = typical_work(method, {}, size) / typical_work(chosen, {}, size);
  if (ratio >= 1) return fmt::format("about {:.2g} times the work by experience", ratio);
  return fmt::format("{} parameters are many for labels: its exact step would not pay",
                     size.parameters);
}

// A loss of a regression that is not squared.
bool is_robust(const ProblemSize& size) { return !size.squared && !size.classification; }

Decision choose_robust_linear() {
  Decision decision;
  decision.what = "method";
  decision.chosen = "newton";
  decision.because =
      "a linear model with a robust loss: few steps, each of some products with the table";
  decision.rejected.push_back(
      {"levenberg-marquardt", "converges linearly, more slowly the more residuals are large"});
  return decision;
}

Decision choose_method(const ProblemSize& size, const Preflight& preflight, const Goal& goal) {
  Decision decision;
  decision.what = "method";
  if (goal.method && *goal.method != "auto") {
    decision.chosen = *goal.method;
    decision.because = "asked for";
    return decision;
  }
  if (size.classification && size.linear) return choose_linear_classifier(size, preflight, goal);
  if (is_robust(size) && size.linear) return choose_robust_linear();
  const double limit = preflight.memory.limit;
  const std::string against_flow = against_adapted_flow(size, preflight, goal, limit);
  decision.chosen = against_flow.empty() ? "adapted-flow" : method_for_size(size, limit);
  const StepCost cost = step_cost(decision.chosen, {}, size);
  const std::string step = fmt::format("step of {} in {}", with_prefix(cost.flops, "flop"),
                                       with_prefix(cost.bytes, "B"));
  decision.because = needs_composite(decision.chosen)
                         ? fmt::format("{}; {}", rank_sentence(preflight), step)
                         : step;
  if (!against_flow.empty() && size.composite)
    decision.rejected.push_back({"adapted-flow", against_flow});
  for (const char* other : {"levenberg-marquardt", "lbfgs", "adam"})
    if (other != decision.chosen)
      decision.rejected.push_back({other, against(other, decision.chosen, size, limit)});
  return decision;
}

double positive_number(const std::string& text, const std::string& what) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || !(number > 0) || !std::isfinite(number))
    throw UsageError(fmt::format("{} must be a positive number, got '{}'", what, text));
  return number;
}

std::optional<double> take_eps(Options& options) {
  const auto found = options.find("eps");
  if (found == options.end()) return std::nullopt;
  const double eps = positive_number(found->second, "eps");
  options.erase(found);
  return eps;
}

std::string take_budget_rule(Options& options, const std::string& method) {
  const auto found = options.find("budget-rule");
  if (found == options.end()) return {};
  std::string rule = found->second;
  if (rule != "proved" && rule != "practical")
    throw UsageError(fmt::format("budget-rule must be proved or practical, got '{}'", rule));
  if (method != "large-step" && method != "sgd")
    throw UsageError(fmt::format("budget-rule is for large-step and sgd, not for {}", method),
                     "leave it out, or take --method large-step");
  options.erase(found);
  return rule;
}

// A robust loss bounds the gradient by its scale, which may be small: 1 is no measure for it.
double default_tolerance(const ProblemSize& size, const Preflight& preflight) {
  const double start = preflight.initial_gradient_norm;
  return default_eps * (is_robust(size) && start > 0 ? start : std::max(1.0, start));
}

// What ends the run, besides a zero gradient, a stall and bad numbers.
struct Stop {
  std::optional<double> target, gradient_tolerance;
  std::string because;
};

// Where every training value can be reached: rank J = m <= n at the start.
bool can_interpolate(const ProblemSize& size, const Preflight& preflight) {
  return size.composite && !size.classification && size.overparametrized() && full_rank(preflight);
}

// Where the flow reaches it at a known time besides.
bool has_flow_time(const ProblemSize& size, const Preflight& preflight) {
  return size.squared && can_interpolate(size, preflight);
}

// The adapted flow has its own end: the flow time, or the floor it runs into.
Stop stop_adapted_flow(const ProblemSize& size, const Preflight& preflight, const Plan& plan) {
  const double initial = preflight.initial_loss;
  if (!size.overparametrized() || size.classification)
    return {
        {}, default_tolerance(size, preflight), "no stopping time exists: first-order tolerance"};
  const double horizon = flow_time_option(plan.options);
  if (has_flow_time(size, preflight) && horizon > 0)
    return {flow_value_at(flow_samples(plan.options, size), initial, horizon),
            {},
            "the loss at the flow time asked for"};
  const bool reachable =
      full_rank(preflight) ||
      (preflight.rank && preflight.rank->floor &&
       *preflight.rank->floor < interpolation_share * interpolation_share * initial);
  if (reachable)
    return {interpolation_share * initial, {}, "1e-8 of the initial loss: interpolation"};
  return {{}, {}, "rank loss: runs on to 1e-6 relative above its floor"};
}

// Where conflicting rows are what keeps the values from being reached.
bool runs_into_floor(const ProblemSize& size, const Preflight& preflight) {
  return size.composite && !size.classification && size.overparametrized() && preflight.rank &&
         !preflight.rank->full.value_or(true) && preflight.rank->duplicate_floor > 0;
}

Stop choose_stop(const ProblemSize& size, const Preflight& preflight, const Goal& goal,
                 const Plan& plan, const std::optional<double>& eps) {
  if (goal.target_loss) return {goal.target_loss, eps, "the target loss asked for"};
  if (eps) return {{}, eps, "the first-order tolerance asked for"};
  if (goal.max_steps || goal.budget) return {{}, {}, "all the steps asked for"};
  if (goal.validation) return {{}, {}, "validation decides"};
  if (plan.method == "adapted-flow") return stop_adapted_flow(size, preflight, plan);
  if (goal.until_rounding) {
    if (needs_composite(plan.method)) return {{}, {}, "until no step lowers the value"};
    if (plan.method == "gd") return {{}, descent_eps, "the point itself is wanted"};
  }
  if (needs_composite(plan.method) && runs_into_floor(size, preflight))
    return {(1 + floor_share) * preflight.rank->duplicate_floor,
            {},
            "1e-6 relative above the floor that conflicting rows force"};
  Stop stop{{},
            default_tolerance(size, preflight),
            is_robust(size) ? "first-order tolerance 1e-3 |gradient| at start"
                            : "first-order tolerance 1e-3 max(1, |gradient| at start)"};
  if (needs_composite(plan.method) && can_interpolate(size, preflight)) {
    stop.target = interpolation_share * preflight.initial_loss;
    stop.because += ", or 1e-8 of the initial loss";
  }
  return stop;
}

// gd takes its rule from whether a stepsize is given: said plainly.
void resolve_gd_rule(Plan& plan) {
  if (plan.method != "gd") return;
  Options used = find_method("gd").used_options(plan.options);
  std::string rule = used.at("rule");
  const bool given = used.at("stepsize") != "0";
  if (rule == "auto") rule = given ? "constant" : "armijo";
  plan.options["rule"] = rule;
  if (!given && (rule == "constant" || rule == "armijo")) plan.options["stepsize"] = "1";
}

std::string describe(const Stop& stop) {
  std::string text;
  if (stop.target) text = fmt::format("loss {:.3g}", *stop.target);
  if (stop.gradient_tolerance)
    text += fmt::format("{}gradient {:.3g}", text.empty() ? "" : " or ", *stop.gradient_tolerance);
  return text.empty() ? "no target" : text;
}

// Steps a default run may take.
std::int64_t affordable_steps(const Plan& plan, const ProblemSize& size) {
  constexpr double fewest = 50, most = 10000;
  const double work = weighted_work(step_cost(plan.method, plan.options, size));
  return static_cast<std::int64_t>(std::clamp(affordable_work(size) / work, fewest, most));
}

void choose_steps(const ProblemSize& size, const Goal& goal, Plan& plan) {
  if (goal.max_steps || goal.budget) {
    plan.max_steps = steps_allowed(goal, plan.max_steps);
    plan.takes_all_steps = !plan.target_loss && !plan.gradient_tolerance && !goal.validation &&
                           !(flow_time_option(plan.options) > 0);
    return;
  }
  const bool automatic = !goal.method || *goal.method == "auto";
  if (!automatic || goal.target_loss || goal.time_limit || goal.until_rounding) return;
  const std::int64_t steps = affordable_steps(plan, size);
  if (steps >= plan.max_steps) return;
  plan.max_steps = steps;
  plan.decisions.push_back({"steps",
                            fmt::format("at most {}", steps),
                            "keeps a default run short; --max-steps allows more",
                            {}});
}

// Runge-Kutta only: the tau rule has no flow time, and ends at the target itself.
void choose_flow_time(const ProblemSize& size, const Preflight& preflight, const Goal& goal,
                      Plan& plan) {
  if (plan.method != "adapted-flow" || by_tau_rule(plan.options)) return;
  if (!plan.target_loss || !has_flow_time(size, preflight)) return;
  const double samples = flow_samples(plan.options, size), initial = preflight.initial_loss;
  const double needed = flow_time_to(samples, initial, *plan.target_loss);
  if (!plan.options.count("flow-time")) {
    if (needed > 0) plan.options["flow-time"] = fmt::format("{}", needed);
    return;
  }
  const double horizon = flow_time_option(plan.options);
  if (!goal.target_loss || horizon == 0) return;
  const double reached = flow_value_at(samples, initial, horizon);
  if (reached > landing_slack * *goal.target_loss)
    throw UsageError(
        fmt::format("flow-time={} ends at a loss of {:.3g}, before --target-loss {:g} is reached",
                    horizon, reached, *goal.target_loss),
        fmt::format("leave one of the two out, or give flow-time={:.6g}", needed));
}

}  // namespace

std::string method_for_size(const ProblemSize& size, double limit) {
  if (!size.composite) return "lbfgs";
  const double bytes = step_cost("levenberg-marquardt", {}, size).bytes;
  if (limit > 0 && bytes > limit) return "lbfgs";
  if (size.classification)
    return count(size.parameters) <= classification_limit ? "levenberg-marquardt" : "lbfgs";
  return typical_work("levenberg-marquardt", {}, size) <= typical_work("lbfgs", {}, size)
             ? "levenberg-marquardt"
             : "lbfgs";
}

}  // namespace plan

double rank_work_limit(const ProblemSize& size, const Goal& goal) {
  constexpr double share = 0.3, least = 2e10;  // the least takes about a second
  const bool automatic = !goal.method || *goal.method == "auto";
  const std::string method = automatic ? plan::method_for_size(size, 0) : *goal.method;
  if (plan::draws_batches(method, goal.method_options, size)) return least;  // it asks for no rank
  plan::Options options = goal.method_options;
  const double step = plan::weighted_work(step_cost(method, options, size));
  double steps = plan::typical_steps(method);
  if (goal.max_steps) steps = std::min(steps, static_cast<double>(*goal.max_steps));
  return std::max(least, share * steps * step);
}

Plan make_plan(const ProblemSize& size, const Preflight& preflight, const Goal& goal) {
  using namespace plan;
  if (goal.target_loss && !(*goal.target_loss > 0 && std::isfinite(*goal.target_loss)))
    throw UsageError(
        fmt::format("the target loss must be a positive number, got {}", *goal.target_loss));
  Plan plan;
  plan.options = goal.method_options;
  const std::optional<double> eps = take_eps(plan.options);
  plan.decisions.push_back(choose_method(size, preflight, goal));
  plan.method = plan.decisions.back().chosen;
  const std::string rule = take_budget_rule(plan.options, plan.method);

  const Stop stop = choose_stop(size, preflight, goal, plan, eps);
  plan.target_loss = stop.target;
  plan.gradient_tolerance = stop.gradient_tolerance;
  plan.decisions.push_back({"stop", describe(stop), stop.because, {}});

  plan.may_end_early = goal.max_steps || goal.budget || goal.time_limit || goal.validation;
  choose_steps(size, goal, plan);
  choose_flow_time(size, preflight, goal, plan);
  choose_large_step_options(size, preflight, goal, rule, plan);
  choose_sampled_options(size, preflight, goal, plan);
  resolve_gd_rule(plan);
  choose_saddle_options(
      size, preflight,
      stop.gradient_tolerance.value_or(eps.value_or(default_tolerance(size, preflight))), plan);
  return plan;
}

}  // namespace thalweg
