// thalweg train DATA: plan, run, certify, report.
#include "commands.hpp"

namespace thalweg::cli {
namespace {

int train(const Invocation& invocation) {
  Session session = prepare(invocation, true);
  announce(invocation.console, session);
  return run_session(invocation, session);
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .summary = "train a model on a table and write DIR",
          .positionals = {{"DATA", "CSV file, or - for stdin"}},
          .options = table_options(),
          .run = train};
}

}  // namespace thalweg::cli
