// Entry by entry products of contiguous arrays, vectorized for the machine at hand.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

void multiply_add(const double* x, const double* y, double* sum, Index count);  ///< sum += x o y

/// Column c of products (rows, columns) becomes column c of x o y, or has it added to it. Strides
/// are distances of columns.
void multiply_columns(const double* x, Index x_stride, const double* y, double* products,
                      Index stride, Index rows, Index columns);
void multiply_add_columns(const double* x, Index x_stride, const double* y, double* products,
                          Index stride, Index rows, Index columns);

}  // namespace thalweg::kernels
