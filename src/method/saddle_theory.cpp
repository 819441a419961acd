#include "thalweg/method/saddle_theory.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg {

double curvature_tolerance(double eps, double rho) { return std::sqrt(rho * eps); }

double least_hessian_lipschitz(double smoothness, double eps, bool proved) {
  const double least = (proved ? 1e-6 : 1e-2) * smoothness;
  return least * least / eps;
}

SaddleConstants saddle_constants(const CurvatureBound& bound, double value, double lower_bound,
                                 double eps) {
  constexpr double perturbed_by = 2;
  SaddleConstants constants;
  const CurvatureBound::Bound around = bound.near(value + perturbed_by - 1, 1);
  constants.smoothness = around.hessian_norm;
  constants.hessian_lipschitz = std::max(
      around.third_derivative, least_hessian_lipschitz(constants.smoothness, eps, bound.proved()));
  constants.gap =
      std::isfinite(lower_bound) ? std::max(0.0, value - lower_bound) : 1 + std::abs(value);
  constants.radius = around.radius;
  constants.proved = bound.proved();
  constants.source = bound.source();
  return constants;
}

PerturbationRule perturbation_rule(const SaddleConstants& constants, double dimension, double eps,
                                   double failure_probability, SaddlePreset preset) {
  const double l = constants.smoothness, rho = constants.hessian_lipschitz;
  const double gap = constants.gap, root = std::sqrt(dimension);
  PerturbationRule rule;
  rule.stepsize = 1 / l;
  rule.threshold = curvature_tolerance(eps, rho);
  const double length = std::sqrt(eps / rho), gain = std::sqrt(eps * eps * eps / rho);
  if (preset == SaddlePreset::published) {
    const double argument =
        l * root * gap / (std::sqrt(rho) * std::pow(eps, 2.5) * failure_probability);
    const double chi = rule.chi = std::max(1.0, argument > 0 ? std::log2(argument) : 1.0);
    rule.radius = eps / (400 * chi * chi * chi);
    rule.waiting = std::ceil(chi * l / rule.threshold);
    rule.decrease = gain / (50 * chi * chi * chi);
    rule.travel = length / (4 * chi);
  } else {
    rule.radius = l * length / 8;
    rule.waiting = std::ceil(std::log(16 * root / failure_probability) * l / rule.threshold);
    rule.decrease = gain / 50;
    rule.travel = length / 4;
  }
  rule.steps = 2 * gap * l / (eps * eps) + rule.waiting * (gap / rule.decrease + 1);
  rule.within = rule.travel + rule.stepsize * rule.radius <= constants.radius;
  return rule;
}

RestartRule restart_rule(const SaddleConstants& constants, double dimension, double eps,
                         double failure_probability, double variance, double radius,
                         SaddlePreset preset) {
  const double factor = preset == SaddlePreset::published ? 512 : 4;
  const double rho = constants.hessian_lipschitz, threshold = curvature_tolerance(eps, rho);
  const double log_term = std::log(16 * std::sqrt(dimension) / failure_probability);
  RestartRule rule;
  rule.radius = radius > 0 ? radius : std::sqrt(eps / rho);
  const double from_noise = rule.radius * rule.radius * threshold / (factor * log_term * variance);
  rule.stepsize = std::min(1 / (2 * constants.smoothness), from_noise);
  // Along one direction the noise of 1 / (eta t) steps adds up to sqrt(eta V / (2 n t)), and grows
  // to R.
  const double gathered = rule.stepsize * variance / (2 * dimension * threshold);
  const double reach = std::log(rule.radius / std::sqrt(gathered));
  rule.waiting = std::ceil(std::max(log_term, reach) / (rule.stepsize * threshold));
  return rule;
}

double curvature_step(double c, double rho) { return 2 * c / rho; }
double curvature_gain(double c, double rho) { return 2 * c * c * c / (3 * rho * rho); }

}  // namespace thalweg
