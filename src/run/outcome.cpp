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

}  // namespace thalweg
