#include "thalweg/problem/curvature_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace thalweg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// sqrt(2 int_0^F rho_1). With u = F s^2 the integrand 2 F s rho_1(F s^2) is smooth at 0 also for
// roots of u: Simpson's rule is exact to about 1e-9 there.
double integrated(const CurvatureBound::Growth& rho_1, double gap) {
  if (!(gap > 0)) return 0;
  constexpr int intervals = 200;
  double sum = 0;
  for (int k = 0; k <= intervals; ++k) {
    const double s = static_cast<double>(k) / intervals;
    const double weight = k == 0 || k == intervals ? 1 : (k % 2 == 1 ? 4 : 2);
    sum += weight * 2 * gap * s * rho_1(gap * s * s);
  }
  return std::sqrt(2 * sum / (3 * intervals));
}

// int_0^G s / (L0 + L1 s^alpha) ds, by Simpson's rule in s = G t^2.
double dissipated(const GeneralizedSmoothness& law, double norm) {
  constexpr int intervals = 200;
  double sum = 0;
  for (int k = 0; k <= intervals; ++k) {
    const double t = static_cast<double>(k) / intervals, s = norm * t * t;
    const double weight = k == 0 || k == intervals ? 1 : (k % 2 == 1 ? 4 : 2);
    const double bound = law.at(s);
    if (bound > 0) sum += weight * s / bound * 2 * norm * t;
  }
  return sum / (3 * intervals);
}

// The root G of dissipated(G) = gap, which grows with G.
double largest_gradient(const GeneralizedSmoothness& law, double gap) {
  if (!(gap > 0)) return 0;
  double high = 1;
  while (dissipated(law, high) < gap && high < 1e150) high *= 2;
  double low = 0;
  for (int k = 0; k < 60; ++k) {
    const double middle = (low + high) / 2;
    (dissipated(law, middle) < gap ? low : high) = middle;
  }
  return high;
}

}  // namespace

CurvatureBound CurvatureBound::constant(double l, double rho, double lower_bound) {
  CurvatureBound bound =
      self_bounding([l](double) { return l; }, [rho](double) { return rho; }, lower_bound,
                    [l](double gap) { return std::sqrt(2 * l * gap); });
  bound.source_ = Source::constant;
  return bound;
}

CurvatureBound CurvatureBound::self_bounding(Growth rho_1, Growth rho_2, double lower_bound,
                                             Growth rho_0) {
  CurvatureBound bound;
  bound.source_ = Source::closed_form;
  bound.lower_bound_ = lower_bound;
  bound.rho_0_ = rho_0 ? std::move(rho_0) : [rho_1](double gap) { return integrated(rho_1, gap); };
  bound.rho_1_ = std::move(rho_1);
  bound.rho_2_ = std::move(rho_2);
  return bound;
}

CurvatureBound CurvatureBound::generalized(const GeneralizedSmoothness& law, double rho,
                                           double lower_bound) {
  const Growth rho_0 = [law](double gap) { return largest_gradient(law, gap); };
  CurvatureBound bound = self_bounding([law, rho_0](double gap) { return law.at(rho_0(gap)); },
                                       [rho](double) { return rho; }, lower_bound, rho_0);
  bound.source_ = Source::generalized_smoothness;
  return bound;
}

CurvatureBound CurvatureBound::measured(const CurvatureEnvelope& envelope, double lower_bound) {
  CurvatureBound bound;
  bound.source_ = Source::measured;
  bound.lower_bound_ = lower_bound;
  bound.envelope_ = envelope;
  return bound;
}

double CurvatureBound::gap(double value) const {
  return std::isfinite(lower_bound_) ? std::max(0.0, value - lower_bound_) : 1 + std::abs(value);
}

double CurvatureBound::hessian_norm(double value) const {
  if (envelope_) return envelope_->hessian_norm(value);
  return rho_1_ ? rho_1_(gap(value)) : infinity;
}

double CurvatureBound::third_derivative(double value) const {
  if (envelope_) return envelope_->third_derivative(value);
  return rho_2_ ? rho_2_(gap(value)) : infinity;
}

double CurvatureBound::gradient_norm(double value) const {
  if (envelope_) return std::sqrt(2 * hessian_norm(value) * gap(value));
  return rho_0_ ? rho_0_(gap(value)) : infinity;
}

CurvatureBound::Bound CurvatureBound::near(double value, double rise) const {
  if (source_ == Source::none) return {infinity, infinity, 0};
  const double above =
      std::isfinite(lower_bound_) ? std::max(value, lower_bound_) + rise : value + rise;
  const double steepest = gradient_norm(above);
  return {hessian_norm(above), third_derivative(above), steepest > 0 ? rise / steepest : infinity};
}

CurvatureBound::Bound CurvatureBound::at(double value, double gradient_norm, double rise) const {
  Bound bound = near(value, rise);
  if (source_ == Source::none) return bound;
  const double root = std::sqrt(gradient_norm * gradient_norm + 2 * bound.hessian_norm * rise);
  if (gradient_norm + root > 0)
    bound.radius = std::max(bound.radius, 2 * rise / (gradient_norm + root));
  return bound;
}

const char* to_string(CurvatureBound::Source source) {
  switch (source) {
    case CurvatureBound::Source::constant: return "constant";
    case CurvatureBound::Source::closed_form: return "closed form";
    case CurvatureBound::Source::generalized_smoothness: return "generalized smoothness";
    case CurvatureBound::Source::measured: return "measured";
    case CurvatureBound::Source::none: break;
  }
  return "none";
}

}  // namespace thalweg
