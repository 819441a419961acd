#include "thalweg/method/normalized_theory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double second_order = std::numbers::e - 2;     // of the descent inequality
constexpr double half_descent = 1 / (2 * second_order);  // c

double square(double a) { return a * a; }

// p of (1).
double power(const GradientDominance& dominance, double beta) { return (2 - beta) / dominance.rho; }

// k of (1).
double rate(const GradientDominance& dominance, double gamma, double beta) {
  return gamma / 2 * std::pow(dominance.two_mu, power(dominance, beta));
}

// The law with exponent 1 above a given one: the tangent of g^alpha at g = eps, which is concave.
GeneralizedSmoothness linear_law(const GeneralizedSmoothness& law, double eps) {
  if (law.l1 == 0) return {law.l0, 0, 1};
  const double at_eps = law.l1 * std::pow(eps, law.alpha);
  return {law.l0 + (1 - law.alpha) * at_eps, law.alpha * at_eps / eps, 1};
}

// The smallest of the stepsizes that limits allow; limits that are no limit are infinite. Where
// nothing limits it (a linear objective without noise) one step of any length does.
double smallest(double a, double b) {
  const double least = std::min(a, b);
  return std::isfinite(least) ? least : 1;
}

}  // namespace

GradientDominance power_dominance(double exponent) {
  const double rho = exponent / (exponent - 1);
  return {rho, std::pow(exponent, rho)};
}

std::optional<GradientDominance> fit_gradient_dominance(const ConstVectorRef& gaps,
                                                        const ConstVectorRef& gradient_norms) {
  std::vector<double> x, y;  // ln |g|, ln gap
  for (Index i = 0; i < gaps.size(); ++i) {
    const double ln_g = std::log(gradient_norms[i]), ln_gap = std::log(gaps[i]);
    if (!std::isfinite(ln_g) || !std::isfinite(ln_gap)) continue;
    x.push_back(ln_g);
    y.push_back(ln_gap);
  }
  if (x.size() < 2) return std::nullopt;
  const Eigen::Map<const Eigen::ArrayXd> a(x.data(), static_cast<Index>(x.size()));
  const Eigen::Map<const Eigen::ArrayXd> b(y.data(), static_cast<Index>(y.size()));
  const double variation = (a - a.mean()).square().sum();
  if (!(variation > 0)) return std::nullopt;
  const double slope = ((a - a.mean()) * (b - b.mean())).sum() / variation;
  const double rho = std::max(1.0, slope);
  return GradientDominance{rho, std::exp((rho * a - b).minCoeff())};
}

DescentRegime descent_regime(const GradientDominance& dominance, double beta) {
  constexpr double rounding = 1e-12;
  const double p = power(dominance, beta);
  if (std::abs(p - 1) <= rounding) return DescentRegime::linear;
  return p > 1 ? DescentRegime::sublinear : DescentRegime::finite;
}

const char* to_string(DescentRegime regime) {
  switch (regime) {
    case DescentRegime::sublinear: return "sublinear";
    case DescentRegime::linear: return "linear";
    case DescentRegime::finite: break;
  }
  return "finite";
}

std::optional<double> descent_exponent(const GradientDominance& dominance, double beta) {
  if (descent_regime(dominance, beta) != DescentRegime::sublinear) return std::nullopt;
  return -dominance.rho / (2 - beta - dominance.rho);
}

double gap_bound(const GradientDominance& dominance, double gamma, double beta, double gap,
                 double steps) {
  const double p = power(dominance, beta), k = rate(dominance, gamma, beta);
  if (descent_regime(dominance, beta) == DescentRegime::linear)
    return k >= 1 && steps > 0 ? 0 : gap * std::exp(steps * std::log1p(-k));
  const double moved = std::pow(gap, 1 - p) + (p - 1) * k * steps;
  return moved <= 0 ? 0 : std::pow(moved, 1 / (1 - p));
}

double steps_to_gap(const GradientDominance& dominance, double gamma, double beta, double gap,
                    double target) {
  const double p = power(dominance, beta), k = rate(dominance, gamma, beta);
  if (!(k > 0)) return infinity;
  if (descent_regime(dominance, beta) == DescentRegime::linear)
    return k >= 1 ? 1 : std::log(target / gap) / std::log1p(-k);
  return (std::pow(target, 1 - p) - std::pow(gap, 1 - p)) / ((p - 1) * k);
}

double largest_normalized_step(const GeneralizedSmoothness& law, double beta,
                               double gradient_norm) {
  return half_descent * std::pow(gradient_norm, beta) / law.at(gradient_norm);
}

// The bound grows with the gradient for beta >= alpha: d ln(bound) / d ln |g| is
// beta - alpha L1 |g|^alpha / (L0 + L1 |g|^alpha). So its one crossing is found by halving.
double gradient_floor(const GeneralizedSmoothness& law, double gamma, double beta) {
  if (beta < law.alpha && law.l1 > 0)
    throw UsageError("a step floor needs beta >= alpha", "take a larger beta");
  constexpr double most = 600;  // ln |g|
  const auto allowed = [&](double ln_g) {
    return gamma <= largest_normalized_step(law, beta, std::exp(ln_g));
  };
  if (!allowed(most)) return infinity;
  if (allowed(-most)) return 0;
  double low = -most, high = most;
  for (int halving = 0; halving < 100; ++halving) {
    const double middle = (low + high) / 2;
    (allowed(middle) ? high : low) = middle;
  }
  return std::exp(high);
}

double gap_floor(const GradientDominance& dominance, const GeneralizedSmoothness& law, double gamma,
                 double beta) {
  return std::pow(gradient_floor(law, gamma, beta), dominance.rho) / dominance.two_mu;
}

double normalized_step_for_gap(const GradientDominance& dominance, const GeneralizedSmoothness& law,
                               double beta, double target) {
  const double gradient = std::pow(dominance.two_mu * target, 1 / dominance.rho);
  return largest_normalized_step(law, beta, gradient);
}

FirstOrderBudget normalized_sgd_budget(const GeneralizedSmoothness& law, const AffineNoise& noise,
                                       double gap, double eps) {
  const GeneralizedSmoothness linear = linear_law(law, eps);
  FirstOrderBudget budget;
  budget.stepsize =
      smallest(1 / (4 * second_order * linear.l1), eps / (8 * second_order * linear.l0));
  budget.batch =
      std::ceil(std::max({1.0, 64 * square(noise.tau1), 256 * square(noise.tau2 / eps)}));
  budget.steps = std::ceil(std::max(1.0, 4 * gap / (budget.stepsize * eps)));
  return budget;
}

FirstOrderBudget sgd_budget(double smoothness, const AffineNoise& noise, double batch, double gap,
                            double eps) {
  FirstOrderBudget budget;
  budget.batch = batch;
  budget.stepsize = smallest(1 / (smoothness * (1 + square(noise.tau1) / batch)),
                             square(eps) * batch / (2 * smoothness * square(noise.tau2)));
  budget.steps = std::ceil(std::max(1.0, 4 * gap / (budget.stepsize * square(eps))));
  return budget;
}

}  // namespace thalweg
