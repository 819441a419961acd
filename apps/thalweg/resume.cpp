// thalweg resume DIR: go on from the last checkpoint.
#include "commands.hpp"

namespace thalweg::cli {

Command resume_command() {
  return {.name = "resume",
          .summary = "go on from the last checkpoint of DIR",
          .positionals = {{"DIR", "folder of a run"}},
          .options = output_options(),
          .run = [](const Invocation& invocation) {
            return resume_session(invocation, RunFolder(invocation.words.at("DIR").back()));
          }};
}

}  // namespace thalweg::cli
