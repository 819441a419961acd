#include "network_kernels.hpp"

#include "vector_clones.hpp"

namespace thalweg::kernels {

THALWEG_VECTOR_CLONES void multiply_add(const double* x, const double* y, double* sum,
                                        Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) sum[i] += x[i] * y[i];
}

THALWEG_VECTOR_CLONES void multiply_columns(const double* x, Index x_stride, Index x_term,
                                            const double* y, Index y_term, Index terms,
                                            double* products, Index stride, Index rows,
                                            Index columns) {
  // A column of products stays in the first-level cache while its terms are added.
  for (Index c = 0; c < columns; ++c) {
    double* sum = products + c * stride;
    const double* left = x + c * x_stride;
#pragma GCC ivdep
    for (Index i = 0; i < rows; ++i) sum[i] = left[i] * y[i];
    for (Index term = 1; term < terms; ++term) {
      const double* x_here = left + term * x_term;
      const double* y_here = y + term * y_term;
#pragma GCC ivdep
      for (Index i = 0; i < rows; ++i) sum[i] += x_here[i] * y_here[i];
    }
  }
}

}  // namespace thalweg::kernels
