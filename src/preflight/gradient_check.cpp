#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/preflight/preflight.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

// Random signs and sizes, each in proportion to its parameter: parameters of one problem may differ
// by many orders of magnitude. A parameter at zero moves like the mean size of the others, or by 1.
Vector scaled_direction(const ConstVectorRef& x, std::uint64_t seed) {
  RandomStream random(seed, "gradient-check");
  const double mean = x.cwiseAbs().mean();
  const double typical = mean > 0 ? mean : 1;
  Vector v = random.normal_vector(x.size());
  for (Index i = 0; i < x.size(); ++i) v[i] *= x[i] != 0 ? std::abs(x[i]) : typical;
  return v;
}

}  // namespace

GradientCheck check_gradient(const Objective& problem, const ConstVectorRef& x,
                             std::uint64_t seed) {
  constexpr double least_slope = 1.8;  // 1 for a wrong gradient, 2 for a right one
  constexpr double rounding_steps = 256;
  Vector g(x.size());
  const double f = problem.value_and_gradient(x, g);
  const Vector v = scaled_direction(x, seed);
  const double along = g.dot(v);
  const double rounding = rounding_steps * problem.rounding() * std::abs(f);

  const auto remainder = [&](double h) {
    return std::abs(problem.value(x + h * v) - f - h * along);
  };
  const TaylorSlope taylor = taylor_slope(remainder, 1, rounding);
  // Without a slope the remainder fell below rounding at once: nothing speaks against the gradient.
  return {taylor.slope, !taylor.slope || *taylor.slope >= least_slope};
}

}  // namespace thalweg
