// What updates cost in sample evaluations, and what that makes of a budget: pure functions of
// methods and options.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/plan/planner.hpp"

namespace thalweg {

/// Sample evaluations of one update with these options on N = `samples` samples: the batches it
/// draws, on average where updates differ (spider). N where the gradient of all samples is taken;
/// trials of a line search come on top.
double samples_per_update(const std::string& method,
                          const std::map<std::string, std::string>& options, Index samples);

/// Updates whose batches together hold at most `budget` sample evaluations, as StepRecord::samples
/// counts them: the most there are. Methods that take all samples count their passes, that of the
/// start too, and may make fewer updates than this.
std::int64_t updates_within(const std::string& method,
                            const std::map<std::string, std::string>& options, Index samples,
                            std::int64_t budget);

/// Sample evaluations of so many updates, as updates_within counts them.
std::int64_t samples_of(const std::string& method,
                        const std::map<std::string, std::string>& options, Index samples,
                        std::int64_t updates);

/// The option that sets the stepsize with these options; absent where the method has none, finds
/// its stepsize itself (backtracking, a value of 0), or takes it from constants of the problem.
std::optional<std::string> stepsize_option(const std::string& method,
                                           const std::map<std::string, std::string>& options);

/// Equal runs of one method.
struct PlannedRuns {
  std::string method;
  std::map<std::string, std::string> options;
  std::int64_t runs = 1;
};

/// Sample evaluations for each of these runs where the user says nothing: 30 passes over the data,
/// or as many, not below 3, as keep all the runs together within the time of a default run.
std::int64_t default_sample_budget(const std::vector<PlannedRuns>& runs, const ProblemSize& size);

}  // namespace thalweg
