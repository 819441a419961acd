// The quadratic model of a trust-region Newton step, minimised by conjugate gradients.
#pragma once

#include "thalweg/problem/objective.hpp"

namespace thalweg::detail {

/// q(d) = g'd + d'H d / 2 within |d|_M <= radius, |d|_M^2 = d'M d, M diagonal.
struct NewtonModel {
  const Hessian& hessian;
  const Vector& gradient;  // g, (n), not zero
  const Vector& metric;    // M, (n), positive
  double radius;           // > 0
};

struct NewtonStep {
  Vector direction;     // d
  double decrease = 0;  // -q(d), a sum of nonnegative terms
  double length = 0;    // |d|_M
  bool at_boundary = false;
  bool negative_curvature = false;
  std::int64_t products = 0;
};

/// Preconditioned conjugate gradients from d = 0 until |g + H d| <= tolerance |g| in the norm of
/// M^-1, after Steihaug (1983) and Toint (1981): the path is followed to the boundary where it
/// leaves the region or meets a direction of nonpositive curvature. A product that is not finite
/// counts as no curvature.
NewtonStep minimize(const NewtonModel& model, double tolerance, std::int64_t most_products);

}  // namespace thalweg::detail
