// Claims, re-measured at the returned point by code that sees neither method nor trace; rate alone
// reads the trace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "thalweg/core/assumption.hpp"
#include "thalweg/problem/margin_loss.hpp"
#include "thalweg/run/method.hpp"

namespace thalweg {

enum class Verdict { holds, refuted, undecided };
const char* to_string(Verdict verdict);

struct Certificate {
  std::string claim;  ///< global-minimum, first-order, rate, separates, tangent-kernel
  Verdict verdict = Verdict::undecided;
  std::optional<double> measured, bound;
  std::optional<double> confidence;      ///< 1 for deterministic measurements
  std::optional<double> sigma_min_path;  ///< rate only
  std::vector<Assumption> assumptions;
};

/// measured: f(x) - lower_bound; holds when <= target (times 1 + slack). Undecided where there is
/// no finite lower bound, or where the value lies below it: then it is no bound.
Certificate certify_global_minimum(const Objective& problem, const ConstVectorRef& x,
                                   double lower_bound, double target, double slack = 0);
/// measured: |grad f(x)|; holds when <= eps. The gradient is checked against differences of values
/// along a random direction on the way; undecided where they contradict it.
Certificate certify_first_order(const Objective& problem, const ConstVectorRef& x, double eps);
/// measured: worst |ln(measured / predicted)| of the recorded values along the trace; holds when <=
/// bound. Undecided where no record carries a prediction. sigma_min_path: smallest sigma_min of the
/// records.
Certificate judge_rate(const std::vector<StepRecord>& trace, double bound = 0.02);
/// measured: the most by which ln of a loss that a theorem bounds lies above ln of its bound, 0
/// where none does; holds when <= bound. Of records with bound_log_value their average_log_value is
/// judged; with `final_bound`, ln of the bound on the best loss of all steps, also the smallest
/// loss. Undecided where there is nothing to judge.
Certificate judge_loss_bound(const std::vector<StepRecord>& trace,
                             std::optional<double> final_bound, double bound = 0.02);
/// measured: the smallest margin at x of a linear model of classes, of unit parameters and rows
/// divided by the largest row norm; holds when > 0. Undecided at x = 0 and for other problems.
Certificate certify_separates(const CompositeObjective& problem, const ConstVectorRef& x);

/// |K(x) - K(x0)|_F / |K(x0)|_F of the tangent kernel K = J J' on at most `samples` samples, spread
/// evenly: 0 where the model is linear in its parameters; small in the tangent-kernel regime.
double tangent_kernel_drift(const OutputModel& model, const ConstVectorRef& x0,
                            const ConstVectorRef& x, Index samples = 256);
/// Claim "tangent-kernel": measured is that drift; holds when <= bound, so that the run may be
/// looked at as one of the linearized model. No method promises it: theorems about networks ask.
Certificate judge_tangent_kernel(const OutputModel& model, const ConstVectorRef& x0,
                                 const ConstVectorRef& x, double bound = 0.1);

}  // namespace thalweg
