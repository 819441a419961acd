// Decisions with reasons: pure functions of what preflight measured. Deterministic: they read no
// clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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
  /// As given; make_plan takes out what is no option of a method: "eps", the first-order tolerance,
  /// and "budget-rule", proved or practical, how large-step draws its stepsize from the budget.
  std::map<std::string, std::string> method_options;
  std::optional<double> target_loss;      ///< absent: the planner's
  std::optional<std::int64_t> max_steps;  ///< absent: the budget, or 10000
  /// T: the best loss after exactly T steps is wanted, and step sizes are chosen for it.
  std::optional<std::int64_t> budget;
  std::optional<double> time_limit;  ///< seconds
  /// A problem of the sampled methods: those that can also take all samples draw batches too.
  bool sampled_problem = false;
  bool validation = false;           ///< early stopping on validation was asked for
  /// The parameters themselves are wanted (`solve`): least squares run until no step lowers the
  /// value, with no first-order tolerance to end them sooner.
  bool until_rounding = false;
};

/// The size and cost of a problem, from counts alone.
struct ProblemSize {
  Index samples = 0, outputs_per_sample = 1, parameters = 0;
  Index inputs = 0;           ///< D of a network; 0: not a network, its Jacobian is held explicitly
  std::vector<Index> hidden;  ///< widths of a network
  bool classification = false;
  int classes = 0;            ///< of a classification
  bool linear = false;        ///< the outputs are linear in the parameters
  double ridge = 0;           ///< lambda of a term lambda/2 |x|^2
  bool logistic = true;       ///< of a classification: cross-entropy, which the theorems are about
  bool squared = true;        ///< of a regression: the squared loss, which flow times are about
  double nonzeros = 0;        ///< of a sparse table; 0: dense
  bool composite = true;      ///< outputs and Jacobian are offered; else gradients only
  bool sampled = false;       ///< a mean over several samples that batches can be drawn from
  double gradient_flops = 0;  ///< work of one gradient; 0: 6 flops per parameter and sample

  Index outputs() const { return samples * outputs_per_sample; }  ///< m
  bool overparametrized() const { return parameters >= outputs(); }
};

struct Plan {
  std::string method;
  std::map<std::string, std::string> options;
  std::vector<Decision> decisions;
  std::optional<double> target_loss;  ///< the run stops there
  std::optional<double> gradient_tolerance;
  std::int64_t max_steps = 10000;  ///< the user's, else the planner's for the size
  bool takes_all_steps = false;    ///< nothing but max_steps is meant to end the run
  /// The user bounded steps or time, or asked for early stopping: the run may end before the target
  /// for a reason that breaks no promise.
  bool may_end_early = false;
};

/// large-step or large-step-adaptive: what the theory of large steps is about.
bool is_large_step(std::string_view method);

/// Hidden widths for a table of `samples` rows and `inputs` columns when the user named none:
/// docs/how-to-choose.md states the rule. Appends the decision "model".
std::vector<Index> choose_hidden(Index samples, Index inputs, Index outputs, bool classification,
                                 const Goal& goal, std::vector<Decision>& decisions);

/// Samples per update that the plan takes where batches are drawn and the user named none.
double usual_batch(const ProblemSize& size);

/// Method, options, targets. Preflight's rank, losses and memory limit are used where they exist.
/// Throws UsageError for an eps or target loss that is no positive number, and for a flow time that
/// ends before the target loss is reached.
Plan make_plan(const ProblemSize& size, const Preflight& preflight, const Goal& goal);

/// Work of one step of a method in floating-point operations, and its peak memory in bytes.
struct StepCost {
  double flops = 0, bytes = 0;
  double dense_flops = 0;  ///< the part of flops in large matrix products and factorizations
};
/// From counts alone; the formulas are those of docs/forecast.md. An unknown method is counted as
/// one gradient per step.
StepCost step_cost(const std::string& method, const std::map<std::string, std::string>& options,
                   const ProblemSize& size);

/// Throws RefusedError naming a method that would fit when the plan's memory is over the limit (0:
/// no limit).
void refuse_too_large(const std::string& method, const StepCost& cost, double limit,
                      const ProblemSize& size);

/// Work preflight may spend on the rank, for RankOptions::max_flops: 30 % of the work the run is
/// expected to take.
double rank_work_limit(const ProblemSize& size, const Goal& goal);

/// `flop_rate` (flop/s) is measured by the caller, on one gradient: the forecast's seconds are the
/// one place where the machine enters. `dense_flop_rate`, where measured, is that of large matrix
/// products; 0: as flop_rate.
Forecast make_forecast(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                       double flop_rate, double dense_flop_rate = 0);

}  // namespace thalweg
