#include "thalweg/preflight/critical_step.hpp"

#include <cmath>

#include "thalweg/linalg/lanczos.hpp"
#include "thalweg/method/newton.hpp"
#include "thalweg/problem/margin_loss.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

constexpr double eigenvalue_tolerance = 1e-6;
constexpr int most_products = 300;

linalg::RitzPair largest_eigenvalue(const linalg::Product& a, Index n) {
  RandomStream random(0, "critical-step");
  return linalg::extreme_eigenpair(a, n, linalg::Extreme::largest, eigenvalue_tolerance,
                                   most_products, random);
}

}  // namespace

CriticalStep measure_critical_step(const LinearObjective& problem) {
  constexpr std::int64_t most_steps = 200;
  constexpr double gradient_share = 1e-9;
  const Vector start = Vector::Zero(problem.dimension());
  Vector gradient(start.size());
  problem.value_and_gradient(start, gradient);
  const double scale = gradient.norm();
  RunOptions how;
  how.stop = gradient_tolerance(gradient_share * scale) | max_steps(most_steps);
  const Result result = run(problem, Newton(), start, how);

  CriticalStep critical;
  problem.value_and_gradient(result.best, gradient);
  critical.gradient_norm = gradient.norm();
  critical.minimum_found = critical.gradient_norm <= std::sqrt(gradient_share) * scale;
  const auto hessian = problem.hessian(result.best);
  critical.sharpness =
      largest_eigenvalue([&](const ConstVectorRef& v, VectorRef hv) { hessian->apply(v, hv); },
                         start.size())
          .value;
  critical.stepsize = 2 / critical.sharpness;
  critical.minimum_found = critical.minimum_found && std::isfinite(critical.stepsize);
  return critical;
}

std::optional<double> safe_stepsize(const LinearObjective& problem) {
  const auto* loss = dynamic_cast<const MarginLoss*>(&problem.loss());
  const double curvature = loss ? loss->curvature_bound() : problem.loss().strong_convexity();
  if (!std::isfinite(curvature)) return std::nullopt;
  const auto rows = problem.model().linearize(Vector::Zero(problem.dimension()));
  Vector y(rows->output_count());
  const auto product = [&](const ConstVectorRef& v, VectorRef jtjv) {
    rows->apply(v, y);
    rows->apply_adjoint(y, jtjv);
  };
  const linalg::RitzPair top = largest_eigenvalue(product, problem.dimension());
  const double samples = loss ? static_cast<double>(problem.sample_count()) : 1;
  const double smoothness = curvature * (top.value + top.residual) / samples + problem.ridge();
  if (!(smoothness > 0) || !std::isfinite(smoothness)) return std::nullopt;
  return 1 / smoothness;
}

}  // namespace thalweg
