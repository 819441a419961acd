#include "exit_code.hpp"

#include <algorithm>

namespace thalweg::cli {
namespace {

/// Methods that promise the second order end by one of these; a target loss ends them before.
bool ended_by_itself(std::string_view criterion) {
  return criterion == "second-order" || criterion == "waiting-time";
}

/// The forecast promised the claim for a run that goes on to its end; a run that met its budget, or
/// was stopped by validation, has not put the promise to the test.
bool promised(const Certificate& certificate, const report::Record& record) {
  if (!record.forecast) return false;
  // Large steps promise a loss for the steps themselves, whatever ends the run.
  if (certificate.claim == "rate" && record.forecast->log_loss_bound)
    return record.forecast->claims_rate;
  if (certificate.claim == "separates")
    return record.forecast->claims_separates && record.outcome->steps >= record.plan->max_steps;
  const Outcome outcome = record.outcome->reason.outcome;
  if (outcome == Outcome::budget_exhausted || outcome == Outcome::early_stopped) return false;
  return record.forecast &&
         ((certificate.claim == "global-minimum" && record.forecast->claims_global_minimum) ||
          (certificate.claim == "second-order" && record.forecast->claims_second_order &&
           ended_by_itself(record.outcome->reason.criterion)) ||
          (certificate.claim == "rate" && record.forecast->claims_rate));
}

}  // namespace

int exit_code(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::usage: return exit_usage;
    case ErrorKind::data: return exit_data;
    case ErrorKind::refused: break;
  }
  return exit_refused;
}

int exit_code(const report::Record& record, bool bounded) {
  const Outcome outcome = record.outcome->reason.outcome;
  if (outcome == Outcome::interrupted) return exit_interrupted;
  if (outcome == Outcome::diverged || outcome == Outcome::failed) return exit_failed;
  const bool refuted = std::any_of(
      record.certificates.begin(), record.certificates.end(),
      [&](const auto& c) { return c.verdict == Verdict::refuted && promised(c, record); });
  if (refuted) return exit_refuted;
  if (outcome == Outcome::stalled) return exit_unfinished;
  if (outcome == Outcome::budget_exhausted && !bounded) return exit_unfinished;
  return exit_success;
}

int exit_code(const std::vector<Certificate>& certificates) {
  const bool refuted = std::any_of(certificates.begin(), certificates.end(),
                                   [](const auto& c) { return c.verdict == Verdict::refuted; });
  return refuted ? exit_refuted : exit_success;
}

bool is_bounded(const Goal& goal) {
  return goal.budget || ((goal.max_steps || goal.time_limit) && !goal.target_loss);
}

}  // namespace thalweg::cli
