// What the parts of a step cost, from counts alone: shared by the planner's files.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "thalweg/plan/planner.hpp"

namespace thalweg::plan {

using Options = std::map<std::string, std::string>;

inline double count(Index n) { return static_cast<double>(n); }

/// The value of an option, or `otherwise`.
std::string option(const Options& options, const std::string& key, const std::string& otherwise);

/// Samples in the law C(s) = C0 e^{-2 s / samples} of the adapted flow with these options: N, or 1
/// in the metric of the loss.
double flow_samples(const Options& options, const ProblemSize& size);

/// Whether the adapted flow takes the discrete tau rule, which has steps but no flow time.
bool by_tau_rule(const Options& options);

/// Flow time at which the adapted flow ends by its option; 0: none. Throws UsageError where the
/// option is no number of that range.
double flow_time_option(const Options& options);

/// Whether the method works on outputs and Jacobian.
bool needs_composite(std::string_view method);

/// The solver levenberg-marquardt and gauss-newton use for this size: svd, dual, normal or cg.
std::string step_solver(const Options& options, const ProblemSize& size);

/// Steps such a method takes on tables by experience; neither a bound nor a measurement.
double typical_steps(std::string_view method);

/// Flops that take as long as this step, counted in those of large matrix products: the rest (thin
/// products, activations, passes over memory) runs at about a quarter of their speed.
inline double weighted_work(const StepCost& cost) {
  constexpr double slowdown = 4;
  return cost.dense_flops + slowdown * (cost.flops - cost.dense_flops);
}

/// Work that whole runs on so many samples may take by default: half of the time promised for the
/// size (30 s on 2000 rows, 2 minutes on 10 000, two cores), at a speed this machine class keeps
/// even beside other load. In the flops of weighted_work.
inline constexpr double sustained_speed = 2e10;  // per second
inline double affordable_work(const ProblemSize& size) {
  constexpr double seconds_per_row = 6e-3, least_seconds = 12;
  return std::max(least_seconds, seconds_per_row * count(size.samples)) * sustained_speed;
}

/// Work of a whole run with the typical number of steps.
double typical_work(const std::string& method, const Options& options, const ProblemSize& size);

/// The method the planner takes where the user named none, from counts alone. limit in bytes, 0:
/// none.
std::string method_for_size(const ProblemSize& size, double limit);

/// "12.3 MB", "412 flop" with an SI prefix.
std::string with_prefix(double number, std::string_view unit);

}  // namespace thalweg::plan
