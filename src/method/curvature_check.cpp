#include "thalweg/method/curvature_check.hpp"

#include <algorithm>
#include <cmath>

#include "thalweg/problem/hessian.hpp"

namespace thalweg {
namespace {

// Error of a product with a unit vector by a forward difference over h: rho h / 2, and the rounding
// of two gradients of size |g| + l (1 + |x|) over h.
double product_error(const Objective& problem, const ConstVectorRef& x, double gradient_norm,
                     const CurvatureQuestion& question) {
  if (has_exact_hessian(problem)) return 0;
  const double h = std::sqrt(problem.rounding()) * (1 + x.stableNorm());
  const double size = gradient_norm + question.smoothness * (1 + x.stableNorm());
  return question.hessian_lipschitz * h / 2 + 2 * problem.rounding() * size / h;
}

std::int64_t affordable_products(const ConstVectorRef& x, const CurvatureQuestion& question) {
  if (question.max_products > 0) return question.max_products;
  // k products on n parameters take 4 n k^2 flops of orthogonalization.
  constexpr double flops = 4e9;
  const double most =
      std::clamp(std::sqrt(flops / (4 * static_cast<double>(x.size()))), 24.0, 1000.0);
  const double needed = linalg::products_needed(
      x.size(), question.threshold / 2, 2 * question.smoothness, question.failure_probability);
  return static_cast<std::int64_t>(std::clamp(needed, 2.0, most));
}

}  // namespace

CurvatureAnswer check_curvature(const Objective& problem, const ConstVectorRef& x,
                                const ConstVectorRef& gradient, const CurvatureQuestion& question,
                                std::uint64_t seed, std::int64_t& position) {
  RandomStream random(seed, "curvature-check");
  random.seek(static_cast<std::uint64_t>(position));
  const auto hessian = hessian_at(problem, x, gradient);
  linalg::SmallestEigenvalueOptions options;
  options.threshold = -question.threshold;
  options.failure_probability = question.failure_probability;
  options.max_products = static_cast<int>(affordable_products(x, question));
  options.tolerance = 0.01;  // a direction to go along, not a certificate
  options.product_error = product_error(problem, x, gradient.stableNorm(), question);
  const linalg::SmallestEigenvalue found = linalg::bound_smallest_eigenvalue(
      [&](const ConstVectorRef& v, VectorRef hv) { hessian->apply(v, hv); }, x.size(), options,
      random);
  position = static_cast<std::int64_t>(random.position());
  CurvatureAnswer answer{found.at_least(-question.threshold), found.value, found.lower,
                         found.vector,
                         std::int64_t{found.products} * hessian->gradients_per_product()};
  const bool told = std::isfinite(found.value) && std::isfinite(question.threshold) &&
                    std::isfinite(options.product_error);
  if (!told) answer.kept.reset();
  if (answer.direction.size() > 0 && answer.direction.dot(gradient) > 0)
    answer.direction = -answer.direction;
  return answer;
}

bool CurvatureAnswer::downhill() const {
  return direction.size() > 0 && std::isfinite(value) && value < 0 && !kept.value_or(false);
}

bool CheckSchedule::due(const ConstVectorRef& x) {
  if (saddle.size() == x.size() && (x - saddle).norm() <= radius) return false;
  return --wait < 0;
}

void CheckSchedule::note(const CurvatureAnswer& answer, const CurvatureQuestion& question,
                         const ConstVectorRef& x) {
  wait = interval;
  interval *= answer.kept.value_or(false) ? 8 : 2;  // a point that was told is asked less often
  saddle.resize(0);
  if (answer.kept.value_or(true)) return;
  saddle = x;
  radius = (-answer.value - question.threshold) / question.hessian_lipschitz;
}

void CheckSchedule::reset() {
  wait = 0;
  interval = 1;
  saddle.resize(0);
}

void CheckSchedule::visit(StateVisitor& visitor, const std::string& prefix) {
  visitor.field(prefix + ".wait", wait);
  visitor.field(prefix + ".interval", interval);
  visitor.field(prefix + ".saddle", saddle);
  visitor.field(prefix + ".radius", radius);
}

}  // namespace thalweg
