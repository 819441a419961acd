#include "network_kernels.hpp"

#include "vector_clones.hpp"

namespace thalweg::kernels {

THALWEG_VECTOR_CLONES void multiply_add(const double* x, const double* y, double* sum,
                                        Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) sum[i] += x[i] * y[i];
}

THALWEG_VECTOR_CLONES void multiply_columns(const double* x, Index x_stride, const double* y,
                                            double* products, Index stride, Index rows,
                                            Index columns) {
  for (Index c = 0; c < columns; ++c) {
#pragma GCC ivdep
    for (Index i = 0; i < rows; ++i) products[c * stride + i] = x[c * x_stride + i] * y[i];
  }
}

THALWEG_VECTOR_CLONES void multiply_add_columns(const double* x, Index x_stride, const double* y,
                                                double* products, Index stride, Index rows,
                                                Index columns) {
  for (Index c = 0; c < columns; ++c) {
#pragma GCC ivdep
    for (Index i = 0; i < rows; ++i) products[c * stride + i] += x[c * x_stride + i] * y[i];
  }
}

}  // namespace thalweg::kernels
