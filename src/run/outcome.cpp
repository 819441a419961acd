#include "thalweg/run/outcome.hpp"

namespace thalweg {

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::failed: return "failed";
    case Outcome::diverged: return "diverged";
    case Outcome::interrupted: return "interrupted";
    case Outcome::converged: return "converged";
    case Outcome::early_stopped: return "early_stopped";
    case Outcome::stalled: return "stalled";
    case Outcome::budget_exhausted: break;
  }
  return "budget_exhausted";
}

std::optional<Outcome> outcome_from_string(std::string_view name) {
  for (const Outcome outcome :
       {Outcome::failed, Outcome::diverged, Outcome::interrupted, Outcome::converged,
        Outcome::early_stopped, Outcome::stalled, Outcome::budget_exhausted})
    if (name == to_string(outcome)) return outcome;
  return std::nullopt;
}

bool outranks(const StopReason& a, const StopReason& b) { return a.outcome < b.outcome; }

}  // namespace thalweg
