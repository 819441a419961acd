// Entry by entry products of contiguous arrays, vectorized for the machine at hand.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

void multiply_add(const double* x, const double* y, double* sum, Index count);  ///< sum += x o y

/// Column c of products (rows, columns) becomes the sum over the terms of column c of x times y,
/// entry by entry. Strides are distances of columns, x_term and y_term those of the terms.
void multiply_columns(const double* x, Index x_stride, Index x_term, const double* y, Index y_term,
                      Index terms, double* products, Index stride, Index rows, Index columns);

void multiply(const double* x, double* y, Index count);  ///< y = x o y
void multiply(const float* x, float* y, Index count);

/// sum (rows) += the columns of x (rows, columns), one after the other.
void add_columns(const double* x, Index rows, Index columns, double* sum);
void add_columns(const float* x, Index rows, Index columns, double* sum);

void convert(const double* from, float* to, Index count);
void convert(const float* from, double* to, Index count);
void convert_add(const float* from, double* to, Index count);  ///< to += from

}  // namespace thalweg::kernels
