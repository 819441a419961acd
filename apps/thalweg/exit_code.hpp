// What the process says to the shell: the table of docs/command-line.md, in one place.
#pragma once

#include <exception>

#include "settings.hpp"
#include "thalweg/report/report.hpp"

namespace thalweg::cli {

enum ExitCode : int {
  exit_success = 0,
  exit_usage = 2,
  exit_data = 3,
  exit_refused = 4,
  exit_unfinished = 5,
  exit_failed = 6,
  exit_refuted = 7,
  exit_interrupted = 130,
};

int exit_code(const Error& error);

/// Of a run. `bounded` says that the user set a budget of steps or time and no target loss: then
/// reaching the budget is what he asked for.
int exit_code(const report::Record& record, bool bounded);
/// Of `certify`: every certificate was asked for.
int exit_code(const std::vector<Certificate>& certificates);

bool is_bounded(const Goal& goal);

}  // namespace thalweg::cli
