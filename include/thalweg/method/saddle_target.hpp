// The options that methods share which end at points of second order.
#pragma once

#include "thalweg/core/error.hpp"
#include "thalweg/method/curvature_watch.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// What is to be reached, with which probability, and constants in the place of the curvature
/// bound.
struct SaddleTarget {
  double eps = 1e-3;                 ///< > 0, of |g| and, by sqrt(rho eps), of the curvature
  double failure_probability = 0.1;  ///< delta in (0, 1)
  double smoothness = 0;             ///< l; 0: from the curvature bound
  double hessian_lipschitz = 0;      ///< rho; 0: likewise

  /// `probability` says what may fail, `where` at which value the bound is taken.
  void visit(OptionVisitor& visitor, std::string_view probability, const std::string& where);
  void check(OptionChecker& checker) const;
  CurvatureWatch::Given given() const { return {smoothness, hessian_lipschitz}; }
};

/// Notes a value below 0 or not finite.
void require_not_negative(OptionChecker& checker, std::string_view key, double value);

}  // namespace thalweg
