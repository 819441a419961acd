#include "thalweg/method/newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "method/first_order.hpp"
#include "method/newton_subproblem.hpp"
#include "thalweg/problem/hessian.hpp"

namespace thalweg {
namespace {

using detail::NewtonStep;

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Lin, Weng, Keerthi: bounds on the gain ratio, and factors on the radius.
constexpr double least_gain = 1e-4, poor_gain = 0.25, good_gain = 0.75;
constexpr double strongest_cut = 0.25, weakest_cut = 0.5, growth = 4;

// Eisenstat, Walker: choice 2. Below the least tolerance conjugate gradients only collect rounding.
constexpr double forcing_factor = 0.9, least_tolerance = 1e-8;

// Entries of M are at least this share of the largest one, so that parameters without effect do
// not divide by zero.
constexpr double least_metric = 1e-14;

// A decrease of the value below this cannot be told from its rounding.
double rounding(const NewtonState& state) { return 16 * eps * std::abs(state.value); }

Vector positive(const Vector& diagonal) {
  const double largest = diagonal.maxCoeff();
  if (!(largest > 0) || !diagonal.allFinite()) return Vector::Ones(diagonal.size());
  return diagonal.cwiseMax(least_metric * largest);
}

// |g| in the norm of M^-1, which is |M^-1 g|_M. No square underflows.
double dual_norm(const Vector& gradient, const Vector& metric) {
  return gradient.cwiseQuotient(metric.cwiseSqrt()).stableNorm();
}

bool is_negligible(const Vector& d, const Vector& x) { return d.norm() <= eps * x.norm(); }

// A step with the point it leads to.
struct Trial {
  NewtonStep step;
  Evaluation point;
  double gain_ratio = 0;
  bool lost_in_rounding = false;  // the model promises no decrease that the value could show
  bool accepted = false;
};

Trial attempt(const Objective& problem, const NewtonState& state, NewtonStep step) {
  Trial trial{std::move(step), {}};
  trial.point = evaluate(problem, state.x + trial.step.direction);
  const double decrease = state.value - trial.point.value, lost = rounding(state);
  trial.gain_ratio = decrease / trial.step.decrease;
  trial.lost_in_rounding = trial.step.decrease <= lost;
  if (!trial.point.finite()) return trial;
  // Where the value cannot judge, the gradient does.
  trial.accepted = trial.lost_in_rounding ? decrease >= -lost && trial.point.gradient.stableNorm() <
                                                                     state.gradient.stableNorm()
                                          : trial.gain_ratio > least_gain;
  return trial;
}

// Where the parabola through f(x), its slope along d and f(x + d) is least, in units of d; no
// further than `growth`.
double parabola_minimizer(const NewtonState& state, const Trial& trial) {
  if (!trial.point.finite()) return 0;
  const double slope = state.gradient.dot(trial.step.direction);
  const double excess = trial.point.value - state.value - slope;
  return excess > 0 ? std::min(-slope / (2 * excess), growth) : growth;
}

double next_radius(const NewtonState& state, const Trial& trial) {
  const NewtonStep& step = trial.step;
  const double radius = state.radius;
  const double expanded = growth * radius;
  if (trial.lost_in_rounding && trial.accepted) return step.at_boundary ? expanded : radius;
  const double wanted = parabola_minimizer(state, trial) * step.length;
  if (!trial.accepted || trial.gain_ratio < poor_gain)
    return std::clamp(wanted, strongest_cut * step.length, weakest_cut * step.length);
  if (trial.gain_ratio < good_gain) return std::clamp(wanted, strongest_cut * radius, expanded);
  return step.at_boundary ? expanded : std::clamp(wanted, radius, expanded);
}

// The verdict where no trial is left: converged, where even an unrestricted step promises no more
// than a hundred roundings of f.
StopReason verdict(const NewtonState& state, const NewtonStep& unrestricted) {
  const double limit = 100 * rounding(state);
  const double scale = std::max(std::abs(state.value), std::numeric_limits<double>::min());
  StopReason reason{Outcome::converged, "relative-reduction", unrestricted.decrease / scale,
                    limit / scale, ""};
  // At a minimum of value 0 the value has digits left that x has not.
  if (unrestricted.decrease <= limit || is_negligible(unrestricted.direction, 8 * state.x))
    return reason;
  reason.outcome = Outcome::stalled;
  reason.advice =
      "no step that can be represented decreases the objective although its model promises it: "
      "check the gradient, or start elsewhere";
  return reason;
}

}  // namespace

void Newton::Options::visit(OptionVisitor& visitor) {
  visitor.option("initial-radius", initial_radius,
                 "first radius over the length of the preconditioned gradient, > 0 (Lin, Weng, "
                 "Keerthi 2008)");
  visitor.option("forcing", forcing,
                 "largest residual of the linear system of a step over the gradient norm, in (0, "
                 "1); it falls as the gradient does (Eisenstat, Walker 1996)");
  visitor.option("products", products, "Hessian products of one step at most, >= 1");
  visitor.option("preconditioner", preconditioner,
                 "the diagonal of the Hessian as preconditioner and norm, where the problem offers "
                 "it");
}

void Newton::Options::validate() const {
  OptionChecker checker("newton");
  checker.require(initial_radius > 0 && std::isfinite(initial_radius), "initial-radius",
                  "be above 0 and finite", initial_radius);
  checker.require(forcing > 0 && forcing < 1, "forcing", "lie in (0, 1)", forcing);
  checker.require(products >= 1, "products", "be at least 1", static_cast<double>(products));
  checker.throw_if_any();
}

Newton::Newton(Options options) : options_(options) { options_.validate(); }

// H at x, and the passes over the data that it and its diagonal cost.
struct Newton::Curvature {
  std::unique_ptr<Hessian> hessian;
  std::int64_t evaluations = 0;
};

// Measures H at x, and raises M to its diagonal.
Newton::Curvature Newton::curvature_at(const Objective& problem, NewtonState& state) const {
  Curvature curvature;
  curvature.hessian = hessian_at(problem, state.x, state.gradient);
  if (has_exact_hessian(problem)) ++curvature.evaluations;
  std::optional<Vector> diagonal;
  if (options_.preconditioner) diagonal = curvature.hessian->diagonal();
  if (diagonal) {
    ++curvature.evaluations;
    *diagonal = positive(*diagonal);
  } else {
    diagonal = Vector::Ones(state.x.size());
  }
  state.metric = state.metric.size() > 0 ? Vector(state.metric.cwiseMax(*diagonal)) : *diagonal;
  return curvature;
}

double Newton::tolerance(const NewtonState& state) const {
  const double wanted = forcing_factor * state.reduction * state.reduction;
  return std::min(std::max(wanted, least_tolerance), options_.forcing);
}

void Newton::start(const Objective& problem, NewtonState& state, Context&) const {
  measure(problem, state);
}

StepRecord Newton::advance(const Objective& problem, NewtonState& state, Context&) const {
  if (state.gradient.isZero(0)) return halted(state, zero_gradient_reason(), 0);
  const Curvature curvature = curvature_at(problem, state);
  if (state.radius == 0)
    state.radius = options_.initial_radius * dual_norm(state.gradient, state.metric);
  const auto minimize = [&](double radius) {
    return detail::minimize({*curvature.hessian, state.gradient, state.metric, radius},
                            tolerance(state), options_.products);
  };

  Trial trial = attempt(problem, state, minimize(state.radius));
  const int per_product = curvature.hessian->gradients_per_product();
  const std::int64_t evaluations =
      curvature.evaluations + per_product * std::int64_t{trial.step.products} + 1;
  if (!trial.accepted && (trial.lost_in_rounding || is_negligible(trial.step.direction, state.x))) {
    const NewtonStep unrestricted = minimize(infinity);
    return halted(state, verdict(state, unrestricted),
                  evaluations + per_product * std::int64_t{unrestricted.products});
  }
  state.radius = next_radius(state, trial);
  double distance = 0;
  if (trial.accepted) {
    state.reduction =
        dual_norm(trial.point.gradient, state.metric) / dual_norm(state.gradient, state.metric);
    distance = move_to(state, std::move(trial.point));
  }
  StepRecord record = record_of(state);
  record.accepted = trial.accepted;
  record.step_norm = distance;
  if (std::isfinite(trial.gain_ratio)) record.gain_ratio = trial.gain_ratio;
  record.evaluations = evaluations;
  return record;
}

StepRecord Newton::describe(const Objective&, const NewtonState& state) const {
  return record_of(state);
}

void Newton::rebuild(const Objective& problem, NewtonState& state, Context&) const {
  const Index n = problem.dimension();
  const bool begun = state.metric.size() > 0;
  require_whole(state.x.size() == n && state.gradient.size() == n &&
                    (!begun || state.metric.size() == n) && (state.metric.array() > 0).all() &&
                    state.metric.allFinite() && state.radius >= 0 && std::isfinite(state.radius) &&
                    state.reduction >= 0,
                name());
}

}  // namespace thalweg
