// A run on disk: the state of the method, what the loop remembers, and the caller's extra texts.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/run/run.hpp"

namespace thalweg {

/// What the loop remembers. The numbers of the best steps are found in the trace.
struct RunHistory {
  /// Start first, the last step last, by iteration; thinned by `thin`.
  std::vector<StepRecord> trace;
  Vector best;                        ///< the best point
  std::int64_t point_step = 0;        ///< the step that reached it
  std::int64_t value_step = 0;        ///< the step of the smallest value
  std::int64_t validation_step = -1;  ///< the step of the smallest validation loss; -1: none yet
  std::int64_t validations_since_best = 0;
  std::int64_t evaluations = 0;
  std::int64_t samples = 0;  ///< sample evaluations
  std::int64_t steps = 0;    ///< may lie beyond the last record of a sampled method
  double seconds = 0;
  std::vector<StopReason> reasons;  ///< why the run ended; empty while it can go on
};

/// The record of a step that is in the trace.
const StepRecord& record_at(const RunHistory& history, std::int64_t step);

/// Keeps a long trace short: the first and the last `dense_steps` steps, the best ones, and of
/// those between every k-th, k a power of two. What is kept depends on the steps alone, so that a
/// resumed run keeps the same.
void thin(RunHistory& history);
inline constexpr std::int64_t dense_steps = 1024;
inline constexpr std::size_t longest_trace = 16384;

struct Checkpoint {
  std::string method;
  std::map<std::string, std::string> extra;
  RunHistory history;
  std::unique_ptr<State> state;
};

void write_checkpoint(const std::filesystem::path& path, std::string_view method, State& state,
                      const RunHistory& history, const std::map<std::string, std::string>& extra,
                      const std::vector<Observer*>& observers);

/// Fills a blank state of the method; the caller restores it. Observers that it holds something of
/// get it back. Throws DataError when the file is no
/// checkpoint, is damaged, or belongs to another method or dimension.
Checkpoint read_checkpoint(const std::filesystem::path& path, const Method& method, Index dimension,
                           const std::vector<Observer*>& observers);

}  // namespace thalweg
