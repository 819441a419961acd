#include "certify/gradient_confirmation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

// The derivative of the values along a unit vector v by central differences.
class MeasuredSlope {
 public:
  MeasuredSlope(const Objective& problem, const ConstVectorRef& x, const Vector& v)
      : problem_(problem), x_(x), v_(v), fine_(central(h_ / 2)) {}

  double value() const { return fine_; }
  // What it is known to: the change on halving the step, and the rounding of the values. Three more
  // values, which are not needed where the slope is as expected.
  double uncertainty() const {
    constexpr double rounding_steps = 64;
    const double rounding = rounding_steps * epsilon * std::abs(problem_.value(x_)) / h_;
    return std::abs(fine_ - central(h_)) + rounding;
  }

 private:
  static constexpr double epsilon = std::numeric_limits<double>::epsilon();

  double central(double step) const {
    return (problem_.value(x_ + step * v_) - problem_.value(x_ - step * v_)) / (2 * step);
  }

  const Objective& problem_;
  const ConstVectorRef& x_;
  const Vector& v_;
  double h_ = std::cbrt(epsilon) * std::max(1.0, x_.norm());  // optimal for central differences
  double fine_;
};

}  // namespace

// Whether differences of values confirm the gradient g. Along a random unit vector an error e of
// the gradient shows as about |e| / sqrt(n).
Assumption compare_with_values(const Objective& problem, const ConstVectorRef& x, const Vector& g,
                               double eps) {
  constexpr double share = 0.1;  // of eps or of |g|: an error that size does not change a verdict
  RandomStream random(0, "certify-first-order");  // a fixed stream: certificates are deterministic
  const Vector v = random.normal_vector(x.size()).normalized();
  const MeasuredSlope slope(problem, x, v);
  const double spread = std::sqrt(static_cast<double>(x.size()));
  const double error = spread * std::abs(slope.value() - g.dot(v));
  const double allowed = share * std::max(eps, g.stableNorm());

  Assumption assumption{"differences of values confirm the gradient", {}, Status::unknown};
  if (!std::isfinite(error)) return assumption;
  assumption.measured = error;
  if (error <= allowed) {
    assumption.status = Status::pass;
  } else if (error > allowed + spread * slope.uncertainty()) {
    assumption.status = Status::fail;
  }
  return assumption;
}

}  // namespace thalweg
