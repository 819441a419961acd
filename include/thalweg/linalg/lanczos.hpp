// Extreme eigenvalues of a symmetric operator given by its product: Lanczos with full
// orthogonalization and thick restarts (Wu, Simon, SIAM J. Matrix Anal. Appl. 22, 2000).
#pragma once

#include "thalweg/core/random.hpp"
#include "thalweg/linalg/conjugate_gradient.hpp"

namespace thalweg::linalg {

enum class Extreme {
  smallest,
  largest,
  magnitude  ///< largest in absolute value, which is the norm of the operator
};

/// An eigenvalue of the operator lies within `residual` of `value`; as the smallest (largest) value
/// of a Rayleigh quotient met, `value` also bounds the smallest eigenvalue from above (the largest
/// from below; the norm from below by |value|).
struct RitzPair {
  double value = 0;
  Vector vector;        ///< (n), unit length; empty where a product was not finite (value is NaN)
  double residual = 0;  ///< |A v - value v|, measured with one more product at the end
  int products = 0;     ///< operator products used
  bool converged = false;  ///< residual <= tolerance * |value|, or at round-off of |A|
};

/// One extreme eigenpair, from a random start drawn from `random`. Nothing is assumed of A but
/// symmetry: null vectors and eigenvalues of any scale are found.
/// Cost per product: 8 n k flops with k <= 48 basis vectors held (12 for very large n: 8 n (k + 1)
/// bytes, about 160 MB at most up to n = 1.6 million). max_products >= 2.
RitzPair extreme_eigenpair(const Product& a, Index n, Extreme which, double tolerance,
                           int max_products, RandomStream& random);

}  // namespace thalweg::linalg
