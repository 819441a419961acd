// Extreme eigenvalues of a symmetric operator given by its product (Spectra's implicitly restarted
// Lanczos).
#pragma once

#include "thalweg/core/random.hpp"
#include "thalweg/linalg/conjugate_gradient.hpp"

namespace thalweg::linalg {

enum class Extreme { smallest, largest };

struct RitzPair {
  double value = 0;
  Vector vector;        ///< (n), unit length
  double residual = 0;  ///< |A v - value v|
  int products = 0;     ///< operator products used
  bool converged = false;
};

/// One extreme eigenpair, from a random start drawn from `random`.
RitzPair extreme_eigenpair(const Product& a, Index n, Extreme which, double tolerance,
                           int max_products, RandomStream& random);

}  // namespace thalweg::linalg
