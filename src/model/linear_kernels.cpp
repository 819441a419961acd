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

// Entry r of the result is the sum of the lanes of v[r].
THALWEG_INLINE void sums_of_lanes(const Lanes (&v)[lanes], Lanes& sums) {
  Lanes pair[4], quad[2];  // sums of 2 lanes of 2 rows, then of 4 lanes of 4 rows
  for (int k = 0; k < 4; ++k)
    pair[k] = __builtin_shufflevector(v[2 * k], v[2 * k + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
              __builtin_shufflevector(v[2 * k], v[2 * k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  for (int k = 0; k < 2; ++k)
    quad[k] = __builtin_shufflevector(pair[2 * k], pair[2 * k + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
              __builtin_shufflevector(pair[2 * k], pair[2 * k + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  sums = __builtin_shufflevector(quad[0], quad[1], 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(quad[0], quad[1], 4, 5, 6, 7, 12, 13, 14, 15);
}

// Products of `Rows` rows lane by lane; side by side they hide the latency of the additions.
template <int Rows>
THALWEG_INLINE void lane_products(const double* rows, Index stride, const double* w, Index width,
                                  Lanes* sum) {
  for (int r = 0; r < Rows; ++r) sum[r] = Lanes{};
  for (Index j = 0; j < width; j += lanes) {
    Lanes weights, row;
    load(w + j, weights);
    for (int r = 0; r < Rows; ++r) {
      load(rows + r * stride + j, row);
      sum[r] += row * weights;
    }
  }
}

THALWEG_INLINE void eight_products(const double* rows, Index stride, const double* w, Index width,
                                   double constant, double* z) {
  Lanes products[lanes], sums;
  lane_products<4>(rows, stride, w, width, products);
  lane_products<4>(rows + 4 * stride, stride, w, width, products + 4);
  sums_of_lanes(products, sums);
  sums += constant;
  store(sums, z);
}

template <int Rows>
THALWEG_INLINE void add_wide(const double* rows, Index stride, const double* u, Index width,
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

// Rows of `Width` registers: the sums stay in registers, in `Copies` that take turns.
template <int Width, int Copies>
THALWEG_INLINE void add_narrow(const double* rows, Index stride, Index count, const double* u,
                               double* sums) {
  Lanes sum[Copies][Width] = {}, row;
  Index i = 0;
  for (; i + Copies <= count; i += Copies) {
    for (int c = 0; c < Copies; ++c) {
      for (int j = 0; j < Width; ++j) {
        load(rows + (i + c) * stride + j * lanes, row);
        sum[c][j] += row * u[i + c];
      }
    }
  }
  for (; i < count; ++i) {
    for (int j = 0; j < Width; ++j) {
      load(rows + i * stride + j * lanes, row);
      sum[0][j] += row * u[i];
    }
  }
  for (int j = 0; j < Width; ++j) {
    load(sums + j * lanes, row);
    for (int c = 0; c < Copies; ++c) row += sum[c][j];
    store(row, sums + j * lanes);
  }
}

THALWEG_INLINE double sum_of(const double* values, Index count) {
  Lanes sum = {}, value;
  Index k = 0;
  for (; k + lanes <= count; k += lanes) {
    load(values + k, value);
    sum += value;
  }
  double total = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
  for (; k < count; ++k) total += values[k];
  return total;
}

}  // namespace

THALWEG_VECTOR_CLONES void row_products(const double* rows, Index stride, Index count,
                                        const double* w, Index width, double constant, double* z) {
  Index i = 0;
  for (; i + lanes <= count; i += lanes)
    eight_products(rows + i * stride, stride, w, width, constant, z + i);
  for (; i < count; ++i) {
    Lanes products[lanes] = {}, sums;
    lane_products<1>(rows + i * stride, stride, w, width, products);
    sums_of_lanes(products, sums);
    z[i] = constant + sums[0];
  }
}

THALWEG_VECTOR_CLONES double add_weighted_rows(const double* rows, Index stride, Index count,
                                               const double* u, Index width, double* sums) {
  switch (width / lanes) {
    case 1: add_narrow<1, 8>(rows, stride, count, u, sums); break;
    case 2: add_narrow<2, 4>(rows, stride, count, u, sums); break;
    case 3: add_narrow<3, 4>(rows, stride, count, u, sums); break;
    case 4: add_narrow<4, 2>(rows, stride, count, u, sums); break;
    default: {
      Index i = 0;
      for (; i + 4 <= count; i += 4) add_wide<4>(rows + i * stride, stride, u + i, width, sums);
      for (; i < count; ++i) add_wide<1>(rows + i * stride, stride, u + i, width, sums);
    }
  }
  return sum_of(u, count);
}

}  // namespace thalweg::kernels
