#include "thalweg/method/curvature_watch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/problem/curvature_measurement.hpp"

namespace thalweg {
namespace {

constexpr double remeasured_share = 0.1;  // of the gap at the last measurement
constexpr double most_growth = 4;         // of l by one refutation, before the safety factor
constexpr double rounding_units = 64 * std::numeric_limits<double>::epsilon();

}  // namespace

std::int64_t CurvatureWatch::start(const Objective& problem, const Given& given,
                                   const ConstVectorRef& x, double value,
                                   const ConstVectorRef& gradient, std::uint64_t seed) {
  envelope_ = CurvatureEnvelope(given.all() ? 1 : CurvatureEnvelope::usual_safety);
  if (given.all()) envelope_.add(value, given.smoothness, given.hessian_lipschitz);
  rebuild(problem, given);
  if (!measures_) return 0;
  const std::int64_t evaluations = measure(problem, x, value, gradient, seed);
  const bool one = given.smoothness > 0 || given.hessian_lipschitz > 0;
  if (one) {
    const auto or_measured = [&](double constant, double measured) {
      return (constant > 0 ? constant / envelope_.safety() : measured / envelope_.safety());
    };
    const double l = envelope_.hessian_norm(value), rho = envelope_.third_derivative(value);
    envelope_ = CurvatureEnvelope(envelope_.safety());
    envelope_.add(value, or_measured(given.smoothness, l),
                  or_measured(given.hessian_lipschitz, rho));
    refit();
  }
  return evaluations;
}

void CurvatureWatch::rebuild(const Objective& problem, const Given& given) {
  const bool any = given.smoothness > 0 || given.hessian_lipschitz > 0;
  lower_bound_ = problem.lower_bound();
  bound_ = any ? CurvatureBound() : stated_curvature_bound(problem);
  watches_ = bound_.source() == CurvatureBound::Source::none;
  measures_ = watches_ && !given.all();
  if (watches_) refit();
}

void CurvatureWatch::refit() { bound_ = CurvatureBound::measured(envelope_, lower_bound_); }

std::int64_t CurvatureWatch::measure(const Objective& problem, const ConstVectorRef& x,
                                     double value, const ConstVectorRef& gradient,
                                     std::uint64_t seed) {
  RandomStream random(seed, "curvature-watch");
  random.seek(static_cast<std::uint64_t>(position_));
  const CurvatureMeasurement found = measure_curvature(problem, x, gradient, random);
  position_ = static_cast<std::int64_t>(random.position());
  envelope_.add(value, found.hessian_norm, found.third_derivative);
  measured_gap_ = bound_.gap(value);
  refit();
  return found.evaluations;
}

std::int64_t CurvatureWatch::follow(const Objective& problem, const ConstVectorRef& x, double value,
                                    const ConstVectorRef& gradient, std::uint64_t seed) {
  if (!measures_ || bound_.gap(value) > remeasured_share * measured_gap_) return 0;
  return measure(problem, x, value, gradient, seed);
}

bool CurvatureWatch::refuted_by(double value, double trial, double stepsize, double square) {
  if (!watches_) return false;
  const double l = bound_.hessian_norm(value), moved = stepsize * square;
  if (!std::isfinite(trial)) {
    envelope_.add_secant(value, 2 * l);
    refit();
    return true;
  }
  const double allowed = value - moved + l * stepsize * moved / 2;
  if (trial <= allowed + rounding_units * std::abs(value)) return false;
  // A step far too long meets curvature that is not that of the level: back by small factors.
  const double met = 2 * (trial - value + moved) / (stepsize * moved);
  envelope_.add_secant(value, std::min(met, most_growth * l));
  refit();
  return true;
}

void CurvatureWatch::visit(StateVisitor& visitor) {
  Matrix points = envelope_.points();
  std::int64_t refutations = envelope_.refutations();
  visitor.field("curvature.points", points);
  visitor.field("curvature.refutations", refutations);
  visitor.field("curvature.measured_gap", measured_gap_);
  visitor.field("curvature.position", position_);
  double safety = envelope_.safety();
  visitor.field("curvature.safety", safety);
  envelope_ = CurvatureEnvelope(safety);
  envelope_.restore(std::move(points), refutations);
}

}  // namespace thalweg
