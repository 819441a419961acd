// Decisions with reasons: pure functions of what preflight measured. Deterministic: they read no
// clock.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/plan/forecast.hpp"

namespace thalweg {

struct Rejected {
  std::string option, why;
};
struct Decision {
  std::string what, chosen, because;
  std::vector<Rejected> rejected;
};

/// What the user wants and what he fixed himself.
struct Goal {
  std::optional<std::string> method;  ///< absent: auto
  std::map<std::string, std::string> method_options;
  std::optional<double> target_loss;      ///< absent: the planner's
  std::optional<std::int64_t> max_steps;  ///< absent: 10000
  std::optional<double> time_limit;       ///< seconds
  bool validation = false;                ///< early stopping on validation was asked for
};

/// The size and cost of a problem, from counts alone.
struct ProblemSize {
  Index samples = 0, outputs_per_sample = 1, parameters = 0, inputs = 0;
  std::vector<Index> hidden;
  bool classification = false;
  bool composite = true;
  double gradient_flops = 0;  ///< work of one gradient
};

struct Plan {
  std::string method;
  std::map<std::string, std::string> options;
  std::vector<Decision> decisions;
  std::optional<double> target_loss;  ///< the run stops there
  std::optional<double> gradient_tolerance;
};

/// Hidden widths for a table of `samples` rows and `inputs` columns when the user named none.
std::vector<Index> choose_hidden(Index samples, Index inputs, Index outputs, bool classification,
                                 bool validation, std::vector<Decision>& decisions);
/// Method, options, targets.
Plan make_plan(const ProblemSize& size, const Preflight& preflight, const Goal& goal);
/// Work of one step of a method in floating-point operations, and its peak memory in bytes.
struct StepCost {
  double flops = 0, bytes = 0;
};
StepCost step_cost(const std::string& method, const std::map<std::string, std::string>& options,
                   const ProblemSize& size);
/// Throws RefusedError naming a method that would fit when the plan's memory is over the limit.
void refuse_too_large(const std::string& method, const StepCost& cost, double limit,
                      const ProblemSize& size);
/// `flop_rate` (flop/s) is measured by the caller: the forecast's seconds are the one place where
/// the machine enters.
Forecast make_forecast(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                       double flop_rate);

}  // namespace thalweg
