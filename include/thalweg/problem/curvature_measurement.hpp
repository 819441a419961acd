// Norms of the second and third derivative at one point, by iteration.
#pragma once

#include <cstdint>

#include "thalweg/core/random.hpp"
#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// What was found at a point; lower estimates both. Absent numbers (nothing finite) are NaN.
struct CurvatureMeasurement {
  double hessian_norm = 0;       ///< largest |Ritz value| of a few Lanczos steps
  double third_derivative = 0;   ///< largest |D^3 f [u, u, .]| met, u unit
  std::int64_t evaluations = 0;  ///< gradients
};

/// A product counts as the gradients it takes. |H| by Lanczos with a random start; |D^3 f| by the
/// power iteration u <- D^3 f[u, u, .] from the top eigenvector and from a random direction (for a
/// symmetric tensor the norm is attained on equal arguments: Banach 1938), each by differences of
/// Hessian products. About 50 evaluations; not `thorough`: 20, from the top eigenvector alone.
/// gradient (n) is that at x.
CurvatureMeasurement measure_curvature(const Objective& problem, const ConstVectorRef& x,
                                       const ConstVectorRef& gradient, RandomStream& random,
                                       bool thorough = true);

/// As steps can be taken from: where the norms are 0 or not finite (a kink, a linear piece, the end
/// of the domain), l such that a step |g| / l is at most 100 (1 + |x|), or a millionth of 1 + |x|
/// where the Hessian was not finite, and rho = l / (1 + |x|) where the third derivative was not.
CurvatureMeasurement usable(CurvatureMeasurement found, double gradient_norm,
                            double parameter_norm);

/// The bound the problem states; the empty bound where it states none.
CurvatureBound stated_curvature_bound(const Objective& problem);

}  // namespace thalweg
