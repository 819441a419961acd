#include "margin_kernels.hpp"

#include <algorithm>
#include <cmath>

#include "vector_clones.hpp"
#include "vector_math.hpp"

namespace thalweg::kernels {
namespace {

constexpr Index chunk = 128, lanes = 8;

// In an order that fills registers. `values` has a multiple of `lanes` entries.
[[gnu::always_inline]] inline double sum_of(const double* values, Index count) {
  double sum[lanes] = {};
  for (Index k = 0; k < count; k += lanes)
    for (Index lane = 0; lane < lanes; ++lane) sum[lane] += values[k + lane];
  return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

}  // namespace

THALWEG_VECTOR_CLONES double logistic_sum(const double* y, const int* labels, const Index* batch,
                                          double* g, Index count) {
  double sum = 0, losses[chunk];
  int chosen[chunk];
  for (Index first = 0; first < count; first += chunk) {
    const Index size = std::min(chunk, count - first);
    if (batch != nullptr)
      for (Index k = 0; k < size; ++k) chosen[k] = labels[batch[first + k]];
    else
      std::copy_n(labels + first, size, chosen);
#pragma GCC ivdep
    for (Index k = 0; k < size; ++k) {
      const double s = chosen[k] == 1 ? 1.0 : -1.0, margin = s * y[first + k];
      const double e = ::exp(-std::fabs(margin));  // never overflows
      losses[k] = (margin < 0 ? -margin : 0.0) + ::log1p(e);
      g[first + k] = -s * (margin < 0 ? 1.0 : e) / (1.0 + e);
    }
    const Index whole = (size + lanes - 1) / lanes * lanes;
    std::fill(losses + size, losses + whole, 0.0);
    sum += sum_of(losses, whole);
  }
  return sum;
}

}  // namespace thalweg::kernels
