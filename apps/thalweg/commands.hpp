// The subcommands: each in a file of its own name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "session.hpp"
#include "words.hpp"

namespace thalweg::cli {

struct Positional {
  std::string name;  ///< also its key among the words
  std::string meaning;
  bool required = true;
};

struct Command {
  std::string name, summary;
  std::vector<Positional> positionals;
  std::vector<OptionSpec> options;
  std::function<int(const Invocation&)> run;  ///< returns the exit code; throws Error for misuse
};

Command train_command();
Command compare_command();
Command check_command();
Command plan_command();
Command predict_command();
Command certify_command();
Command resume_command();
Command report_command();
Command solve_command();
Command methods_command();

}  // namespace thalweg::cli
