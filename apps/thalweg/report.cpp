// thalweg report DIR: the text again, from report.json.
#include "thalweg/report/report.hpp"

#include "commands.hpp"
#include "exit_code.hpp"
#include "thalweg/core/tensor_file.hpp"

namespace thalweg::cli {
namespace {

int render(const Invocation& invocation) {
  const RunFolder folder(invocation.words.at("DIR").back());
  const std::string path = folder.report_json().string();
  std::error_code absent;
  if (!std::filesystem::exists(path, absent))
    throw DataError("there is no report.json", folder.path().string(),
                    "give the folder of a run that has ended; thalweg resume ends one");
  const report::Record record = report::from_json(read_bytes(path), path);
  const std::string text = report::to_text(record);
  write_file_atomically(folder.report_text(), text);
  invocation.console.result(text);
  invocation.console.object(report::to_json(record));
  return exit_success;
}

}  // namespace

Command report_command() {
  return {.name = "report",
          .summary = "render the text of DIR again from its report.json",
          .positionals = {{"DIR", "folder of a run"}},
          .options = output_options(),
          .run = render};
}

}  // namespace thalweg::cli
