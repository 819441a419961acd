// DIR: the files of a run, and the rules for touching them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace thalweg::cli {

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path report_json() const { return path_ / "report.json"; }
  std::filesystem::path report_text() const { return path_ / "report.txt"; }
  std::filesystem::path trace() const { return path_ / "trace.csv"; }
  std::filesystem::path comparison() const { return path_ / "compare.csv"; }
  std::filesystem::path model() const { return path_ / "model.safetensors"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
  std::filesystem::path stdin_copy() const { return path_ / "stdin.data"; }

  /// Throws DataError where the folder could not be used: not a folder, or not empty without
  /// `force`. Touches nothing.
  void require_usable(bool force) const;
  /// Throws UsageError where `input` is a file that create() would remove. `what` names the input.
  void require_spared(const std::string& input, const std::string& what) const;
  /// Makes the folder with its parents, and removes the files of an earlier run. Throws DataError.
  void create() const;
  /// Throws DataError unless a checkpoint was written.
  void require_checkpoint() const;

 private:
  /// What a run writes here, and the next one removes.
  std::vector<std::filesystem::path> own_files() const;

  std::filesystem::path path_;
};

}  // namespace thalweg::cli
