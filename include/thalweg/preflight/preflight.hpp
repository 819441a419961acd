// What is measured of a problem before any training.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/method/normalized_theory.hpp"
#include "thalweg/preflight/critical_step.hpp"
#include "thalweg/preflight/curvature_growth.hpp"
#include "thalweg/preflight/gradient_noise.hpp"
#include "thalweg/preflight/normalization_bias.hpp"
#include "thalweg/preflight/value_curvature.hpp"
#include "thalweg/problem/margin_loss.hpp"

namespace thalweg {

/// What the singular values were computed from. A Gram matrix squares the condition of J, so that
/// it resolves singular values down to about 1e-7 of the largest only.
enum class RankSource { jacobian, gram };

/// The rank condition at one point: rank J = min(m, n) at a stated relative tolerance.
struct RankReport {
  Index rank = 0;  ///< singular values above tolerance * sigma_max; 0 where none were computed
  std::optional<bool> full;     ///< absent: not resolved
  Index rows = 0, columns = 0;  ///< m = N * Q, n
  double tolerance = 0;         ///< relative to sigma_max
  double sigma_min = 0;  ///< smallest of the min(m, n) singular values as far as resolved, else 0
  double sigma_max = 0;
  std::optional<double> condition;  ///< sigma_max / sigma_min; absent when that is not resolved
  RankSource source = RankSource::jacobian;
  std::optional<Index>
      conflicting_duplicates;  ///< samples that share their inputs with another one of other target
  /// Value of the objective that no parameters can go below because of conflicting duplicates
  /// (squared loss).
  double duplicate_floor = 0;
  /// Value of the objective the linearized problem cannot go below: the residual part outside
  /// range(J), plus the loss's own lower bound (squared loss). 0 when the rank condition holds and
  /// n >= m.
  std::optional<double> floor;
  std::optional<double>
      projected_share;  ///< |P r| / |r|: the part of the residual a step can remove
  /// |r|, the distance of the outputs from the minimiser of the loss, where it has one.
  std::optional<double> residual_norm;
  /// beta_hat = 2 |y(x + t d) - y - t J d| / (t |d|)^2 along the minimum-norm step d = -J^+ r: a
  /// LOWER estimate of the Lipschitz constant of J.
  std::optional<double> curvature;
  /// beta_hat |P r| / sigma^2 with sigma the smallest resolved singular value. Full Gauss-Newton
  /// steps contract where it stays below 1/2.
  std::optional<double> curvature_ratio;
  /// Smallest |r(x + d)| / |r| over trial steps d of several dampings: what one damped Gauss-Newton
  /// step achieves here, by trying it.
  std::optional<double> trial_reduction;
  std::vector<std::string> warnings;  ///< condition over 1e8, equal inputs, all-zero parameters ...
};

struct RankOptions {
  std::optional<double>
      tolerance;  ///< default: max(m, n) eps from J itself, 1e-7 from a Gram matrix
  double memory_limit =
      0;  ///< bytes; J itself is factorized where it fits a tenth of this (0: no limit)
  double max_flops =
      0;  ///< no factorization whose work is above this is made (0: no limit); see docs/forecast.md
  const Matrix* inputs =
      nullptr;  ///< (N, D) to look for duplicate rows; not owned; null: not looked for
  const Matrix* targets = nullptr;  ///< (N, Q) as the loss sees them
};

/// Measures the rank condition at x. J itself is factorized where memory and work allow; else the
/// smaller of J J' (m, m) and J' J (n, n); else only sigma_max is found (Lanczos) and `full` is
/// absent.
RankReport measure_rank(const CompositeObjective& problem, const ConstVectorRef& x,
                        const RankOptions& options);

/// Samples with exactly equal input rows.
struct DuplicateReport {
  Index distinct = 0;     ///< number of different input rows
  Index conflicting = 0;  ///< samples that share their inputs with one of another target
  double spread = 0;      ///< sum over samples of |target - mean target of equal inputs|^2
};
/// inputs (N, D), targets (N, Q). Rows are equal when all their numbers are (0 equals -0).
DuplicateReport find_duplicates(const ConstMatrixRef& inputs, const ConstMatrixRef& targets);

/// Whether some parameters classify every sample with a positive margin.
enum class Separable { yes, no, undecided };

/// Separability of a classification problem by the rows of its Jacobian: for a linear model its
/// rows z_i = [x_i, 1]; for a network the tangent rows at one point. Margins are those of unit
/// parameters, of rows divided by the largest row norm R; with more than two classes z_label - z_q
/// of the class weights, |W|_F = 1.
struct SeparabilityReport {
  Separable verdict = Separable::undecided;
  /// gamma lies between the two. lower: the smallest margin of `separator`, measured again from the
  /// rows; 0 where none was found. upper: |sum p_i m_i| of the dual point p, measured again.
  double margin_lower = 0, margin_upper = 0;
  double row_norm = 0;  ///< R, of the rows as the model sees them; 0: not measured, or all are zero
  Vector separator;     ///< unit parameters (n) of margin_lower; empty where none was found
  /// Samples that contradict each other, ascending: the support of the dual certificate, or equal
  /// rows of different classes. Empty unless the verdict is no.
  std::vector<Index> conflict;
  bool equal_rows = false;  ///< `conflict` are equal rows of different classes
  std::string tried;        ///< undecided: what was tried
  double seconds = 0;
};

struct SeparabilityOptions {
  double relative_gap = 0.01;  ///< of upper over lower margin, where the search may end
  double max_flops = 4e11;     ///< work after which the verdict is undecided
};

/// `rows` is the linearization whose J holds the rows (outputs do not matter), `loss` the labels.
SeparabilityReport measure_separability(const Linearization& rows, const MarginLoss& loss,
                                        const SeparabilityOptions& options = {});
const char* to_string(Separable verdict);  ///< separable, not_separable, undecided

/// Bytes the method needs at its peak, before anything is allocated.
struct MemoryReport {
  double bytes = 0, limit = 0;
};
/// 80 % of the memory that is free now, in bytes: MemAvailable of the machine, or what is left of
/// the limit of the control group where that is less.
double default_memory_limit();

/// Taylor slope of |f(x + h v) - f(x) - h <g, v>| over a range of h along a random direction: 2 for
/// a right gradient. The direction is scaled by the parameters: each moves relative to its size.
struct GradientCheck {
  std::optional<double>
      slope;           ///< absent: the remainder is rounding everywhere (f is linear along v)
  bool passed = true;  ///< slope >= 1.8, or absent with a remainder at rounding level
};
GradientCheck check_gradient(const Objective& problem, const ConstVectorRef& x, std::uint64_t seed);

struct Preflight {
  std::optional<RankReport> rank;
  /// Classification: of the table's rows; of tangent rows for a network under large steps.
  std::optional<SeparabilityReport> separability;
  std::optional<CriticalStep> critical_step;  ///< linear models of inseparable classes
  std::optional<double> safe_stepsize;        ///< 1/beta, beta a bound on the Hessian norm anywhere
  std::optional<CurvatureGrowth> curvature;   ///< where a method asks for it
  std::optional<ValueCurvature> value_curvature;        ///< where a method that leaves saddles asks
  std::optional<GradientNoise> noise;                   ///< sampled problems
  std::optional<NormalizationBias> normalization_bias;  ///< sampled problems
  /// |g|^rho >= 2 mu (f - f*) on the probes, where the proved lower bound is attained.
  std::optional<GradientDominance> dominance;
  MemoryReport memory;
  GradientCheck gradient_check;
  double initial_loss = 0;
  double initial_gradient_norm = 0;
  double start_norm = 0;  ///< |x0|
};

}  // namespace thalweg
