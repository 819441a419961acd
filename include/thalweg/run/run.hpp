// The one loop. Advances a method's state until a criterion fires, while observers watch.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/stop_token.hpp"
#include "thalweg/run/method.hpp"
#include "thalweg/run/stopping.hpp"

namespace thalweg {

/// Watches a run; cannot change it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_start(const StepRecord& /*record*/) {}
  virtual void on_step(const Progress& /*progress*/) {}
  virtual void on_end(const StopReason& /*reason*/) {}
  /// The name under which a checkpoint holds what `visit` names, so that a resumed run sees what
  /// the uninterrupted one saw; empty: it remembers nothing. Two observers of a run must differ.
  virtual std::string_view key() const { return {}; }
  virtual void visit(StateVisitor& /*visitor*/) {}
};

/// Where and how often checkpoints are written. One is written before step 1, then at least every
/// `seconds`, and at the end. A checkpoint holds the state, the trace and the bookkeeping of the
/// loop; `extra` holds what the caller needs to rebuild problem and method (the command line: its
/// options and the plan). A resumed run that gives no `extra` keeps the one of its checkpoint.
struct CheckpointPlan {
  std::filesystem::path path;
  double seconds = 1.0;
  std::map<std::string, std::string> extra;
};

struct RunOptions {
  StopWhen stop;                     ///< required
  std::vector<Observer*> observers;  ///< not owned
  /// Loss on held-back data at x; evaluated after every accepted step. Empty: no validation. With
  /// it the best point is the one of smallest validation loss, without it that of smallest value.
  std::function<double(const ConstVectorRef& x)> validation;
  /// The value the user set out for, if any: a method that halts as converged above it (a
  /// stationary point, a floor) has not done what was asked, and the run is stalled.
  std::optional<double> target;
  const StopToken* stop_token = nullptr;  ///< not owned; a request ends the run with `interrupted`
  std::optional<CheckpointPlan> checkpoint;
  Context context;
};

/// What a run returns. The values belong to the point `best`.
struct Result {
  /// The last point of a run that converged, since there the criterion holds; else the best one: by
  /// validation where there is any, otherwise by value. Always finite if x0 is.
  Vector best;
  double value = 0;                  ///< f(best)
  std::optional<double> validation;  ///< validation loss at best
  std::int64_t best_step = 0;        ///< the step that reached `best`
  Vector last;                       ///< the last point; of a failed run it may not be finite
  StopReason reason;                 ///< the leading reason
  std::vector<StopReason> reasons;   ///< every criterion that fired
  std::int64_t steps = 0;            ///< calls of Method::step, rejected trials included
  std::int64_t samples = 0;          ///< sample evaluations
  std::int64_t evaluations = 0;      ///< passes over the data
  double seconds = 0;                ///< over all parts of a resumed run
  /// Start first; of runs beyond 16384 steps the steps between the first and the last thousand are
  /// thinned. The last record is that of the last step.
  std::vector<StepRecord> trace;
};

/// Runs from x0. Errors of use are thrown before the first step; numerical trouble ends in an
/// Outcome.
Result run(const Objective& problem, const Method& method, const ConstVectorRef& x0,
           const RunOptions& options);

/// Goes on from a checkpoint; equal, bit for bit, to the run that was not interrupted (the seconds
/// aside). A checkpoint of a finished run returns its result unchanged and writes nothing; only an
/// interrupted run is unfinished. Throws DataError when the file is not a checkpoint of this method
/// and problem size, or is damaged.
Result resume(const Objective& problem, const Method& method,
              const std::filesystem::path& checkpoint, const RunOptions& options);

/// The `extra` of a checkpoint, and whether the run had ended.
struct CheckpointInfo {
  std::map<std::string, std::string> extra;
  bool finished = false;
  std::string method;
};
CheckpointInfo read_checkpoint_info(const std::filesystem::path& checkpoint);

}  // namespace thalweg
