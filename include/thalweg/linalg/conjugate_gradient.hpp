// Preconditioned conjugate gradients for a symmetric positive definite operator given by its
// product.
#pragma once

#include <functional>

#include "thalweg/core/types.hpp"

namespace thalweg::linalg {

using Product = std::function<void(const ConstVectorRef& v, VectorRef av)>;  ///< av = A v

struct CgOptions {
  double relative_tolerance = 1e-3;  ///< on |b - A x| / |b|
  int max_iterations = 200;
};

struct CgResult {
  Vector x;
  int iterations = 0;
  double relative_residual = 1;
  bool converged = false;  ///< the tolerance was reached
  bool positive_definite =
      true;  ///< false: a direction of nonpositive curvature was met; x is the last good iterate
};

/// From x = 0: one product, one application of `precondition` and 10 n flops per iteration.
/// `precondition` applies an approximation of A^-1; empty means none.
CgResult conjugate_gradient(const Product& a, const ConstVectorRef& b, const Product& precondition,
                            const CgOptions& options);

}  // namespace thalweg::linalg
