// The loop behind the two-class logistic loss, vectorized for the machine at hand.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

/// Of the margins m = s * y, s = 1 for label 1 and -1 else: returns the sum of ln(1 + e^-m) and
/// writes its gradient g in y; g may be y. Entry k has label labels[k], or labels[batch[k]] unless
/// batch is null.
double logistic_sum(const double* y, const int* labels, const Index* batch, double* g, Index count);

}  // namespace thalweg::kernels
