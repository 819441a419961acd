// Why a run ended.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace thalweg {

/// In order of precedence: bad news outranks good. A stall is not convergence; reaching a budget is
/// not convergence.
enum class Outcome {
  failed,
  diverged,
  interrupted,
  converged,
  early_stopped,
  stalled,
  budget_exhausted
};

const char* to_string(Outcome outcome);
/// The outcome of that name, or nothing.
std::optional<Outcome> outcome_from_string(std::string_view name);

/// One criterion that fired, with its numbers.
struct StopReason {
  Outcome outcome = Outcome::failed;
  std::string criterion;            ///< name of the criterion, for example "target-loss"
  std::optional<double> measured;   ///< what was measured
  std::optional<double> threshold;  ///< what it was compared with
  std::string advice;               ///< what to do next; may be empty
};

/// Orders reasons by precedence of their outcome; equal ones keep their order.
bool outranks(const StopReason& a, const StopReason& b);

}  // namespace thalweg
