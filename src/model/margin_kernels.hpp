// The loops behind the two-class logistic loss, vectorized for the machine at hand.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

/// Of the margins m = s * y, s = 1 for label 1 and -1 else: returns the sum of ln(1 + e^-m) and
/// writes its gradient g in y; g may be y. Entry k has label labels[k], or labels[batch[k]] unless
/// batch is null.
double logistic_sum(const double* y, const int* labels, const Index* batch, double* g, Index count);

/// hv = scale p (1 - p) v with p = 1 / (1 + e^-y): the product with the Hessian of the loss.
void logistic_curvature(const double* y, const double* v, double scale, double* hv, Index count);

}  // namespace thalweg::kernels
