// thalweg check DATA: preflight only.
#include "commands.hpp"

namespace thalweg::cli {
namespace {

int check(const Invocation& invocation) {
  Session session = prepare(invocation, false);  // the plan says how much memory the run would take
  session.record.plan.reset();
  session.record.forecast.reset();
  return show_session(invocation, session);
}

}  // namespace

Command check_command() {
  return {.name = "check",
          .summary = "preflight only: measure, train nothing",
          .positionals = {{"DATA", "CSV file, or - for stdin"}},
          .options = table_options(),
          .run = check};
}

}  // namespace thalweg::cli
