#include <algorithm>
#include <charconv>
#include <cmath>

#include "thalweg/method/registry.hpp"
#include "thalweg/problem/probed_rank.hpp"
#include "thalweg/session/session.hpp"
#include "work_share.hpp"

namespace thalweg {
namespace {

constexpr double most_gradients = 200;  // a diagnosis needs no more
constexpr double most_products = 60;

double lower_bound_of(const Objective& problem, const report::Record& record) {
  const auto& rank = record.preflight->rank;
  return std::max(problem.lower_bound(), rank ? rank->duplicate_floor : problem.lower_bound());
}

std::string option(const Plan& plan, const char* key) {
  const auto found = plan.options.find(key);
  return found == plan.options.end() ? std::string() : found->second;
}

Index batch_of(const Plan& plan) {
  const std::string text = option(plan, "batch");
  Index batch = 0;
  std::from_chars(text.data(), text.data() + text.size(), batch);
  return batch;
}

// Whether updates are x - stepsize g with the stepsize that records tell.
bool plain_steps(const Plan& plan) {
  const std::string& name = plan.method;
  return name == "gd" || name == "sgd" || name == "large-step";
}

// Whether the method tries its step lengths itself.
bool steps_verified(const Plan& plan) {
  const std::string& name = plan.method;
  if (name == "gd")
    return option(plan, "rule") == "armijo" ||
           (option(plan, "rule") == "auto" && option(plan, "stepsize") == "0");
  return name == "lbfgs" || name == "newton" || name == "levenberg-marquardt" ||
         name == "adapted-flow";
}

PlateauContext context_of(const Objective& problem, const report::Record& record,
                          const Goal& goal) {
  const Plan& plan = *record.plan;
  PlateauContext context;
  context.lower_bound = lower_bound_of(problem, record);
  context.start_value = record.preflight->initial_loss;
  context.eps = claims_of(record, problem, goal, std::nullopt).eps;
  context.batch = batch_of(plan);
  context.plain_steps = plain_steps(plan);
  context.annealed = !option(plan, "schedule").empty() && option(plan, "schedule") != "constant";
  context.steps_verified = steps_verified(plan);
  context.leaves_saddles = escapes(plan.options) || leaves_saddles(plan.method, plan.options);
  context.step_floor = record.forecast->step_floor;
  context.seed = record.manifest.seed;
  return context;
}

// The value a plateau of a run that converged is told for.
bool is_news(const PlateauDiagnosis& diagnosis, bool watched) {
  return diagnosis.kind == "rank-loss" || (watched && diagnosis.kind == "saddle");
}

// A stall needs no long plateau to be one; a point that only looks stationary, where J has lost
// rank, may have been reached in a few steps.
bool asks_for_its_end(const Objective& problem, const Result& result) {
  if (result.reason.outcome == Outcome::stalled) return true;
  return result.reason.outcome == Outcome::converged && result.reason.criterion != "target-loss" &&
         with_changing_rank(problem) != nullptr;
}

bool is_stuck(Outcome outcome) {
  return outcome == Outcome::converged || outcome == Outcome::stalled ||
         outcome == Outcome::budget_exhausted;
}

void advise(report::OutcomeSection& outcome, const std::string& advice) {
  outcome.reason.advice = advice;
  for (StopReason& reason : outcome.reasons)
    if (reason.criterion == outcome.reason.criterion) reason.advice = advice;
}

// A run that stalled has failed, whatever it took: a second or so is well spent on why.
double gradients_for(const Objective& problem, const Result& result, double share) {
  if (result.reason.outcome != Outcome::stalled) return std::min(share, most_gradients);
  constexpr double enough = 60, most_flops = 3e9;
  const double flops =
      6 * static_cast<double>(problem.dimension()) * static_cast<double>(problem.sample_count());
  return std::clamp(share, std::min(enough, most_flops / flops), most_gradients);
}

}  // namespace

PlateauWatch plateau_watch(const Objective& problem, const report::Record& record) {
  return PlateauWatch(lower_bound_of(problem, record));
}

void add_plateaus(report::Record& record, const Objective& problem, const Vector& start,
                  const Result& result, const PlateauWatch& watch, const Goal& goal) {
  record.plateaus.clear();
  if (!record.outcome) return;
  PlateauContext context = context_of(problem, record, goal);
  std::vector<PlateauWatch::Found> found = watch.found();
  const bool watched = !found.empty() && !found.back().plateau.left;  // to its end
  if (!watched && asks_for_its_end(problem, result))
    found.push_back({standstill_at_end(result.trace, context.lower_bound), result.last});
  if (found.empty()) return;
  const WorkShare share = work_share(problem, result, record, plateau_share);
  context.gradients =
      gradients_for(problem, result, share.gradients / static_cast<double>(found.size()));
  context.max_products = static_cast<int>(std::min(share.most_products, most_products));
  const Outcome outcome = result.reason.outcome;
  for (const auto& [plateau, point] : found) {
    context.plateau = plateau;
    const Vector& x = !plateau.left && result.last.allFinite() ? result.last : point;
    if (x.size() != problem.dimension()) continue;
    context.distance = start.size() == x.size() ? (x - start).norm() : 0;
    PlateauDiagnosis diagnosis = diagnose_plateau(problem, x, context);
    if (diagnosis.at_end && outcome == Outcome::converged && !is_news(diagnosis, watched)) continue;
    if (diagnosis.at_end && is_stuck(outcome) && !diagnosis.advice.empty())
      advise(*record.outcome, diagnosis.advice);
    record.plateaus.push_back(std::move(diagnosis));
  }
}

}  // namespace thalweg
