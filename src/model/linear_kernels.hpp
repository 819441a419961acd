// Passes over rows of a dense table, vectorized for the machine at hand.
//
// Rows lie `stride` numbers apart. They are read in whole registers: `width` is the row length
// rounded up to a multiple of `lanes`, so a kernel reads into the next row, and past the last one
// into padding. There the weights w are 0, and entries of `sums` mean nothing.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

inline constexpr Index lanes = 8;

inline Index padded(Index length) { return (length + lanes - 1) / lanes * lanes; }

/// z_i = constant + row_i . w for `count` rows.
void row_products(const double* rows, Index stride, Index count, const double* w, Index width,
                  double constant, double* z);

/// sums += sum_i u_i row_i over `count` rows; returns sum_i u_i.
double add_weighted_rows(const double* rows, Index stride, Index count, const double* u,
                         Index width, double* sums);

/// Asks for the cache line at `address`.
inline void prefetch([[maybe_unused]] const double* address) {
#ifdef __GNUC__
  __builtin_prefetch(address, 0, 2);
#endif
}

}  // namespace thalweg::kernels
