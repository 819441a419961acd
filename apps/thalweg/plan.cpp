// thalweg plan DATA: preflight, the chosen method with its reasons, and the forecast.
#include "commands.hpp"

namespace thalweg::cli {
Command plan_command() {
  return {.name = "plan",
          .summary = "preflight, chosen method and forecast; train nothing",
          .positionals = {{"DATA", "CSV file, or - for stdin"}},
          .options = table_options(),
          .run = [](const Invocation& invocation) {
            return show_session(invocation, prepare(invocation, false));
          }};
}

}  // namespace thalweg::cli
