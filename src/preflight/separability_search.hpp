// The two searches for a separator or a contradiction. Private.
//
// Both work on g = max over unit u of min_i m_i'u = min over the simplex of |sum p_i m_i| and
// improve one record of evidence; neither decides anything.
#pragma once

#include <limits>
#include <vector>

#include "preflight/separability_rows.hpp"
#include "thalweg/linalg/minimum_norm_point.hpp"

namespace thalweg::separability {

/// The best that was found so far, measured by products with all rows.
struct Evidence {
  double lower = -std::numeric_limits<double>::infinity();  ///< smallest margin of separator
  Vector separator;                                         ///< unit, (n); empty: none yet
  double upper = std::numeric_limits<double>::infinity();   ///< |J' dual| / R
  Vector dual;  ///< a combination in the simplex by output weights, (m); empty: none yet
  std::vector<Index> contradiction;  ///< margins whose rows combine to zero; empty: none found
  Vector weights;                    ///< of `contradiction`, in the simplex

  void offer_separator(const Vector& u, double smallest_margin_of_u);
  void offer_dual(const Vector& c, double norm_of_c);
  bool meet(double relative_gap) const { return lower > 0 && upper <= lower * (1 + relative_gap); }
};

/// Accelerated dual averaging: Ji, Srebro, Telgarsky, Fast margin maximization via dual
/// acceleration, ICML 2021. Two products per pass, and both bounds approach g as 1 / t^2.
///
///     q_t = softmax of -(margins of w_t),  a_t = sum q_t m,
///     h_t = t / (t + 1) (h_{t-1} + a_t),   w_{t+1} = w_t + theta (h_t + a_t)
///
/// 2 h_t / t is the average of the a_j with weights j, a combination in the simplex: its norm is
/// the upper bound. The margins of w_t give the lower one. c_t, the combination itself, follows the
/// recursion of h_t with q_t in place of a_t.
class DualAveraging {
 public:
  DualAveraging(const MarginRows& margins, Evidence& evidence);
  /// Until the bounds meet, or the passes or the work are used up. Returns the work.
  double run(int passes, double relative_gap, double max_flops);
  int passes() const { return static_cast<int>(passes_); }
  const Vector& point() const { return w_; }

 private:
  void pass();

  const MarginRows& margins_;
  Evidence& evidence_;
  double passes_ = 0;
  Vector w_, momentum_;  // w_t and h_t, (n)
  Vector combination_;   // c_t, (m): h_t = J' c_t / R
};

/// The exact search: the point of least norm in the hull of a working set of margin rows; after
/// each solution all margins are measured, and the most violated join the set. |u| grows with every
/// round, so the search is finite.
class WorkingSetSearch {
 public:
  WorkingSetSearch(const MarginRows& margins, Evidence& evidence);
  /// `start` (n): a direction whose smallest margins make the first working set.
  void run(const Vector& start, double relative_gap, double max_flops);
  Index held() const { return solver_.size(); }
  int rounds() const { return rounds_; }
  double flops() const { return solver_.flops() + product_flops_; }

 private:
  Vector all_margins(const Vector& u);
  Index add_smallest(const Vector& margins, double below);  // how many were added
  void measure_bounds(const Vector& margins);

  const MarginRows& margins_;
  Evidence& evidence_;
  linalg::MinimumNormPoint solver_;
  std::vector<Index> entries_;  // of the points held by the solver
  std::vector<char> is_held_;   // by entry
  int rounds_ = 0;
  double product_flops_ = 0;
};

}  // namespace thalweg::separability
