// The loop behind the two-class logistic loss, vectorized for the machine at hand.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

/// Of the margins m = sign * y, sign 1 or -1: returns the sum of ln(1 + e^-m) and writes its
/// gradient g in y; g may be y.
double logistic_sum(const double* y, const double* sign, double* g, Index count);

}  // namespace thalweg::kernels
