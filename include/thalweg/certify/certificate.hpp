// Claims, re-measured at the returned point by code that sees neither method nor trace; rate alone
// reads the trace.
#pragma once

#include <cstdint>
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
  /// global-minimum, first-order, second-order, rate, separates, tangent-kernel
  std::string claim;
  Verdict verdict = Verdict::undecided;
  std::optional<double> measured, bound;
  std::optional<double> confidence;      ///< 1 for deterministic measurements, below for sampled
  std::optional<double> sigma_min_path;  ///< rate only
  std::vector<Assumption> assumptions;

  // second-order only; see certify/second_order.hpp.
  /// minimum-like, second-order stationary, saddle, not stationary, undecided
  std::string kind = {};
  std::string because = {};  ///< why refuted, undecided, or no more than stationary
  std::optional<double> gradient_norm = {};
  std::optional<double> lower_bound = {};        ///< lambda_min is at least that
  std::optional<double> residual = {};           ///< |H v - measured v| of the direction v measured
  std::optional<std::int64_t> products = {};     ///< Hessian products used
  std::optional<std::int64_t> evaluations = {};  ///< all of its work, in gradients of the objective
  /// Of a saddle: the way out v, (n), unit length, along which the gradient does not rise.
  std::optional<Vector> direction = {};
};

/// measured: f(x) - lower_bound; holds when <= target (times 1 + slack). Undecided where there is
/// no finite lower bound, or where the value lies below it: then it is no bound.
Certificate certify_global_minimum(const Objective& problem, const ConstVectorRef& x,
                                   double lower_bound, double target, double slack = 0);
/// measured: |grad f(x)|; holds when <= eps. The gradient is checked against differences of values
/// along a random direction on the way; undecided where they contradict it.
Certificate certify_first_order(const Objective& problem, const ConstVectorRef& x, double eps);
struct SampledGradientOptions {
  Index batch = 64;                   ///< b >= 1 samples a batch, drawn with replacement
  int probes = 32;                    ///< k >= 8 independent batches
  double failure_probability = 1e-3;  ///< in (0, 0.2]: of a false verdict
  std::uint64_t seed = 0;             ///< of the stream "certify-sampled"

  void validate() const;  ///< throws UsageError naming every violated range at once
};

/// first-order from b k sample gradients, for problems whose full gradient costs too much. With the
/// mean m and the sample variance S^2 = sum |g_j - m|^2 / (k - 1) of k batch gradients,
///
///     | m - grad f(x) | <= t S / sqrt k,    t the two-sided quantile of Student's t, k - 1
///     degrees,
///
/// with probability at least 1 - failure_probability where batch gradients are normal. So the claim
/// holds when |m| + t S / sqrt k <= eps, is refuted when |m| - t S / sqrt k > eps, and is undecided
/// between. measured: the root of |m|^2 - S^2 / k, or 0: an unbiased estimate of the square.
/// confidence: 1 - failure_probability. Throws UsageError where the problem is no FiniteSum.
///
/// In one dimension this is Student's interval. In more, |m - grad f|^2 k is sum_i a_i z_i^2 with
/// a_i the eigenvalues of the covariance of a batch gradient and z_i standard normal. Given S, the
/// chance that it exceeds t^2 S^2 is largest where one a_i carries the whole sum (Szekely, Bakirov,
/// Probab. Theory Relat. Fields 126, 2003, for levels up to 0.215), and over S, a mean of
/// chi-squares with weights a_i, it is again largest for one (Jensen: that chance is convex in
/// S^2).
Certificate certify_first_order_sampled(const Objective& problem, const ConstVectorRef& x,
                                        double eps, const SampledGradientOptions& options = {});
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
