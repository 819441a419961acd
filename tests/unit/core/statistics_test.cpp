#include "thalweg/core/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace thalweg {
namespace {

// P(T > t) by Simpson's rule on the density, over u with t = tan(u).
double tail_by_integration(double t, double degrees) {
  const double ln_scale = std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2) -
                          std::log(degrees * std::numbers::pi) / 2;
  const auto density = [&](double u) {
    const double c = std::cos(u), x = std::tan(u);
    if (c < 1e-12) return 0.0;
    return std::exp(ln_scale - (degrees + 1) / 2 * std::log1p(x * x / degrees)) / (c * c);
  };
  constexpr int intervals = 20000;
  const double from = std::atan(t), h = (std::numbers::pi / 2 - from) / intervals;
  double sum = density(from);
  for (int i = 1; i < intervals; ++i) sum += (i % 2 ? 4 : 2) * density(from + i * h);
  return sum * h / 3;
}

TEST(StudentQuantile, HasTheTailItWasAskedFor) {
  for (const double degrees : {2.0, 3.0, 7.0, 31.0, 255.0, 5000.0})
    for (const double tail : {0.4, 0.1, 0.025, 1e-3, 1e-5})
      EXPECT_NEAR(tail_by_integration(student_quantile(tail, degrees), degrees) / tail, 1, 1e-6)
          << degrees << " degrees, tail " << tail;
}

TEST(StudentQuantile, AgreesWithClosedForms) {
  for (const double tail : {0.3, 0.05, 1e-3, 1e-6}) {
    const double cauchy = std::tan(std::numbers::pi * (0.5 - tail));
    EXPECT_NEAR(student_quantile(tail, 1) / cauchy, 1, 1e-9);
    const double q = 1 - 2 * tail;  // two degrees: t = q sqrt(2 / (1 - q^2))
    EXPECT_NEAR(student_quantile(tail, 2) / (q * std::sqrt(2 / (1 - q * q))), 1, 1e-9);
    const double normal = student_quantile(tail, 1e6);  // nearly
    EXPECT_NEAR(std::erfc(normal / std::numbers::sqrt2) / 2 / tail, 1, 1e-3);
  }
  EXPECT_EQ(student_quantile(0.5, 3), 0);
}

}  // namespace
}  // namespace thalweg
