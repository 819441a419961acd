#include "thalweg/problem/curvature_measurement.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/linalg/lanczos.hpp"
#include "thalweg/problem/hessian.hpp"

namespace thalweg {
namespace {

constexpr double tolerance = 0.02;  // of |H|, relative
constexpr int most_products = 24, most_iterations = 4, few_products = 8, few_iterations = 3;

// D^3 f[u, u, .] by a central difference of Hessian products.
class ThirdDerivative {
 public:
  ThirdDerivative(const Objective& problem, const ConstVectorRef& x)
      : problem_(problem),
        x_(x),
        step_((has_exact_hessian(problem) ? std::cbrt(problem.rounding())
                                          : std::pow(problem.rounding(), 1.0 / 6)) *
              (1 + x.stableNorm())) {}

  Vector apply(const Vector& u) {
    Vector ahead(u.size()), behind(u.size());
    product(u, step_, ahead);
    product(u, -step_, behind);
    return (ahead - behind) / (2 * step_);
  }
  std::int64_t evaluations() const { return evaluations_; }

 private:
  void product(const Vector& u, double step, Vector& hv) {
    const Vector x = x_ + step * u;
    Vector g(x.size());
    problem_.value_and_gradient(x, g);
    const auto hessian = hessian_at(problem_, x, g);
    hessian->apply(u, hv);
    evaluations_ += 1 + hessian->gradients_per_product();
  }

  const Objective& problem_;
  const ConstVectorRef& x_;
  double step_;
  std::int64_t evaluations_ = 0;
};

// The largest |D^3 f[u, u, .]| along a power iteration from u.
double third_norm(ThirdDerivative& third, Vector u, int iterations) {
  double largest = 0;
  for (int k = 0; k < iterations; ++k) {
    const Vector image = third.apply(u);
    const double norm = image.stableNorm();
    if (!std::isfinite(norm)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, norm);
    if (norm == 0) break;
    u = image / norm;
  }
  return largest;
}

}  // namespace

CurvatureMeasurement measure_curvature(const Objective& problem, const ConstVectorRef& x,
                                       const ConstVectorRef& gradient, RandomStream& random,
                                       bool thorough) {
  CurvatureMeasurement found;
  const auto hessian = hessian_at(problem, x, gradient);
  const linalg::RitzPair top = linalg::extreme_eigenpair(
      [&](const ConstVectorRef& v, VectorRef hv) { hessian->apply(v, hv); }, x.size(),
      linalg::Extreme::magnitude, tolerance, thorough ? most_products : few_products, random);
  found.evaluations = std::int64_t{top.products} * hessian->gradients_per_product();
  found.hessian_norm = std::abs(top.value);
  if (!std::isfinite(top.value)) {
    found.third_derivative = top.value;
    return found;
  }
  ThirdDerivative third(problem, x);
  found.third_derivative =
      third_norm(third, top.vector, thorough ? most_iterations : few_iterations);
  if (thorough && std::isfinite(found.third_derivative)) {
    const Vector aside = random.normal_vector(x.size()).normalized();
    found.third_derivative =
        std::max(found.third_derivative, third_norm(third, aside, most_iterations));
  }
  found.evaluations += third.evaluations();
  return found;
}

CurvatureMeasurement usable(CurvatureMeasurement found, double gradient_norm,
                            double parameter_norm) {
  constexpr double longest_step = 100, careful_step = 1e-6;  // in units of 1 + |x|
  const double size = 1 + parameter_norm;
  const double norm = std::isfinite(gradient_norm) ? gradient_norm : 1;
  if (!std::isfinite(found.hessian_norm)) found.hessian_norm = norm / (careful_step * size);
  found.hessian_norm = std::max(
      {found.hessian_norm, norm / (longest_step * size), std::numeric_limits<double>::min()});
  if (!std::isfinite(found.third_derivative)) found.third_derivative = found.hessian_norm / size;
  return found;
}

CurvatureBound stated_curvature_bound(const Objective& problem) {
  const auto* bounded = dynamic_cast<const SelfBounding*>(&problem);
  return bounded ? bounded->curvature_bound() : CurvatureBound();
}

}  // namespace thalweg
