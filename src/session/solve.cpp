#include <cmath>

#include "thalweg/core/threads.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

constexpr double exact_fit_share = 1e-10;      // of the loss at the start
constexpr Index most_solution_numbers = 1000;  // a report is read by people

report::ProblemSection problem_section(const CompositeObjective& problem) {
  report::ProblemSection section;
  section.objective = problem.loss().description();
  section.parameters = problem.dimension();
  section.outputs = problem.output_count();
  section.regime = problem.overparametrized() ? "overparametrized" : "underparametrized";
  section.model = problem.model().description();
  return section;
}

}  // namespace

StopWhen stopping(const Goal& goal, const report::Record& record, const StopOptions& options) {
  const Plan& plan = *record.plan;
  std::vector<StopWhen> criteria = {zero_gradient(), divergence(), max_steps(plan.max_steps)};
  const bool all_steps = goal.max_steps && !goal.target_loss;  // the user wants every one of them
  if (!all_steps) criteria.push_back(stall());
  if (goal.time_limit) criteria.push_back(time_limit(*goal.time_limit));
  // With a promised flow time the flow ends there, the last step cut to land on it.
  if (plan.target_loss && !record.forecast->flow_time)
    criteria.push_back(target_loss(*plan.target_loss));
  if (plan.gradient_tolerance) criteria.push_back(gradient_tolerance(*plan.gradient_tolerance));
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
  if (result.value > 0) section.log_loss = std::log(result.value);
  Vector gradient(result.best.size());
  problem.value_and_gradient(result.best, gradient);
  section.gradient_norm = gradient.norm();
  for (const StepRecord& record : result.trace)
    if (record.iteration == result.best_step) section.flow_time = record.flow_time;
  return section;
}

Solved solve(const CompositeObjective& problem, const ConstVectorRef& x0, const Goal& goal,
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
  how.observers = options.observers;
  how.target = goal.target_loss ? goal.target_loss : record.plan->target_loss;
  how.stop_token = options.stop_token;
  how.context.seed = options.seed;
  how.context.memory_limit = limit;
  const auto method = find_method(record.plan->method).make(record.plan->options);
  solved.result = run(problem, *method, x0, how);
  const Result& result = solved.result;

  record.outcome = outcome_of(problem, result);
  record.certificates = certify(problem, result, record, goal, std::nullopt, validated);
  if (result.best.size() <= most_solution_numbers)
    record.solution = report::SolutionSection{.parameters = result.best, .digits = std::nullopt};
  if (!result.reason.advice.empty()) record.advice.push_back(result.reason.advice);
  return solved;
}

}  // namespace thalweg
