// What is measured of a problem before any training.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "thalweg/problem/composite_objective.hpp"

namespace thalweg {

enum class RankSource { jacobian, gram };

/// The rank condition at one point: rank J = min(m, n) at a stated relative tolerance.
struct RankReport {
  Index rank = 0;
  std::optional<bool> full;     ///< absent: a Gram matrix could not resolve sigma_min
  Index rows = 0, columns = 0;  ///< m = N * Q, n
  double tolerance = 0;         ///< relative to sigma_max
  double sigma_min = 0;         ///< smallest of the min(m, n) singular values as far as resolved
  double sigma_max = 0;
  std::optional<double>
      condition;  ///< sigma_max / sigma_min; absent when sigma_min is not resolved or zero
  RankSource source = RankSource::jacobian;
  std::optional<Index>
      conflicting_duplicates;  ///< samples that share their inputs with another one of other target
  /// Value of the objective that no parameters can go below because of conflicting duplicates
  /// (squared loss).
  double duplicate_floor = 0;
  /// Value of the objective the linearized problem cannot go below: the residual part outside
  /// range(J), plus the loss's own lower bound. 0 in exact arithmetic when the rank condition holds
  /// and n >= m.
  std::optional<double> floor;
  std::optional<double>
      projected_share;                ///< |P r| / |r|: the part of the residual a step can remove
  std::vector<std::string> warnings;  ///< condition over 1e8, equal inputs, all-zero parameters ...
};

struct RankOptions {
  std::optional<double>
      tolerance;  ///< default: max(m, n) eps from J itself, 1e-7 from a Gram matrix
  double memory_limit =
      0;  ///< bytes; J itself is factorized where it fits a tenth of this (0: no limit)
  double max_flops =
      0;  ///< J itself is factorized where its factorization stays below this (0: no limit)
  const Matrix* inputs =
      nullptr;  ///< (N, D) to look for duplicate rows; not owned; null: not looked for
  const Matrix* targets = nullptr;  ///< (N, Q) as the loss sees them
};

RankReport measure_rank(const CompositeObjective& problem, const ConstVectorRef& x,
                        const RankOptions& options);

/// Bytes the method needs at its peak, before anything is allocated.
struct MemoryReport {
  double bytes = 0, limit = 0;
};
/// 80 % of the memory that is free now, in bytes.
double default_memory_limit();

/// Taylor slope of |f(x + h v) - f(x) - h <g, v>| over a range of h along a random direction: 2 for
/// a right gradient.
struct GradientCheck {
  std::optional<double>
      slope;           ///< absent: the remainder is rounding everywhere (f is linear along v)
  bool passed = true;  ///< slope >= 1.8, or absent with a remainder at rounding level
};
GradientCheck check_gradient(const Objective& problem, const ConstVectorRef& x, std::uint64_t seed);

struct Preflight {
  std::optional<RankReport> rank;
  MemoryReport memory;
  GradientCheck gradient_check;
  double initial_loss = 0;
  double initial_gradient_norm = 0;
};

}  // namespace thalweg
