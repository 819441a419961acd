#include "linear_kernels.hpp"

#include <cstring>

#include "vector_clones.hpp"

// Vector extensions rather than loops for the compiler to vectorize: a sum may be reordered only
// where the source says so.

namespace thalweg::kernels {
namespace {

#define THALWEG_INLINE [[gnu::always_inline]] inline

using Lanes = double __attribute__((vector_size(lanes * sizeof(double))));

THALWEG_INLINE void load(const double* from, Lanes& to) { std::memcpy(&to, from, sizeof(to)); }
THALWEG_INLINE void store(const Lanes& from, double* to) { std::memcpy(to, &from, sizeof(from)); }

THALWEG_INLINE double sum_of(const Lanes& v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

// `Rows` rows side by side hide the latency of the additions and share the loads of w.
template <int Rows>
THALWEG_INLINE void products(const double* rows, Index stride, const double* w, Index width,
                             double constant, double* z) {
  Lanes sum[Rows] = {};
  for (Index j = 0; j < width; j += lanes) {
    Lanes weights, row;
    load(w + j, weights);
    for (int r = 0; r < Rows; ++r) {
      load(rows + r * stride + j, row);
      sum[r] += row * weights;
    }
  }
  for (int r = 0; r < Rows; ++r) z[r] = constant + sum_of(sum[r]);
}

template <int Rows>
THALWEG_INLINE void add(const double* rows, Index stride, const double* u, Index width,
                        double* sums) {
  for (Index j = 0; j < width; j += lanes) {
    Lanes sum, row;
    load(sums + j, sum);
    for (int r = 0; r < Rows; ++r) {
      load(rows + r * stride + j, row);
      sum += row * u[r];
    }
    store(sum, sums + j);
  }
}

}  // namespace

THALWEG_VECTOR_CLONES void row_products(const double* rows, Index stride, Index count,
                                        const double* w, Index width, double constant, double* z) {
  Index i = 0;
  for (; i + 4 <= count; i += 4) products<4>(rows + i * stride, stride, w, width, constant, z + i);
  for (; i < count; ++i) products<1>(rows + i * stride, stride, w, width, constant, z + i);
}

THALWEG_VECTOR_CLONES double add_weighted_rows(const double* rows, Index stride, Index count,
                                               const double* u, Index width, double* sums) {
  Index i = 0;
  for (; i + 4 <= count; i += 4) add<4>(rows + i * stride, stride, u + i, width, sums);
  for (; i < count; ++i) add<1>(rows + i * stride, stride, u + i, width, sums);
  double total = 0;
  for (Index k = 0; k < count; ++k) total += u[k];
  return total;
}

}  // namespace thalweg::kernels
