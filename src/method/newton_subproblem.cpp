#include "method/newton_subproblem.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg::detail {
namespace {

// tau >= 0 with |d + tau p|_M = radius, from squares and the inner product in the norm of M; the
// form that does not cancel.
double distance_to_boundary(double dd, double dp, double pp, double radius) {
  const double room = std::max(radius * radius - dd, 0.0);
  const double root = std::sqrt(dp * dp + pp * room);
  return dp > 0 ? room / (dp + root) : (root - dp) / pp;
}

}  // namespace

// Conn, Gould, Toint: Trust-region methods (2000), algorithm 7.5.1, in its symbols but for d.
//
// Everything is computed for g / s, H / s and M / m with s and m the largest entries of g and M:
// the step is the same, and no square underflows where the objective is as small as 1e-300.
NewtonStep minimize(const NewtonModel& model, double tolerance, std::int64_t most_products) {
  const double s = model.gradient.cwiseAbs().maxCoeff();
  const double m = model.metric.maxCoeff();
  const Vector metric = model.metric / m;
  const double radius = model.radius / std::sqrt(m);
  Vector r = model.gradient / s;
  Vector p = -r.cwiseQuotient(metric), hp(r.size());
  NewtonStep step;
  step.direction = Vector::Zero(r.size());
  double rz = -r.dot(p), dd = 0, dp = 0, pp = rz;
  const double target = tolerance * tolerance * rz;
  while (step.products < most_products && rz > target) {
    model.hessian.apply(p, hp);
    ++step.products;
    double curvature = p.dot(hp) / s;
    if (!std::isfinite(curvature)) curvature = 0;
    const double alpha = rz / curvature;
    step.negative_curvature = !(curvature > 0);
    if (step.negative_curvature || dd + alpha * (2 * dp + alpha * pp) >= radius * radius) {
      const double tau = distance_to_boundary(dd, dp, pp, radius);
      step.direction += tau * p;
      step.decrease += tau * (rz - tau * curvature / 2);
      step.at_boundary = true;
      dd = radius * radius;
      break;
    }
    step.direction += alpha * p;
    step.decrease += alpha * rz / 2;
    dd += alpha * (2 * dp + alpha * pp);
    r += (alpha / s) * hp;
    const double before = rz;
    rz = r.dot(r.cwiseQuotient(metric));
    const double beta = rz / before;
    dp = beta * (dp + alpha * pp);
    pp = rz + beta * beta * pp;
    p = beta * p - r.cwiseQuotient(metric);
  }
  step.decrease *= s;
  step.length = std::sqrt(dd) * std::sqrt(m);
  return step;
}

}  // namespace thalweg::detail
