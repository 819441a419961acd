#include "network_kernels.hpp"

#include "vector_clones.hpp"

namespace thalweg::kernels {

THALWEG_VECTOR_CLONES void multiply(const double* x, const double* y, double* product,
                                    Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) product[i] = x[i] * y[i];
}

THALWEG_VECTOR_CLONES void multiply_add(const double* x, const double* y, double* sum,
                                        Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) sum[i] += x[i] * y[i];
}

}  // namespace thalweg::kernels
