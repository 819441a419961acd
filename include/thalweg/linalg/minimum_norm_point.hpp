// The point of least norm in a convex hull, and the direction of widest margin that belongs to it.
#pragma once

#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg::linalg {

/// Relative rounding error allowed for an inner product of n terms, and for a residual of as many.
double product_rounding(Index n);

/// For points m_i (n) that are added one by one:
///
///     g = min { |sum_i p_i m_i| : p in the simplex } = max { min_i m_i'u : |u| = 1 }.
///
/// Solved as min |u|^2 / 2 subject to m_i'u >= 1 by the dual active-set method of Goldfarb and
/// Idnani (Math. Programming 27, 1983): u = S R^-T 1 with the active points S = Q R, then
/// |u| = 1/g. Points enter one by one, |u| grows with every one, so the method is finite; it needs
/// no starting point, and where the origin lies in the hull it ends with the combination that says
/// so. Q and R are updated by Gram-Schmidt (twice) and plane rotations: no squared matrix, so that
/// margins are resolved down to rounding of the points, not to its square root.
///
/// Work: about 16 n k flops per step with k <= n active points, and 2 n for every point held.
class MinimumNormPoint {
 public:
  enum class Status {
    optimal,    ///< every point has m_i'u >= 1 - tolerance, or as near as rounding lets it
    origin,     ///< the origin is in the hull, to rounding: `weights` combine `support` to it
    stalled,    ///< |u| grows no more: rounding hides what is left
    exhausted,  ///< max_flops were used
  };

  explicit MinimumNormPoint(Index dimension);

  void add(const ConstVectorRef& point);  ///< (n), finite; has the next index
  Index size() const { return size_; }    ///< points held

  /// Continues from the active points of the last call. Status::origin is final: points added
  /// later do not change it.
  Status solve(double tolerance, double max_flops);

  /// u, (n): m_i'u >= 1 - tolerance for every point held. Zero before the first step.
  const Vector& separator() const { return separator_; }
  std::vector<Index> support() const;      ///< indices of the points with a weight, in no order
  Vector weights() const;                  ///< of `support`: positive, sum 1
  double flops() const { return flops_; }  ///< used by all calls

 private:
  // The point that enters, seen from the active ones: m = S combination + remainder, the remainder
  // orthogonal to S.
  struct Entering {
    Index point;
    double weight = 0;
    Vector coordinates, combination, remainder;
  };

  auto held() const { return points_.leftCols(size_); }
  auto q() const { return q_.leftCols(active_count()); }
  auto r() const {
    return r_.topLeftCorner(active_count(), active_count()).triangularView<Eigen::Upper>();
  }
  Index active_count() const { return static_cast<Index>(active_.size()); }

  Index most_violated(double tolerance) const;  // -1: none
  bool enter(Index point);                      // false: the origin is in the hull
  void split(Entering& entering) const;
  Index first_to_leave(const Vector& combination) const;  // -1: none
  double terms(const Entering& entering) const;
  void append(const Entering& entering);
  void drop(Index position);
  void refactorize();
  void recompute_separator();
  void reserve_active(Index count);

  Index dimension_, size_ = 0;
  Matrix points_;              // (n, capacity), the first size_ columns are points
  Vector norms_;               // (capacity)
  std::vector<Index> active_;  // S, in the order of Q and R
  std::vector<char> is_active_;
  Matrix q_, r_;        // (n, k) and (k, k) of larger storage
  Vector multipliers_;  // (k) >= 0, u = S multipliers
  Vector separator_;
  Entering contradiction_;  // of Status::origin
  bool origin_ = false;
  double flops_ = 0;
};

}  // namespace thalweg::linalg
