// A line search for the strong Wolfe conditions.
//
//   J. Nocedal, S. Wright: Numerical Optimization, 2nd ed., algorithms 3.5 (bracket) and 3.6
//   (zoom). Where the first condition drowns in the rounding of f: W. Hager, H. Zhang, SIAM J.
//   Optim. 16 (2005), the approximate Wolfe conditions.
//
// With phi(a) = f(x + a d), phi'(0) < 0, finds a with
//
//     phi(a) <= phi(0) + c1 a phi'(0)          sufficient decrease
//     |phi'(a)| <= c2 |phi'(0)|                curvature
//
// in place of the first, where neither phi(a) nor the decrease asked for differs from phi(0) by
// more than 16 eps |phi(0)|:  phi'(a) <= (2 c1 - 1) phi'(0).
#pragma once

#include "first_order.hpp"

namespace thalweg {

struct WolfeOptions {
  double decrease = 1e-4;    ///< c1
  double curvature = 0.9;    ///< c2
  std::int64_t trials = 40;  ///< evaluations allowed
};

struct WolfeResult {
  bool found = false;  ///< the point has sufficient decrease, and curvature unless trials ran out
  double stepsize = 0;
  Evaluation point;
  std::int64_t evaluations = 0;
};

/// `value` and `gradient` are those at x; the first trial is a = `first` > 0. A trial that is not
/// finite counts as too long.
WolfeResult wolfe_line_search(const Objective& problem, const ConstVectorRef& x, double value,
                              const Vector& gradient, const Vector& direction, double first,
                              const WolfeOptions& options);

}  // namespace thalweg
