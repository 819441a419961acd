// Spectral norms from above.
#pragma once

#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// A number at or above the largest eigenvalue of the positive semidefinite G = sum of A A' over
/// the parts, each A (n, m), to rounding. Within 2 % of it up to n = 4000: the Lanczos value,
/// raised until a Cholesky factorization of (bound I - G) proves it. Beyond, or where G is not
/// finite, the trace of G.
double squared_norm_bound(const std::vector<Matrix>& parts);

}  // namespace thalweg
