// How the curvature of an objective is bounded by its value, at the start: what methods that leave
// saddles take their constants from.
#pragma once

#include <cstdint>

#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

struct ValueCurvatureOptions {
  int probes = 5;          ///< >= 1 points at which an envelope is measured
  std::uint64_t seed = 0;  ///< of the stream "value-curvature"

  void validate() const;  ///< throws UsageError
};

/// Bounds at the level of the start, and two above it, where perturbed methods need them; see
/// problem/curvature_bound.hpp and method/saddle_theory.hpp.
struct ValueCurvature {
  CurvatureBound::Source source = CurvatureBound::Source::none;
  double gap = 0;                ///< F0 = f(x0) - f_low; 1 + |f(x0)| where f_low is unknown
  double hessian_norm = 0;       ///< rho_1(F0): on the level set of the start
  double gradient_norm = 0;      ///< rho_0(F0)
  double smoothness = 0;         ///< l = rho_1(F0 + 2)
  double hessian_lipschitz = 0;  ///< rho = rho_2(F0 + 2)
  double radius = 0;             ///< of balls on which l and rho hold
  int samples = 0;               ///< points measured; 0 for a stated bound
  std::int64_t evaluations = 0;  ///< gradients and Hessian products used

  /// As CurvatureBound::proved: stated by the problem, not measured.
  bool proved() const {
    return source == CurvatureBound::Source::closed_form ||
           source == CurvatureBound::Source::constant;
  }
};

/// The bound the problem states, or an envelope measured on a short path of descent from x0, (n).
/// source none: nothing was finite.
ValueCurvature measure_value_curvature(const Objective& problem, const ConstVectorRef& x0,
                                       const ValueCurvatureOptions& options = {});

}  // namespace thalweg
