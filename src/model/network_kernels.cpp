#include "network_kernels.hpp"

#include "vector_clones.hpp"

namespace thalweg::kernels {
namespace {

template <class T>
[[gnu::always_inline]] inline void multiply_entries(const T* x, T* y, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) y[i] *= x[i];
}

template <class T>
[[gnu::always_inline]] inline void add_each_column(const T* x, Index rows, Index columns,
                                                   double* sum) {
  for (Index c = 0; c < columns; ++c) {
    const T* column = x + c * rows;
#pragma GCC ivdep
    for (Index i = 0; i < rows; ++i) sum[i] += static_cast<double>(column[i]);
  }
}

}  // namespace

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

THALWEG_VECTOR_CLONES void multiply(const double* x, double* y, Index count) {
  multiply_entries(x, y, count);
}

THALWEG_VECTOR_CLONES void multiply(const float* x, float* y, Index count) {
  multiply_entries(x, y, count);
}

THALWEG_VECTOR_CLONES void add_columns(const double* x, Index rows, Index columns, double* sum) {
  add_each_column(x, rows, columns, sum);
}

THALWEG_VECTOR_CLONES void add_columns(const float* x, Index rows, Index columns, double* sum) {
  add_each_column(x, rows, columns, sum);
}

THALWEG_VECTOR_CLONES void convert(const double* from, float* to, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

THALWEG_VECTOR_CLONES void convert(const float* from, double* to, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) to[i] = static_cast<double>(from[i]);
}

THALWEG_VECTOR_CLONES void convert_add(const float* from, double* to, Index count) {
#pragma GCC ivdep
  for (Index i = 0; i < count; ++i) to[i] += static_cast<double>(from[i]);
}

}  // namespace thalweg::kernels
