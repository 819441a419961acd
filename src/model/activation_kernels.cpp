#include "activation_kernels.hpp"

#include <cmath>
#include <numbers>

#include "vector_clones.hpp"
#include "vector_math.hpp"

// In-place use is elementwise: no iteration reads what another one wrote.
#define THALWEG_ELEMENTWISE _Pragma("GCC ivdep")

namespace thalweg::kernels {
namespace {

#define THALWEG_INLINE [[gnu::always_inline]] inline

THALWEG_INLINE double logistic(double z) {
  const double e = ::exp(-std::fabs(z));  // never overflows
  return (z < 0 ? e : 1.0) / (1.0 + e);
}

THALWEG_INLINE double soft_plus(double z) {
  const double positive = z < 0 ? 0.0 : z;  // written so that NaN passes through
  return positive + ::log1p(::exp(-std::fabs(z)));
}

// Where Phi(z) underflows to zero anyway: keeps -infinity * 0 away.
THALWEG_INLINE double bounded_below(double z) { return z < -40.0 ? -40.0 : z; }

THALWEG_INLINE double normal_cdf(double z) {
  return 0.5 * ::erfc(z * (-1.0 / std::numbers::sqrt2));
}

THALWEG_INLINE double normal_pdf(double z) {
  constexpr double factor = 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;
  return factor * ::exp(-0.5 * z * z);
}

// z pdf(z), whose limit at infinity is 0.
THALWEG_INLINE double weighted_pdf(double z) {
  const double bounded = z > 40.0 ? 40.0 : z;
  return bounded * normal_pdf(bounded);
}

}  // namespace

THALWEG_VECTOR_CLONES void tanh(const double* z, double* a, double* d, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double t = ::tanh(z[i]);
    a[i] = t;
    d[i] = (1.0 - t) * (1.0 + t);
  }
}

THALWEG_VECTOR_CLONES void tanh(const double* z, double* a, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) a[i] = ::tanh(z[i]);
}

THALWEG_VECTOR_CLONES void tanh_second(const double* z, double* s, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double t = ::tanh(z[i]);
    s[i] = -2.0 * t * (1.0 - t) * (1.0 + t);
  }
}

THALWEG_VECTOR_CLONES void softplus(const double* z, double* a, double* d, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double x = z[i];
    a[i] = soft_plus(x);
    d[i] = logistic(x);
  }
}

THALWEG_VECTOR_CLONES void softplus(const double* z, double* a, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) a[i] = soft_plus(z[i]);
}

THALWEG_VECTOR_CLONES void softplus_second(const double* z, double* s, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) s[i] = logistic(z[i]) * logistic(-z[i]);
}

THALWEG_VECTOR_CLONES void sigmoid(const double* z, double* a, double* d, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double x = z[i];
    a[i] = logistic(x);
    d[i] = logistic(x) * logistic(-x);
  }
}

THALWEG_VECTOR_CLONES void sigmoid(const double* z, double* a, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) a[i] = logistic(z[i]);
}

THALWEG_VECTOR_CLONES void sigmoid_second(const double* z, double* s, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double up = logistic(z[i]), down = logistic(-z[i]);
    s[i] = up * down * (down - up);
  }
}

THALWEG_VECTOR_CLONES void gelu(const double* z, double* a, double* d, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double x = bounded_below(z[i]);
    const double cdf = normal_cdf(x);
    a[i] = x * cdf;
    d[i] = cdf + weighted_pdf(x);
  }
}

THALWEG_VECTOR_CLONES void gelu(const double* z, double* a, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double x = bounded_below(z[i]);
    a[i] = x * normal_cdf(x);
  }
}

THALWEG_VECTOR_CLONES void gelu_second(const double* z, double* s, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double below = bounded_below(z[i]);
    const double x = below > 40.0 ? 40.0 : below;
    s[i] = normal_pdf(x) * (2.0 - x * x);
  }
}

THALWEG_VECTOR_CLONES void relu(const double* z, double* a, double* d, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double x = z[i];
    a[i] = x < 0 ? 0.0 : x;
    d[i] = x > 0 ? 1.0 : (x <= 0 ? 0.0 : x);  // NaN stays NaN
  }
}

THALWEG_VECTOR_CLONES void relu(const double* z, double* a, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) a[i] = z[i] < 0 ? 0.0 : z[i];
}

}  // namespace thalweg::kernels
