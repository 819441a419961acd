#include "thalweg/method/curvature_watch.hpp"

#include <cmath>
#include <limits>

#include "thalweg/problem/curvature_measurement.hpp"

namespace thalweg {
namespace {

constexpr double remeasured_share = 0.1;  // of the gap at the last measurement
constexpr double rounding_units = 64 * std::numeric_limits<double>::epsilon();

}  // namespace

std::int64_t CurvatureWatch::start(const Objective& problem, const Given& given,
                                   const ConstVectorRef& x, double value,
                                   const ConstVectorRef& gradient, std::uint64_t seed) {
  rebuild(problem, given);
  return measures_ ? measure(problem, x, value, gradient, seed) : 0;
}

void CurvatureWatch::rebuild(const Objective& problem, const Given& given) {
  given_ = given;
  lower_bound_ = problem.lower_bound();
  bound_ = stated_curvature_bound(problem);
  const bool all_given = given.smoothness > 0 && given.hessian_lipschitz > 0;
  measures_ = bound_.source() == CurvatureBound::Source::none && !all_given;
  if (measures_)
    refit();
  else
    bound_ = bound_.with_constants(given.smoothness, given.hessian_lipschitz);
}

void CurvatureWatch::refit() {
  bound_ = CurvatureBound::measured(envelope_, lower_bound_)
               .with_constants(given_.smoothness, given_.hessian_lipschitz);
}

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
  if (!measures_) return false;
  const double l = bound_.hessian_norm(value), moved = stepsize * square;
  if (!std::isfinite(trial)) {
    envelope_.add_secant(value, 2 * l);
    refit();
    return true;
  }
  const double allowed = value - moved + l * stepsize * moved / 2;
  if (trial <= allowed + rounding_units * std::abs(value)) return false;
  envelope_.add_secant(value, 2 * (trial - value + moved) / (stepsize * moved));
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
  envelope_.restore(std::move(points), refutations);
}

}  // namespace thalweg
