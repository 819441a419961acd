// A small forward-mode dual number: a value with its derivatives by up to `capacity` parameters.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace thalweg::detail {

struct Dual {
  static constexpr std::size_t capacity = 9;  // the most parameters of a built-in formula

  double value = 0;
  std::array<double, capacity> slope{};

  Dual(double constant = 0) : value(constant) {}  // NOLINT: constants mix freely with duals
  static Dual variable(double value, std::size_t index) {
    Dual d(value);
    d.slope[index] = 1;
    return d;
  }

  /// The dual of phi(value), given phi and phi' there.
  Dual mapped(double phi, double derivative) const {
    Dual d(phi);
    for (std::size_t i = 0; i < capacity; ++i) d.slope[i] = derivative * slope[i];
    return d;
  }
};

inline Dual operator-(const Dual& a) { return a.mapped(-a.value, -1); }

inline Dual combine(double value, const Dual& a, double wa, const Dual& b, double wb) {
  Dual d(value);
  for (std::size_t i = 0; i < Dual::capacity; ++i) d.slope[i] = wa * a.slope[i] + wb * b.slope[i];
  return d;
}
inline Dual operator+(const Dual& a, const Dual& b) {
  return combine(a.value + b.value, a, 1, b, 1);
}
inline Dual operator-(const Dual& a, const Dual& b) {
  return combine(a.value - b.value, a, 1, b, -1);
}
inline Dual operator*(const Dual& a, const Dual& b) {
  return combine(a.value * b.value, a, b.value, b, a.value);
}
inline Dual operator/(const Dual& a, const Dual& b) {
  const double quotient = a.value / b.value;
  return combine(quotient, a, 1 / b.value, b, -quotient / b.value);
}

inline Dual exp(const Dual& a) {
  const double e = std::exp(a.value);
  return a.mapped(e, e);
}
inline Dual log(const Dual& a) { return a.mapped(std::log(a.value), 1 / a.value); }
inline Dual sin(const Dual& a) { return a.mapped(std::sin(a.value), std::cos(a.value)); }
inline Dual cos(const Dual& a) { return a.mapped(std::cos(a.value), -std::sin(a.value)); }
inline Dual atan(const Dual& a) {
  return a.mapped(std::atan(a.value), 1 / (1 + a.value * a.value));
}
inline Dual pow(const Dual& a, const Dual& b) {
  const double power = std::pow(a.value, b.value);
  return combine(power, a, b.value * std::pow(a.value, b.value - 1), b, power * std::log(a.value));
}
inline Dual square(const Dual& a) { return a.mapped(a.value * a.value, 2 * a.value); }
inline double square(double a) { return a * a; }

}  // namespace thalweg::detail
