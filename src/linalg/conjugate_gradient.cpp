#include "thalweg/linalg/conjugate_gradient.hpp"

#include <cmath>

namespace thalweg::linalg {

// Hestenes and Stiefel (1952) with preconditioner, in the symbols of Nocedal and Wright (2006),
// algorithm 5.3.
CgResult conjugate_gradient(const Product& a, const ConstVectorRef& b, const Product& precondition,
                            const CgOptions& options) {
  CgResult result;
  result.x = Vector::Zero(b.size());
  const double scale = b.norm();
  if (scale == 0) {
    result.relative_residual = 0;
    result.converged = true;
    return result;
  }
  Vector r = b, z(b.size()), ap(b.size());
  const auto apply_preconditioner = [&] {
    if (precondition)
      precondition(r, z);
    else
      z = r;
  };
  apply_preconditioner();
  Vector p = z;
  double rz = r.dot(z);
  result.positive_definite = rz > 0;
  while (result.positive_definite && !result.converged &&
         result.iterations < options.max_iterations) {
    a(p, ap);
    const double curvature = p.dot(ap);
    if (!(curvature > 0)) {
      result.positive_definite = false;
      break;
    }
    const double alpha = rz / curvature;
    result.x += alpha * p;
    r -= alpha * ap;
    ++result.iterations;
    result.relative_residual = r.norm() / scale;
    result.converged = result.relative_residual <= options.relative_tolerance;
    if (result.converged) break;
    apply_preconditioner();
    const double previous = rz;
    rz = r.dot(z);
    result.positive_definite = rz > 0;
    p = z + (rz / previous) * p;
  }
  return result;
}

}  // namespace thalweg::linalg
