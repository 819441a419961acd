// Why the value stands still: a plateau of a run, diagnosed at a point of it by measurements.
//
// Measured are, as far as the budget allows,
//
//   the gradient g, and by how much a step along -g lowers the value, over all lengths tried;
//   lambda_min of the Hessian by Lanczos, and by how much its Ritz vector v lowers the value;
//   the noise xi of gradients over batches: their standard deviation, and E xi'H xi;
//   the rank of J times random vectors (problem/probed_rank.hpp), here and nearby.
//
// A gain counts where it is at least a thousandth of the gap f - f_low, which is what run/plateau
// calls still. The kind is the first of these that holds; the rules are ours:
//
//   minimum         the gap is below 1e-12 of the value, or of that at the start
//   saddle          lambda_min < 0 beyond rounding, and v gains; twice what -g does where |g| > eps
//   noise-floor     an update x - eta (g + xi) changes f by -eta |g|^2 + eta^2 (g'Hg + E xi'H xi)
//                   / 2 on average: the noise raises it by at least half of what g lowers it, or a
//                   fifth where the values swing, since g at one point does so too. Where eta
//                   multiplies something else than g: |g|^2 <= E |xi|^2
//   rank-loss       nothing is gained along -g, and random vectors find a lower rank of J than at a
//                   point nearby
//   step-floor      steps of the length taken gain less than steps of at most 3/4 of it, which gain
//   slow-progress   a step along -g of more than the length taken gains; or none gains although
//                   |g| > eps: the curvatures differ too much
//   minimum         |g| <= eps, lambda_min > 0
//   flat-minimum    |g| <= eps, lambda_min >= 0 or so: directions of no curvature are left
//   undecided       `because` says what could not be measured
#pragma once

#include <map>

#include "thalweg/problem/objective.hpp"
#include "thalweg/run/plateau.hpp"

namespace thalweg {

/// What is known of the run.
struct PlateauContext {
  Plateau plateau = {};
  double lower_bound = 0;  ///< f_low; -infinity where unknown
  double start_value = 0;  ///< f(x0)
  double eps = 1e-3;       ///< > 0: of the gradient norm that counts as zero
  double distance = 0;     ///< from the start, >= 0
  Index batch = 0;         ///< samples per update, without replacement; 0: all
  /// Updates are x - stepsize times the gradient of the batch, with the stepsize of the records.
  bool plain_steps = false;
  bool annealed = false;        ///< the stepsize falls by a schedule
  bool steps_verified = false;  ///< the method tries step lengths itself: no step floor, nor short
  bool leaves_saddles = false;  ///< the method does, or was told to
  std::optional<double> step_floor = {};  ///< forecast, above the minimum
  double gradients = 100;                 ///< budget, in gradients of the objective
  int max_products = 60;                  ///< of the Hessian, at most
  std::uint64_t seed = 0;
};

struct PlateauDiagnosis {
  std::int64_t first_step = 0, last_step = 0;
  bool at_end = false;  ///< the run ended on it
  double value = 0;
  std::string kind;
  std::string because;  ///< of undecided
  /// What was measured, by name: docs/report-schema.md.
  std::map<std::string, double> measured;
  std::string advice;  ///< one sentence; empty: there is nothing to do
};

/// The diagnosis at x, (n), a point of the plateau. Deterministic; numbers that are not finite make
/// it undecided. Throws UsageError where x has another size than the problem.
PlateauDiagnosis diagnose_plateau(const Objective& problem, const ConstVectorRef& x,
                                  const PlateauContext& context);

/// Fewer gradients than this allow no diagnosis.
inline constexpr double least_plateau_gradients = 8;

}  // namespace thalweg
