// Bounds from both sides on the smallest eigenvalue of a symmetric operator given by its product.
//
// Lanczos with full orthogonalization and without restarts, from a random unit vector b. The Ritz
// value bounds lambda_min from above, whatever happens. A small residual bounds nothing from below:
// it only says that SOME eigenvalue is near. The lower bound is derived here. Let mu be the
// spectral measure of b and pi_0, pi_1, ... its orthonormal polynomials, which the recurrence
// computes. Then the share of b along the eigenspace of an eigenvalue z satisfies
//
//     |P_z b|^2 = mu({z}) <= 1 / sum_{j <= k} pi_j(z)^2        (Christoffel function),
//
// and the sum falls with z below all Ritz values. Since |P_z b| >= delta = q sqrt(pi / (2 n)) with
// probability at least 1 - q (the density of one entry of b is at most sqrt(n / (2 pi))),
// lambda_min is at least the root z of sum_j pi_j(z)^2 = 1 / delta^2. One event of b serves all k.
// Unlike the bound of Kuczynski & Wozniakowski (SIAM J. Matrix Anal. Appl. 13, 1992), which is for
// the worst spectrum, it adapts to the one at hand: where the Krylov space is invariant, both sides
// meet up to rounding.
#pragma once

#include <optional>

#include "thalweg/core/random.hpp"
#include "thalweg/linalg/conjugate_gradient.hpp"

namespace thalweg::linalg {

struct SmallestEigenvalueOptions {
  /// The question: is lambda_min at least this? The search ends once it is answered. Absent: it
  /// ends when the bounds are within `tolerance`.
  std::optional<double> threshold = {};
  double failure_probability = 1e-3;  ///< q in (0, 1): of a lower bound that is none
  int max_products = 500;             ///< >= 1
  double max_bytes = 1e9;             ///< of the basis, 8 n (k + 1)
  /// Where the answer is no, the search goes on until the Ritz value is known to this, relative; 0:
  /// it ends at once. Estimated by residual^2 / gap.
  double tolerance = 1e-7;
  /// Without a threshold: bounds this near to each other are enough, besides `tolerance`.
  double absolute_tolerance = 0;
  /// Error of a product with a unit vector, besides the rounding of the recurrence: widens both
  /// bounds.
  double product_error = 0;
  /// Added to the random start, both of unit length: a guess of the eigenvector. The probability is
  /// kept. Not taken for n <= 2. Not owned.
  const Vector* guess = nullptr;

  void validate() const;  ///< throws UsageError naming every violated range at once
};

struct SmallestEigenvalue {
  double value = 0;       ///< Ritz value; NaN where a product was not finite
  double upper = 0;       ///< lambda_min <= upper: value and the errors of products
  double lower = 0;       ///< lambda_min >= lower with probability 1 - q; -infinity where unknown
  Vector vector = {};     ///< (n), unit length, with that Rayleigh quotient; empty where not finite
  double residual = 0;    ///< |A v - value v|
  double largest = 0;     ///< largest Ritz value: lambda_max is at least that
  int products = 0;       ///< operator products used
  bool complete = false;  ///< the Krylov space is invariant: nothing further can be found

  /// lambda_min >= threshold: yes, no, or absent where the bounds do not tell.
  std::optional<bool> at_least(double threshold) const;
};

/// Bounds of lambda_min of A, (n, n), from a start drawn from `random`. Work per product besides
/// the product itself: 8 n k flops at the k-th. n >= 1.
SmallestEigenvalue bound_smallest_eigenvalue(const Product& a, Index n,
                                             const SmallestEigenvalueOptions& options,
                                             RandomStream& random);

/// Products after which the bounds are within `gap` of each other at the latest, for eigenvalues
/// that are spread over `spread`, in exact arithmetic: for forecasts. At most n.
double products_needed(Index n, double gap, double spread, double failure_probability);

}  // namespace thalweg::linalg
