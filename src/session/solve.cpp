#include <fmt/format.h>

#include <cmath>

#include "thalweg/core/threads.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

constexpr double exact_fit_share = 1e-10;      // of the loss at the start
constexpr Index most_solution_numbers = 1000;  // a report is read by people

}  // namespace

report::ProblemSection problem_section(const Objective& problem) {
  report::ProblemSection section;
  section.parameters = problem.dimension();
  const auto* composite = dynamic_cast<const CompositeObjective*>(&problem);
  if (!composite) {
    section.objective = problem.description();
    section.outputs = problem.sample_count();
    return section;
  }
  section.objective = composite->loss().description();
  if (composite->ridge() > 0)
    section.objective += fmt::format(" + {:g}/2 |x|^2", composite->ridge());
  section.outputs = composite->output_count();
  section.regime = composite->overparametrized() ? "overparametrized" : "underparametrized";
  section.model = composite->model().description();
  return section;
}

bool may_rise(const Preflight& preflight, std::string_view method) {
  return preflight.separability && (is_large_step(method) || method == "sgd");
}

StopWhen stopping(const Goal& goal, const report::Record& record, const StopOptions& options) {
  const Plan& plan = *record.plan;
  std::vector<StopWhen> criteria = {max_steps(plan.max_steps)};
  // Methods that leave saddles stand still at stationary points before they go on.
  const bool leaves = leaves_saddles(plan.method, plan.options);
  const auto if_it_stays = [&](StopWhen criterion) {
    if (!leaves)
      criteria.push_back(escapes(plan.options) ? after_start(std::move(criterion)) : criterion);
  };
  if_it_stays(zero_gradient());
  if (!may_rise(*record.preflight, plan.method)) criteria.push_back(divergence());
  // The user wants every one of them.
  const bool all_steps = (goal.max_steps || goal.budget) && !goal.target_loss;
  if (!all_steps) if_it_stays(stall());
  if (goal.time_limit) criteria.push_back(time_limit(*goal.time_limit));
  // With a promised flow time the flow ends there, the last step cut to land on it.
  if (plan.target_loss && !record.forecast->flow_time)
    criteria.push_back(target_loss(*plan.target_loss));
  if (plan.gradient_tolerance) if_it_stays(gradient_tolerance(*plan.gradient_tolerance));
  if (options.validated) {
    criteria.push_back(patience(options.patience));
    // Data that can be fitted exactly: the held-back loss may fall for ever, with nothing to learn.
    if (!all_steps && !plan.target_loss)
      criteria.push_back(target_loss(exact_fit_share * record.forecast->initial_loss));
  }
  return any_of(std::move(criteria));
}

report::OutcomeSection outcome_of(const Objective& problem, const Result& result) {
  report::OutcomeSection section;
  section.reason = result.reason;
  section.reasons = result.reasons;
  section.steps = result.steps;
  section.samples = result.samples;
  section.best_step = result.best_step;
  section.seconds = result.seconds;
  section.loss = result.value;
  const double log_loss = problem.log_value(result.best);
  if (std::isfinite(log_loss)) section.log_loss = log_loss;
  Vector gradient(result.best.size());
  problem.value_and_gradient(result.best, gradient);
  section.gradient_norm = gradient.stableNorm();
  for (const StepRecord& record : result.trace)
    if (record.iteration == result.best_step) section.flow_time = record.flow_time;
  const StepRecord& last = result.trace.back();
  section.average_log_loss = last.average_log_value;
  section.last_log_loss = last.last_log_value;
  section.bound_log_loss = last.bound_log_value;
  return section;
}

std::optional<report::PhasesSection> phases_of(const Result& result, const Plan& plan) {
  const StepRecord& last = result.trace.back();
  if (plan.method != "large-step" || !last.last_increase_step) return std::nullopt;
  report::PhasesSection phases;
  phases.last_increase_step = static_cast<std::int64_t>(*last.last_increase_step);
  if (last.transition_step) {
    phases.transition_step = static_cast<std::int64_t>(*last.transition_step);
    phases.stable_since = std::max(*phases.transition_step, phases.last_increase_step);
  }
  return phases;
}

std::optional<report::EscapesSection> escapes_of(const Result& result, const Plan& plan) {
  constexpr std::size_t most_steps = 100;
  constexpr double most = 1e15;  // steps
  const StepRecord& last = result.trace.back();
  if (!last.escapes) return std::nullopt;
  report::EscapesSection section;
  section.count = static_cast<std::int64_t>(*last.escapes);
  double before = 0;
  std::int64_t last_escape = -1;
  for (const StepRecord& record : result.trace) {
    if (record.heuristic_radius)
      section.heuristic.push_back({record.iteration, *record.heuristic_radius});
    if (record.escapes.value_or(before) <= before) continue;
    before = *record.escapes;
    last_escape = record.iteration;
    if (section.steps.size() < most_steps) section.steps.push_back(record.iteration);
  }
  const std::string& criterion = result.reason.criterion;
  if (criterion == "second-order") section.certificate_step = last.iteration;
  const auto waiting = plan.options.find("waiting");
  if (criterion == "waiting-time")
    section.waiting_end_step = last.iteration;
  else if (section.certificate_step && last_escape >= 0 && waiting != plan.options.end() &&
           (plan.method == "perturbed" || plan.method == "tamed"))
    section.waiting_end_step =
        last_escape + static_cast<std::int64_t>(std::min(std::stod(waiting->second), most)) + 1;
  return section;
}

Solved solve(const Objective& problem, const ConstVectorRef& x0, const Goal& goal,
             const SolveOptions& options) {
  const Subject subject = options.subject.value_or(Subject{.size = describe(problem)});
  const double limit = options.memory_limit > 0 ? options.memory_limit : default_memory_limit();
  Solved solved;
  report::Record& record = solved.record;
  record.manifest = report::make_manifest(options.seed, threads(), {});
  record.problem = problem_section(problem);
  record.preflight = measure(problem, x0, subject, goal, limit, options.seed);
  add_plan(record, problem, x0, subject.size, goal);

  RunOptions how;
  const bool validated = static_cast<bool>(options.validation);
  StopOptions stop = options.stop;
  stop.validated = validated;
  how.stop = stopping(goal, record, stop);
  how.validation = options.validation;
  PlateauWatch watch = plateau_watch(problem, record);
  how.observers = options.observers;
  how.observers.push_back(&watch);
  how.target = goal.target_loss ? goal.target_loss : record.plan->target_loss;
  how.stop_token = options.stop_token;
  how.context.seed = options.seed;
  how.context.memory_limit = limit;
  const auto method = find_method(record.plan->method).make(record.plan->options);
  solved.result = run(problem, *method, x0, how);
  const Result& result = solved.result;

  record.outcome = outcome_of(problem, result);
  record.phases = phases_of(result, *record.plan);
  add_plateaus(record, problem, x0, result, watch, goal);
  record.escapes = escapes_of(result, *record.plan);
  record.certificates = certify(problem, x0, result, record, goal, std::nullopt, validated);
  if (result.best.size() <= most_solution_numbers)
    record.solution = report::SolutionSection{.parameters = result.best, .digits = std::nullopt};
  record.advice = advice_of(record);
  return solved;
}

}  // namespace thalweg
