#include "run_folder.hpp"

#include <unistd.h>

#include <system_error>

#include "thalweg/core/error.hpp"

namespace thalweg::cli {
namespace fs = std::filesystem;

void RunFolder::require_usable(bool force) const {
  std::error_code problem;
  const fs::file_status status = fs::status(path_, problem);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status))
    throw DataError("is not a folder", path_.string(), "give --out another name");
  const bool empty = fs::is_empty(path_, problem);
  if (problem)
    throw DataError("cannot be read: " + problem.message(), path_.string(),
                    "give --out another folder");
  if (!empty && !force)
    throw DataError("the folder is not empty", path_.string(),
                    "give --out another folder, or --force to write into this one");
}

std::vector<fs::path> RunFolder::own_files() const {
  return {checkpoint(), report_json(), report_text(), trace(), comparison(), model(), stdin_copy()};
}

void RunFolder::require_spared(const std::string& input, const std::string& what) const {
  for (const fs::path& file : own_files()) {
    std::error_code absent;  // what does not exist is not the same file
    if (fs::equivalent(input, file, absent))
      throw UsageError(what + " is a file of the run in --out, which this run would remove",
                       "give --out another folder, or copy the file out of this one first", input);
  }
}

void RunFolder::create() const {
  const char* const remedy = "give --out a folder that can be written";
  std::error_code problem;
  fs::create_directories(path_, problem);
  if (problem)
    throw DataError("the folder cannot be made: " + problem.message(), path_.string(), remedy);
  if (access(path_.c_str(), W_OK | X_OK) != 0)
    throw DataError("the folder cannot be written", path_.string(), remedy);
  for (const fs::path& file : own_files()) {
    fs::remove(file, problem);
    if (problem) throw DataError("cannot be replaced: " + problem.message(), file.string(), remedy);
  }
}

void RunFolder::require_checkpoint() const {
  std::error_code problem;
  if (!fs::is_directory(path_, problem))
    throw DataError("no such folder: nothing was written yet", path_.string(),
                    "give the folder of a run");
  if (!fs::exists(checkpoint(), problem))
    throw DataError("nothing was written yet: there is no checkpoint.safetensors", path_.string(),
                    "start the run again with thalweg train");
}

}  // namespace thalweg::cli
