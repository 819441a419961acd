// thalweg solve PROBLEM: a built-in published problem, from a published start.
#include "commands.hpp"

namespace thalweg::cli {
namespace {

int solve(const Invocation& invocation) {
  Session session = prepare(invocation, true);
  announce(invocation.console, session);
  return run_session(invocation, session);
}

}  // namespace

Command solve_command() {
  return {.name = "solve",
          .summary = "solve a built-in published problem",
          .positionals = {{"PROBLEM",
                           "nist:NAME, a set of the NIST StRD nonlinear regression problems; "
                           "logistic-toy, four points of two classes; phase-retrieval; dro, a "
                           "worst-case mean over a table; two-point; power, |x|^p; cosh, 2 cosh x "
                           "- 2"}},
          .options = solve_options(),
          .run = solve};
}

}  // namespace thalweg::cli
