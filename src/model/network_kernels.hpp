// Entry by entry products of contiguous arrays, vectorized for the machine at hand.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

void multiply(const double* x, const double* y, double* product, Index count);  ///< product = x o y
void multiply_add(const double* x, const double* y, double* sum, Index count);  ///< sum += x o y

}  // namespace thalweg::kernels
