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

// The run has no tolerance: it ends where the method finds that nothing can be gained any more.
// That tells a minimum from separable data without a ridge, whose gradient falls below any
// tolerance, while every step still gains a fixed share of the value.
CriticalStep measure_critical_step(const LinearObjective& problem) {
  constexpr std::int64_t most_steps = 100;
  RunOptions how;
  how.stop = max_steps(most_steps);
  const Result result = run(problem, Newton(), Vector::Zero(problem.dimension()), how);

  CriticalStep critical;
  Vector gradient(problem.dimension());
  problem.value_and_gradient(result.last, gradient);
  critical.gradient_norm = gradient.stableNorm();
  const auto hessian = problem.hessian(result.last);
  critical.sharpness =
      largest_eigenvalue([&](const ConstVectorRef& v, VectorRef hv) { hessian->apply(v, hv); },
                         problem.dimension())
          .value;
  critical.stepsize = 2 / critical.sharpness;
  critical.minimum_found =
      result.reason.outcome == Outcome::converged && std::isfinite(critical.stepsize);
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
