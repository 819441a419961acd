#include "margin_kernels.hpp"

#include <algorithm>
#include <cmath>

#include "vector_clones.hpp"
#include "vector_math.hpp"

namespace thalweg::kernels {
namespace {

constexpr Index chunk = 128, lanes = 8;

// The sum of ln(1 + e_k) over `count` numbers 0 <= e_k <= 1, a multiple of `lanes` and at most
// `chunk`: the logarithm of products of 1 + e_k, kept as p = product - 1, which loses no digits of
// small e_k.
[[gnu::always_inline]] inline double sum_of_log1p(const double* e, Index count) {
  double p[lanes] = {}, sum = 0;
  for (Index k = 0; k < count; k += lanes)
    for (Index lane = 0; lane < lanes; ++lane) p[lane] += e[k + lane] * (1.0 + p[lane]);
  for (Index lane = 0; lane < lanes; ++lane) p[lane] = ::log1p(p[lane]);
  for (Index lane = 0; lane < lanes; ++lane) sum += p[lane];
  return sum;
}

[[gnu::always_inline]] inline double sum_of(const double* values, Index count) {
  double partial[lanes] = {}, sum = 0;
  for (Index k = 0; k < count; k += lanes)
    for (Index lane = 0; lane < lanes; ++lane) partial[lane] += values[k + lane];
  for (Index lane = 0; lane < lanes; ++lane) sum += partial[lane];
  return sum;
}

}  // namespace

THALWEG_VECTOR_CLONES double logistic_sum(const double* y, const int* labels, const Index* batch,
                                          double* g, Index count) {
  // ln(1 + e^-m) = max(0, -m) + ln(1 + e^-|m|)
  double sum = 0, positive[chunk], e[chunk];
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
      e[k] = ::exp(-std::fabs(margin));
      positive[k] = margin < 0 ? -margin : 0.0;
      g[first + k] = -s * (margin < 0 ? 1.0 : e[k]) / (1.0 + e[k]);
    }
    const Index whole = (size + lanes - 1) / lanes * lanes;
    std::fill(e + size, e + whole, 0.0);
    std::fill(positive + size, positive + whole, 0.0);
    sum += sum_of(positive, whole) + sum_of_log1p(e, whole);
  }
  return sum;
}

THALWEG_VECTOR_CLONES void logistic_curvature(const double* y, const double* v, double scale,
                                              double* hv, Index count) {
#pragma GCC ivdep
  for (Index k = 0; k < count; ++k) {
    const double e = ::exp(-std::fabs(y[k]));  // p (1 - p) = e / (1 + e)^2, for either sign of y
    hv[k] = scale * v[k] * (e / ((1.0 + e) * (1.0 + e)));
  }
}

}  // namespace thalweg::kernels
