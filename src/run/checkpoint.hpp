// A run on disk: the state of the method, what the loop remembers, and the caller's extra texts.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/run/method.hpp"

namespace thalweg {

/// What the loop remembers. The numbers of the best steps are found in the trace.
struct RunHistory {
  std::vector<StepRecord> trace;      ///< start first; entry k is step k
  Vector best;                        ///< the best point
  std::int64_t point_step = 0;        ///< the step that reached it
  std::int64_t value_step = 0;        ///< the step of the smallest value
  std::int64_t validation_step = -1;  ///< the step of the smallest validation loss; -1: none yet
  std::int64_t validations_since_best = 0;
  std::int64_t evaluations = 0;
  double seconds = 0;
  std::vector<StopReason> reasons;  ///< why the run ended; empty while it can go on
};

struct Checkpoint {
  std::string method;
  std::map<std::string, std::string> extra;
  RunHistory history;
  std::unique_ptr<State> state;
};

void write_checkpoint(const std::filesystem::path& path, std::string_view method, State& state,
                      const RunHistory& history, const std::map<std::string, std::string>& extra);

/// Fills a blank state of the method; the caller restores it. Throws DataError when the file is no
/// checkpoint, is damaged, or belongs to another method or dimension.
Checkpoint read_checkpoint(const std::filesystem::path& path, const Method& method,
                           Index dimension);

}  // namespace thalweg
