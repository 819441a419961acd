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

template <class T>
THALWEG_INLINE T logistic(T z) {
  const T e = vector_exp(-std::fabs(z));  // never overflows
  return (z < 0 ? e : T(1)) / (T(1) + e);
}

template <class T>
THALWEG_INLINE T soft_plus(T z) {
  const T positive = z < 0 ? T(0) : z;  // written so that NaN passes through
  return positive + vector_log1p(vector_exp(-std::fabs(z)));
}

// Where Phi(z) underflows to zero anyway: keeps -infinity * 0 away.
template <class T>
THALWEG_INLINE T bounded_below(T z) {
  return z < T(-40) ? T(-40) : z;
}

template <class T>
THALWEG_INLINE T normal_cdf(T z) {
  return T(0.5) * vector_erfc(z * T(-1.0 / std::numbers::sqrt2));
}

template <class T>
THALWEG_INLINE T normal_pdf(T z) {
  constexpr T factor = T(0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2);
  return factor * vector_exp(T(-0.5) * z * z);
}

// z pdf(z), whose limit at infinity is 0.
template <class T>
THALWEG_INLINE T weighted_pdf(T z) {
  const T bounded = z > T(40) ? T(40) : z;
  return bounded * normal_pdf(bounded);
}

// A value and its derivative.
template <class T>
struct Dual {
  T value, slope;
};

// The activations at one number: phi, and phi with phi'.

struct Tanh {
  template <class T>
  THALWEG_INLINE static T value(T z) {
    return vector_tanh(z);
  }
  template <class T>
  THALWEG_INLINE static Dual<T> both(T z) {
    const T t = vector_tanh(z);
    return {t, (T(1) - t) * (T(1) + t)};
  }
};

struct Softplus {
  template <class T>
  THALWEG_INLINE static T value(T z) {
    return soft_plus(z);
  }
  template <class T>
  THALWEG_INLINE static Dual<T> both(T z) {
    return {soft_plus(z), logistic(z)};
  }
};

struct Sigmoid {
  template <class T>
  THALWEG_INLINE static T value(T z) {
    return logistic(z);
  }
  template <class T>
  THALWEG_INLINE static Dual<T> both(T z) {
    return {logistic(z), logistic(z) * logistic(-z)};
  }
};

struct Gelu {
  template <class T>
  THALWEG_INLINE static T value(T z) {
    const T x = bounded_below(z);
    return x * normal_cdf(x);
  }
  template <class T>
  THALWEG_INLINE static Dual<T> both(T z) {
    const T x = bounded_below(z);
    const T cdf = normal_cdf(x);
    return {x * cdf, cdf + weighted_pdf(x)};
  }
};

struct Relu {
  template <class T>
  THALWEG_INLINE static T value(T z) {
    return z < 0 ? T(0) : z;
  }
  template <class T>
  THALWEG_INLINE static Dual<T> both(T z) {
    return {value(z), z > 0 ? T(1) : (z <= 0 ? T(0) : z)};  // NaN stays NaN
  }
};

template <class Phi, class T>
THALWEG_INLINE void values(const T* z, T* a, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) a[i] = Phi::value(z[i]);
}

template <class Phi, class T>
THALWEG_INLINE void values_and_slopes(const T* z, T* a, T* d, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const Dual<T> at = Phi::both(z[i]);
    a[i] = at.value;
    d[i] = at.slope;
  }
}

}  // namespace

// Clones are made of functions, not of templates.
#define THALWEG_ACTIVATION(name, Phi)                                                   \
  THALWEG_VECTOR_CLONES void name(const double* z, double* a, Index count) {            \
    values<Phi>(z, a, count);                                                           \
  }                                                                                     \
  THALWEG_VECTOR_CLONES void name(const double* z, double* a, double* d, Index count) { \
    values_and_slopes<Phi>(z, a, d, count);                                             \
  }                                                                                     \
  THALWEG_VECTOR_CLONES void name(const float* z, float* a, float* d, Index count) {    \
    values_and_slopes<Phi>(z, a, d, count);                                             \
  }

THALWEG_ACTIVATION(tanh, Tanh)
THALWEG_ACTIVATION(softplus, Softplus)
THALWEG_ACTIVATION(sigmoid, Sigmoid)
THALWEG_ACTIVATION(gelu, Gelu)
THALWEG_ACTIVATION(relu, Relu)

THALWEG_VECTOR_CLONES void tanh_second(const double* z, double* s, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double t = vector_tanh(z[i]);
    s[i] = -2.0 * t * (1.0 - t) * (1.0 + t);
  }
}

THALWEG_VECTOR_CLONES void softplus_second(const double* z, double* s, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) s[i] = logistic(z[i]) * logistic(-z[i]);
}

THALWEG_VECTOR_CLONES void sigmoid_second(const double* z, double* s, Index count) {
  THALWEG_ELEMENTWISE
  for (Index i = 0; i < count; ++i) {
    const double up = logistic(z[i]), down = logistic(-z[i]);
    s[i] = up * down * (down - up);
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

}  // namespace thalweg::kernels
