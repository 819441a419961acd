// Claims, re-measured at the returned point by code that sees neither method nor trace; rate alone
// reads the trace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "thalweg/core/assumption.hpp"
#include "thalweg/run/method.hpp"

namespace thalweg {

enum class Verdict { holds, refuted, undecided };
const char* to_string(Verdict verdict);

struct Certificate {
  std::string claim;  ///< global-minimum, first-order, rate
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

}  // namespace thalweg
