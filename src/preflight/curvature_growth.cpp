#include "thalweg/preflight/curvature_growth.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "probe_path.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/linalg/lanczos.hpp"
#include "thalweg/problem/hessian.hpp"

namespace thalweg {
namespace {

using preflight::Probe;

// The pairs measured so far, within the evaluations allowed.
class Measurement {
 public:
  Measurement(const Objective& problem, const CurvatureOptions& options)
      : problem_(problem), options_(options), random_(options.seed, "curvature") {}

  // Whether another point, with a gradient to take first, is within what is allowed.
  bool may_go_on(std::int64_t on_the_way = 1) const {
    return samples() < options_.probes &&
           evaluations_ + on_the_way + least_products <= options_.max_evaluations;
  }

  void take(const Probe& probe) {
    if (!probe.finite()) return;
    const auto hessian = hessian_at(problem_, probe.x, probe.gradient);
    const linalg::RitzPair top = linalg::extreme_eigenpair(
        [&](const ConstVectorRef& v, VectorRef hv) { hessian->apply(v, hv); }, probe.x.size(),
        linalg::Extreme::magnitude, tolerance, products_per_point(), random_);
    evaluations_ += top.products;
    if (!std::isfinite(top.value)) {
      ++evaluations_;  // the product that failed is not in the count
      return;
    }
    gradients_.push_back(probe.gradient_norm);
    norms_.push_back(std::abs(top.value));
  }

  // At a point that has no gradient yet.
  void take_at(Vector x) {
    if (!may_go_on()) return;
    ++evaluations_;
    take(preflight::probe_at(problem_, std::move(x)));
  }

  void count(std::int64_t evaluations) { evaluations_ += evaluations; }
  std::int64_t left() const { return options_.max_evaluations - evaluations_; }
  int samples() const { return static_cast<int>(norms_.size()); }
  RandomStream& random() { return random_; }

  CurvatureGrowth result() const {
    CurvatureGrowth growth;
    growth.samples = samples();
    growth.evaluations = evaluations_;
    if (growth.samples == 0) return growth;
    const Eigen::Map<const Vector> g(gradients_.data(), growth.samples);
    const Eigen::Map<const Vector> h(norms_.data(), growth.samples);
    const GrowthFit fit = fit_curvature_growth(g, h);
    growth.law = fit.law;
    growth.spread = fit.spread;
    growth.smallest_gradient = g.minCoeff();
    growth.largest_gradient = g.maxCoeff();
    return growth;
  }

 private:
  static constexpr double tolerance = 0.01;  // relative, of the Hessian norm
  static constexpr int least_products = 2, most_products = 40;

  // What one point may take of the evaluations, less those that lead to it.
  int products_per_point() const {
    constexpr int on_the_way = 1;
    const int share = options_.max_evaluations * 3 / 4 / options_.probes - on_the_way;
    return std::clamp(std::min(share, static_cast<int>(left())), least_products, most_products);
  }

  const Objective& problem_;
  const CurvatureOptions& options_;
  RandomStream random_;
  std::int64_t evaluations_ = 0;
  std::vector<double> gradients_, norms_;
};

}  // namespace

void CurvatureOptions::validate() const {
  OptionChecker checker("curvature");
  checker.require(probes >= 1, "probes", "be at least 1", probes);
  checker.require(max_evaluations >= 4, "max_evaluations", "be at least 4", max_evaluations);
  checker.throw_if_any();
}

CurvatureGrowth measure_curvature_growth(const Objective& problem, const ConstVectorRef& x0,
                                         const CurvatureOptions& options) {
  options.validate();
  constexpr double farthest = 4;  // beyond the start, in lengths of the path
  Measurement measured(problem, options);

  // Half of the points on the path, where the gradient falls; it may take a quarter of the work.
  const auto on_path = static_cast<std::size_t>(std::max(2, options.probes / 2));
  const preflight::PathPoints path =
      preflight::walk(problem, x0, {.share = 1, .careful = true}, on_path,
                      std::max(1, options.max_evaluations / 4));
  measured.count(path.evaluations);
  for (const Probe& probe : path.probes)
    if (measured.may_go_on(0)) measured.take(probe);

  // A quarter beyond the start, where it is larger.
  const Vector back = x0 - path.probes.back().x;
  const double travelled = back.stableNorm();
  const int inner = measured.samples() + options.probes / 4;
  for (double further = 0.25; travelled > 0 && measured.samples() < inner; further *= 2) {
    if (!measured.may_go_on() || further > farthest) break;
    measured.take_at(x0 + further * back);
  }

  // The others aside of the path, as far as it went or less; where it never moved, a tenth of the
  // size of the parameters.
  constexpr double aside = 0.1;
  const double radius = travelled > 0 ? travelled : aside * (1 + x0.stableNorm());
  for (int tried = 0; tried < 2 * options.probes && measured.may_go_on(); ++tried) {
    const Vector direction = measured.random().normal_vector(x0.size()).normalized();
    const auto from = static_cast<std::size_t>(measured.random().below(path.probes.size()));
    measured.take_at(path.probes[from].x + std::ldexp(radius, -(tried % 3)) * direction);
  }
  return measured.result();
}

}  // namespace thalweg
