#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "thalweg/preflight/curvature_growth.hpp"

namespace thalweg {
namespace {

constexpr double exponents[] = {0, 0.25, 0.5, 2.0 / 3.0, 0.75, 0.8, 1};
constexpr double equally_good = 1.1;  // spread over the best one
constexpr Index least_for_growth = 5;

struct Pair {
  double u, norm;  // u = |g|^alpha
};

// The upper hull of the pairs, by ascending u (monotone chain).
std::vector<Pair> upper_hull(std::vector<Pair> pairs) {
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return a.u < b.u || (a.u == b.u && a.norm < b.norm);
  });
  std::vector<Pair> hull;
  const auto below = [](const Pair& a, const Pair& b, const Pair& c) {  // b, of the line a to c
    return (b.norm - a.norm) * (c.u - a.u) <= (c.norm - a.norm) * (b.u - a.u);
  };
  for (const Pair& pair : pairs) {
    while (hull.size() >= 2 && below(hull[hull.size() - 2], hull.back(), pair)) hull.pop_back();
    hull.push_back(pair);
  }
  return hull;
}

// Norms that are rounding beside the largest count as that rounding.
double spread_of(const GeneralizedSmoothness& law, const ConstVectorRef& gradients,
                 const ConstVectorRef& norms) {
  constexpr double rounding = 1e-8;
  const double least = rounding * norms.maxCoeff();
  double sum = 0;
  for (Index i = 0; i < norms.size(); ++i)
    sum += std::log(std::max(law.at(gradients[i]), least) / std::max(norms[i], least));
  return std::exp(sum / static_cast<double>(norms.size()));
}

GrowthFit best_of_exponent(double alpha, const ConstVectorRef& gradients,
                           const ConstVectorRef& norms) {
  std::vector<Pair> pairs;
  for (Index i = 0; i < norms.size(); ++i)
    pairs.push_back({std::pow(gradients[i], alpha), norms[i]});
  std::vector<GeneralizedSmoothness> candidates = {{norms.maxCoeff(), 0, alpha}};
  double steepest = 0;
  for (const Pair& pair : pairs)
    if (pair.norm > 0) steepest = std::max(steepest, pair.norm / pair.u);  // infinite at u = 0
  if (std::isfinite(steepest)) candidates.push_back({0, steepest, alpha});
  const std::vector<Pair> hull = upper_hull(pairs);
  for (std::size_t i = 1; i < hull.size(); ++i) {
    const double slope = (hull[i].norm - hull[i - 1].norm) / (hull[i].u - hull[i - 1].u);
    const double start = hull[i].norm - slope * hull[i].u;
    if (slope > 0 && start >= 0 && std::isfinite(slope))
      candidates.push_back({start, slope, alpha});
  }
  GrowthFit best{{}, std::numeric_limits<double>::infinity()};
  for (const GeneralizedSmoothness& law : candidates)
    if (const double spread = spread_of(law, gradients, norms); spread < best.spread)
      best = {law, spread};
  return best;
}

}  // namespace

GrowthFit fit_curvature_growth(const ConstVectorRef& gradient_norms,
                               const ConstVectorRef& hessian_norms) {
  if (hessian_norms.size() == 0 || hessian_norms.maxCoeff() == 0) return {};
  std::vector<GrowthFit> fits = {{{hessian_norms.maxCoeff(), 0, 0}, 1}};
  fits[0].spread = spread_of(fits[0].law, gradient_norms, hessian_norms);
  if (hessian_norms.size() < least_for_growth) return fits[0];
  for (const double alpha : exponents)
    if (alpha > 0) fits.push_back(best_of_exponent(alpha, gradient_norms, hessian_norms));
  double best = fits[0].spread;
  for (const GrowthFit& fit : fits) best = std::min(best, fit.spread);
  return *std::find_if(fits.begin(), fits.end(),
                       [best](const GrowthFit& fit) { return fit.spread <= equally_good * best; });
}

}  // namespace thalweg
