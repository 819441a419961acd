#include "thalweg/core/statistics.hpp"

#include <cmath>
#include <initializer_list>

namespace thalweg {
namespace {

constexpr double tiny = 1e-300;

double not_zero(double a) { return std::abs(a) < tiny ? tiny : a; }

// The continued fraction of the incomplete beta function (Abramowitz & Stegun, 26.5.8) by the
// modified method of Lentz; it converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr int most_terms = 10000;
  constexpr double tolerance = 1e-15;
  double c = 1, d = 1 / not_zero(1 - (a + b) * x / (a + 1)), value = d;
  for (int k = 1; k <= most_terms; ++k) {
    const double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
    const double odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
    for (const double coefficient : {even, odd}) {
      d = 1 / not_zero(1 + coefficient * d);
      c = not_zero(1 + coefficient / c);
      value *= c * d;
    }
    if (std::abs(c * d - 1) < tolerance) break;
  }
  return value;
}

// I_x(a, b), given 1 - x too, since one of them may be lost to rounding.
double incomplete_beta(double a, double b, double x, double complement) {
  const double ln = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) +
                    b * std::log(complement);
  if (x < (a + 1) / (a + b + 2)) return std::exp(ln) * beta_fraction(a, b, x) / a;
  return 1 - std::exp(ln) * beta_fraction(b, a, complement) / b;
}

double upper_tail(double t, double degrees) {
  const double sum = degrees + t * t;
  return incomplete_beta(degrees / 2, 0.5, degrees / sum, t * t / sum) / 2;
}

}  // namespace

double student_quantile(double tail, double degrees) {
  if (tail >= 0.5) return 0;
  double low = 0, high = 1;
  while (upper_tail(high, degrees) > tail) {
    low = high;
    high *= 2;
  }
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = (low + high) / 2;
    (upper_tail(middle, degrees) > tail ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace thalweg
