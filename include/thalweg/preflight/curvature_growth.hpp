// How the curvature of an objective grows with its gradient, measured: L0, L1 and alpha of
// generalized smoothness.
#pragma once

#include <cstdint>

#include "thalweg/problem/generalized_smoothness.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// The tightest law L0 + L1 |g|^alpha above all measured pairs of gradient norm and Hessian norm,
/// alpha in { 0, 1/4, 1/2, 2/3, 3/4, 4/5, 1 }.
struct GrowthFit {
  GeneralizedSmoothness law;
  /// Geometric mean of law / measured norm, >= 1: 1 where the law explains every norm, 2 where it
  /// is typically twice what was measured.
  double spread = 1;
};

/// Fits gradient norms and Hessian norms, both (k), >= 0 and finite. For each alpha the L0, L1 >= 0
/// of the smallest spread with L0 + L1 |g|^alpha >= norm at every pair: spread is concave in
/// (L0, L1), so that the optimum is an edge of the upper hull of (|g|^alpha, norm), or has L0 = 0
/// or L1 = 0. Of the exponents the smallest is taken whose spread is within 10 % of the best;
/// fewer than five pairs do not show growth, and alpha is 0. No pairs: zeros.
GrowthFit fit_curvature_growth(const ConstVectorRef& gradient_norms,
                               const ConstVectorRef& hessian_norms);

struct CurvatureOptions {
  int probes = 16;            ///< >= 1 points at which the Hessian norm is measured
  int max_evaluations = 200;  ///< >= 4 gradients, Hessian products counted as one each
  std::uint64_t seed = 0;     ///< of the stream "curvature"

  void validate() const;  ///< throws UsageError
};

/// What was measured. A measured law bounds the curvature where it was measured, nowhere else:
/// methods that use it verify their steps.
struct CurvatureGrowth {
  GeneralizedSmoothness law;
  double spread = 1;             ///< as in GrowthFit
  int samples = 0;               ///< points measured; 0: none was finite, and the rest is 0
  double smallest_gradient = 0;  ///< smallest and
  double largest_gradient = 0;   ///< largest gradient norm among them: the range covered
  std::int64_t evaluations = 0;  ///< gradients and Hessian products used
};

/// Measures |g| and |H| at points of a path of verified gradient steps from x0, (n), at points
/// beyond x0 on its line, and at points aside of the path, so that the gradient norm varies. |H| is
/// the largest |Ritz value| of a few Lanczos steps, a lower estimate, with the problem's own
/// Hessian products (TwiceDifferentiable) or differences of gradients. Points where anything is not
/// finite are left out. Deterministic from the seed.
CurvatureGrowth measure_curvature_growth(const Objective& problem, const ConstVectorRef& x0,
                                         const CurvatureOptions& options = {});

}  // namespace thalweg
