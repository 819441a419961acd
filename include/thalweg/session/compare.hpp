// Methods side by side: the same problem, the same starts and batch streams, the same number of
// samples, and the same effort to find each one's stepsize. docs/compare.md says how to read it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/session/session.hpp"

namespace thalweg {

/// Rows that no method sees: a loss at x, and metrics. Empty functions: nothing is held back.
struct HeldBack {
  std::function<double(const ConstVectorRef& x)> loss;
  std::function<Metrics(const ConstVectorRef& x)> metrics;
};

/// What a seed stands for, the same for every method. Generated problems may have other data for
/// every seed, tables the same data and another start; the batches follow the seed in any case.
struct Instance {
  std::shared_ptr<const Objective> objective;
  Vector start;
  HeldBack validation, test;
};

/// Settings to take as they are: the stepsize is not searched for.
struct MethodPreset {
  std::map<std::string, std::string> options;
  std::optional<std::int64_t> steps;  ///< no more than these
};

struct CompareProgress {
  std::string method;
  bool tuning = false;                   ///< a run to find the stepsize
  std::uint64_t seed = 0;                ///< of the run
  std::int64_t runs_done = 0, runs = 0;  ///< of all methods
};

struct CompareOptions {
  std::vector<std::string> methods;  ///< at least two, each once
  /// Fixed by the user; each goes to the methods that have the option.
  std::map<std::string, std::string> method_options;
  /// S, sample evaluations of each run. Default: enough for the steps of the presets, or else
  /// default_sample_budget.
  std::optional<std::int64_t> samples;
  /// K, runs to find a method's stepsize, >= 0; 0: the one of the plan is taken.
  std::int64_t tuning_trials = 12;
  std::vector<std::uint64_t> seeds = {1, 2, 3, 4, 5};  ///< each once
  std::uint64_t tuning_seed = 0;                       ///< none of seeds
  /// Samples to reach this value are counted. Default: the largest median among the methods that
  /// came below the start.
  std::optional<double> target;
  /// Where a method has settings of its own; absent: it has none.
  std::function<std::optional<MethodPreset>(const std::string& method)> preset;
  bool sampled_problem = false;    ///< as Goal::sampled_problem
  std::optional<Subject> subject;  ///< of the instance of the tuning seed; default: counts only
  double memory_limit = 0;         ///< bytes; 0: 80 % of what is free
  const StopToken* stop_token = nullptr;  ///< not owned
  std::function<void(const CompareProgress&)> watch;
};

/// What stepsizes are multiplied with in the search: 1, and one number from each of trials - 1
/// equal parts of [1e-3, 1e3] on a logarithmic scale, drawn from the stream (seed, "tuning").
std::vector<double> tuning_factors(std::int64_t trials, std::uint64_t seed);

/// Median and quartiles; between neighbours in order they are interpolated. values must not be
/// empty.
report::Spread spread_of(std::vector<double> values);

/// Whether the middle halves of two methods are apart, by more than 0.1 % of the larger median.
bool distinguishable(const report::Spread& a, const report::Spread& b);

/// Runs the comparison. Every run gets the same S and ends with it, with a zero gradient, or where
/// the method itself halts; only points measured within S count. First each method whose stepsize
/// can be set gets K runs on the tuning seed, the first with the stepsize of the plan, and keeps
/// the one of the smallest value. Then every seed is run with all methods. A stop request ends it
/// with the seeds that all methods have finished.
///
/// Throws UsageError for options that cannot be used, a method that cannot work on the problem, and
/// S too small for an update; RefusedError as measure and refuse_too_large do.
report::ComparisonSection compare(const std::function<Instance(std::uint64_t seed)>& instance,
                                  const CompareOptions& options);

}  // namespace thalweg
