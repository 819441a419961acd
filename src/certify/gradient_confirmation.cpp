#include "certify/gradient_confirmation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

// Derivative of the values along v with what it is known to: the change on halving the step, and
// the rounding of the values.
struct MeasuredSlope {
  double value, uncertainty;
};

MeasuredSlope measure_slope(const Objective& problem, const ConstVectorRef& x, const Vector& v) {
  constexpr double rounding_steps = 64;
  const double epsilon = std::numeric_limits<double>::epsilon();
  const double h = std::cbrt(epsilon) * std::max(1.0, x.norm());  // optimal for central differences
  const auto central = [&](double step) {
    return (problem.value(x + step * v) - problem.value(x - step * v)) / (2 * step);
  };
  const double coarse = central(h), fine = central(h / 2);
  const double rounding = rounding_steps * epsilon * std::abs(problem.value(x)) / h;
  return {fine, std::abs(fine - coarse) + rounding};
}

}  // namespace

// Whether differences of values confirm the gradient g. Along a random unit vector an error e of
// the gradient shows as about |e| / sqrt(n).
Assumption compare_with_values(const Objective& problem, const ConstVectorRef& x, const Vector& g,
                               double eps) {
  constexpr double share = 0.1;  // of eps or of |g|: an error that size does not change a verdict
  RandomStream random(0, "certify-first-order");  // a fixed stream: certificates are deterministic
  const Vector v = random.normal_vector(x.size()).normalized();
  const MeasuredSlope slope = measure_slope(problem, x, v);
  const double spread = std::sqrt(static_cast<double>(x.size()));
  const double error = spread * std::abs(slope.value - g.dot(v));
  const double allowed = share * std::max(eps, g.stableNorm());

  Assumption assumption{"differences of values confirm the gradient", {}, Status::unknown};
  if (!std::isfinite(error)) return assumption;
  assumption.measured = error;
  if (error <= allowed) {
    assumption.status = Status::pass;
  } else if (error > allowed + spread * slope.uncertainty) {
    assumption.status = Status::fail;
  }
  return assumption;
}

}  // namespace thalweg
