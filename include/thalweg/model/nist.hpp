// The 27 nonlinear regression problems of the NIST Statistical Reference Datasets, embedded in the
// library.
//
//   National Institute of Standards and Technology: Statistical Reference Datasets, nonlinear
//   regression, https://www.itl.nist.gov/div898/strd/ (a work of the US Government, public domain).
//
// Parameters b1, b2, ... are in original units, so gradients have every order of magnitude: do not
// give these problems a gradient tolerance; Gauss-Newton methods halt by themselves where the
// values cannot decrease any more.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "thalweg/problem/composite_objective.hpp"

namespace thalweg::nist {

/// One of the sets: f(b) = 1/(2N) sum_i (model(x_i; b) - y_i)^2. Nelson's response is log(y), as
/// its definition says. The Jacobian is exact (forward-mode differentiation).
struct Problem {
  std::string name;
  std::string difficulty;  ///< "Lower", "Average" or "Higher", as stated by NIST
  std::string formula;     ///< the model as stated by NIST
  std::shared_ptr<const CompositeObjective> objective;
  std::array<Vector, 2> starts;  ///< NIST's start 1 (far) and start 2 (near), (n) each
  Vector certified;              ///< (n), stated to 11 significant digits
  double certified_value = 0;    ///< f at the certified parameters: certified sum of squares / (2N)

  /// The smallest number of correct significant digits over the parameters, -log10(|b - c| / |c|),
  /// between 0 and 11 (what the certified values have).
  double digits(const ConstVectorRef& b) const;
};

/// The names in NIST's order of difficulty: lower, average, higher; alphabetical within each.
std::vector<std::string> names();

/// Throws UsageError that lists the names.
Problem load(const std::string& name);

}  // namespace thalweg::nist
