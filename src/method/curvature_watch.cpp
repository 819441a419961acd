#include "thalweg/method/curvature_watch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/problem/curvature_measurement.hpp"

namespace thalweg {
namespace {

constexpr double remeasured_share = 0.1;  // of the gap at the last measurement
constexpr double most_growth = 4;         // of l by one refutation, before the safety factor
constexpr double cancelled = 1e-8;        // of the largest value: digits that sums may have lost
constexpr double rounding_units = 64 * std::numeric_limits<double>::epsilon();

// One constant alone, with the other from the bound that the problem states, two above the value.
CurvatureWatch::Given completed(const Objective& problem, CurvatureWatch::Given given,
                                double value) {
  const CurvatureBound stated = stated_curvature_bound(problem);
  const bool one = (given.smoothness > 0) != (given.hessian_lipschitz > 0);
  if (!one || stated.source() == CurvatureBound::Source::none) return given;
  const CurvatureBound::Bound around = stated.near(value + 1, 1);
  if (!(given.smoothness > 0)) given.smoothness = around.hessian_norm;
  if (!(given.hessian_lipschitz > 0)) given.hessian_lipschitz = around.third_derivative;
  return given;
}

}  // namespace

std::int64_t CurvatureWatch::start(const Objective& problem, const Given& given,
                                   const ConstVectorRef& x, double value,
                                   const ConstVectorRef& gradient, std::uint64_t seed) {
  const Given known = completed(problem, given, value);
  envelope_ = CurvatureEnvelope(known.all() ? 1 : CurvatureEnvelope::usual_safety);
  if (known.all()) envelope_.add(value, known.smoothness, known.hessian_lipschitz);
  scale_ = std::abs(value);
  rebuild(problem, given);
  return measures_ ? measure(problem, x, value, gradient, seed) : 0;
}

SaddleConstants CurvatureWatch::constants(double value, double lower_bound, double eps) const {
  SaddleConstants constants = saddle_constants(bound_, value, lower_bound, eps);
  if (given_.hessian_lipschitz > 0) {
    constants.hessian_lipschitz = given_.hessian_lipschitz;
  } else if (!measures_) {  // stated, beside a smoothness that was given
    constants.hessian_lipschitz =
        std::max(bound_.third_derivative(value + 2),
                 least_hessian_lipschitz(constants.smoothness, eps, /*proved=*/true));
  }
  return constants;
}

void CurvatureWatch::rebuild(const Objective& problem, const Given& given) {
  if (position_ < 0 || !std::isfinite(scale_))
    throw DataError("the stored curvature measurements do not fit", "curvature watch",
                    "start the run anew");
  given_ = given;
  const bool any = given.smoothness > 0 || given.hessian_lipschitz > 0;
  lower_bound_ = problem.lower_bound();
  bound_ = any ? CurvatureBound() : stated_curvature_bound(problem);
  watches_ = bound_.source() == CurvatureBound::Source::none;
  const bool stated = stated_curvature_bound(problem).source() != CurvatureBound::Source::none;
  measures_ = watches_ && !given.all() && !stated;
  if (watches_) refit();
}

void CurvatureWatch::refit() { bound_ = CurvatureBound::measured(envelope_, lower_bound_); }

std::int64_t CurvatureWatch::measure(const Objective& problem, const ConstVectorRef& x,
                                     double value, const ConstVectorRef& gradient,
                                     std::uint64_t seed) {
  RandomStream random(seed, "curvature-watch");
  random.seek(static_cast<std::uint64_t>(position_));
  const CurvatureMeasurement found = usable(measure_curvature(problem, x, gradient, random),
                                            gradient.stableNorm(), x.stableNorm());
  position_ = static_cast<std::int64_t>(random.position());
  // A constant that was given stands for what was measured.
  const double safety = envelope_.safety();
  const double l = given_.smoothness > 0 ? given_.smoothness / safety : found.hessian_norm;
  const double rho =
      given_.hessian_lipschitz > 0 ? given_.hessian_lipschitz / safety : found.third_derivative;
  envelope_.add(value, l, rho);
  measured_gap_ = bound_.gap(value);
  refit();
  return found.evaluations;
}

std::int64_t CurvatureWatch::follow(const Objective& problem, const ConstVectorRef& x, double value,
                                    const ConstVectorRef& gradient, std::uint64_t seed) {
  if (!measures_ || measured_gap_ <= 0) return 0;
  if (bound_.gap(value) > remeasured_share * measured_gap_) return 0;
  return measure(problem, x, value, gradient, seed);
}

bool CurvatureWatch::refuted_by(double value, double trial, double stepsize, double gradient_norm,
                                double along) {
  if (!watches_) return false;
  const double l = bound_.hessian_norm(value);
  const double length = stepsize * gradient_norm, moved = length * gradient_norm;
  double met = HUGE_VAL;
  if (std::isfinite(trial) && std::isfinite(moved)) {
    const double allowed = value - moved + l * stepsize * moved / 2;
    if (trial <= allowed + rounding_units * std::abs(value)) return false;
    const double seen = (gradient_norm * gradient_norm - along) / (length * gradient_norm);
    const bool lost = moved <= cancelled * std::max(scale_, std::abs(value));
    if (lost && seen <= l) return false;
    met = 2 * (trial - value + moved) / (stepsize * moved);
  }
  // A step far too long meets curvature that is not that of the level: back by small factors.
  if (!(met < most_growth * l)) met = most_growth * l;
  if (!envelope_.add_secant(value, met)) return false;
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
  visitor.field("curvature.scale", scale_);
  if (!(safety >= 1) || !std::isfinite(safety))
    throw DataError("the stored curvature measurements do not fit", "curvature watch",
                    "start the run anew");
  envelope_ = CurvatureEnvelope(safety);
  envelope_.restore(std::move(points), refutations);
}

}  // namespace thalweg
