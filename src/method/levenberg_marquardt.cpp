#include "thalweg/method/levenberg_marquardt.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "method/first_order.hpp"
#include "method/stationarity.hpp"
#include "method/verified_search.hpp"

namespace thalweg {
namespace {

// A scaling forgets half of a column's former norm per accepted step: it keeps More's protection
// of columns that shrink, and still follows a problem whose columns fall by many orders.
constexpr double scaling_memory = 0.5;

// Transtrum and Sethna: difference step and bound on 2 |acceleration| / |velocity|.
constexpr double acceleration_step = 0.03, acceleration_bound = 0.75;
// Of outputs that differ by no more than so many roundings the second difference is noise.
constexpr double difference_roundings = 8;

// A trial that cuts the effect of a parameter on the outputs, the norm of its column of J, by more
// than this factor has run onto a plateau (a saturated exponential, say) that holds no way back.
constexpr double least_effect = 1.5e-8;  // square root of the rounding unit

// Nielsen: mu falls to a third at most, and rises by 2, 4, 8, ... at consecutive rejections.
constexpr double largest_lowering = 1.0 / 3, first_raise = 2;

// smallest-eigenvalue: where a full step keeps its promise, rho falls, so that the rate improves
// from linear to superlinear; it returns towards its option where one does not.
constexpr double good_gain = 0.75, least_ratio = 1e-6;

// No point along the direction being lower, rho rises over its option, up to this.
constexpr double largest_ratio = 1e16;

// Share of the predicted decrease a trial must reach.
constexpr double least_gain = 1e-4;

constexpr int most_halvings = 60;

// A system that cannot be solved with this damping never will.
constexpr double largest_damping = 1e200;

constexpr const char* unsolved_advice =
    "the damped system is numerically singular: raise the damping, or use solver=svd";

// Whether adding d changes x by less than the rounding of its length.
bool is_negligible(const Vector& d, const Vector& x) {
  return d.norm() <= std::numeric_limits<double>::epsilon() * x.norm();
}

// Whether a parameter that mattered at one point has lost its effect on the outputs at the next.
bool loses_a_parameter(const GaussNewtonModel& from, const GaussNewtonModel& to) {
  return (to.column_norms().array() < least_effect * from.column_norms().array()).any();
}

}  // namespace

void LevenbergMarquardtState::visit(StateVisitor& visitor) {
  State::visit(visitor);
  visitor.field("damping", damping);
  visitor.field("raise", raise);
  visitor.field("ratio", ratio);
  visitor.field("scaling", scaling);
}

void LevenbergMarquardt::Options::visit(OptionVisitor& visitor) {
  visitor.option("damping", damping, {"gain-ratio", "smallest-eigenvalue", "fixed"},
                 "how mu is chosen: by actual / predicted decrease, tied to the smallest resolved "
                 "eigenvalue of J'HJ, or constant");
  visitor.option("initial-damping", initial_damping,
                 "gain-ratio: first mu over the largest eigenvalue of J'HJ, > 0; Nielsen 1999 for "
                 "a start of fair quality");
  visitor.option("damping-ratio", damping_ratio,
                 "smallest-eigenvalue: mu over the smallest eigenvalue; fixed: mu over the largest "
                 "one at the start; > 0");
  visitor.option("scaling", scaling, {"auto", "none", "columns"},
                 "columns: D are the norms of the Jacobian's columns (More 1978), so that units of "
                 "the parameters do not matter; auto: for small problems with n < m");
  visitor.option("acceleration", acceleration, {"auto", "off", "on"},
                 "second-order correction along the geodesic, one more evaluation per trial; auto: "
                 "where columns are scaled");
  visitor.option("solver", solver, step_solver_names(),
                 "svd of J itself, Cholesky of JJ' (dual) or J'J (normal), or conjugate gradients; "
                 "auto: by size");
}

void LevenbergMarquardt::Options::validate() const {
  OptionChecker checker("levenberg-marquardt");
  checker.require(initial_damping > 0 && std::isfinite(initial_damping), "initial-damping",
                  "be positive", initial_damping);
  checker.require(damping_ratio > 0 && std::isfinite(damping_ratio), "damping-ratio", "be positive",
                  damping_ratio);
  checker.require(
      scaling != Scaling::columns || solver == StepSolver::automatic || solver == StepSolver::svd,
      "scaling=columns needs solver=svd or auto");
  checker.require(damping != Damping::smallest_eigenvalue || solver != StepSolver::cg,
                  "damping=smallest-eigenvalue needs a solver that resolves it: svd, dual or "
                  "normal");
  checker.require(acceleration != Acceleration::on || solver != StepSolver::cg,
                  "acceleration=on needs a factorization: solver svd, dual or normal");
  checker.throw_if_any();
}

LevenbergMarquardt::LevenbergMarquardt(Options options) : options_(options) { options_.validate(); }

// A direction, and how far it was followed.
struct LevenbergMarquardt::Trial {
  ModelStep step;
  double damping = 0;
  detail::SearchResult search;
};

std::shared_ptr<GaussNewtonModel> LevenbergMarquardt::linearize(const CompositeObjective& problem,
                                                                const ConstVectorRef& x,
                                                                const Context& context) const {
  GaussNewtonModel::Options options{.solver = options_.solver,
                                    .memory_limit = context.memory_limit};
  if (options_.scaling == Scaling::columns) options.solver = StepSolver::svd;
  return std::make_shared<GaussNewtonModel>(problem, x, options);
}

void LevenbergMarquardt::start(const CompositeObjective& problem, LevenbergMarquardtState& state,
                               Context& context) const {
  state.model = linearize(problem, state.x, context);
  state.value = state.model->value();
  if (!state.model->finite()) return;
  rescale(state);
  state.ratio = options_.damping_ratio;
  if (options_.damping == Damping::gain_ratio)
    state.damping = options_.initial_damping * state.model->largest_eigenvalue();
  if (options_.damping == Damping::fixed)
    state.damping = options_.damping_ratio * state.model->largest_eigenvalue();
}

void LevenbergMarquardt::rebuild(const CompositeObjective& problem, LevenbergMarquardtState& state,
                                 Context& context) const {
  const Index n = problem.dimension(), scales = state.scaling.size();
  require_whole(state.x.size() == n && (scales == 0 || scales == n), name());
  state.model = linearize(problem, state.x, context);
  if (scales == 0) return;
  require_whole(state.model->solver() == StepSolver::svd && (state.scaling.array() > 0).all(),
                name());
  state.model->set_scaling(state.scaling);
}

void LevenbergMarquardt::rescale(LevenbergMarquardtState& state) const {
  GaussNewtonModel& model = *state.model;
  const bool small_fit =
      model.solver() == StepSolver::svd && model.gradient().size() < model.outputs().size();
  if (options_.scaling == Scaling::none || (options_.scaling == Scaling::automatic && !small_fit))
    return;
  const Vector norms = model.column_norms();
  Vector scaling =
      state.scaling.size() > 0 ? Vector((scaling_memory * state.scaling).cwiseMax(norms)) : norms;
  const double largest = scaling.maxCoeff();
  for (double& entry : scaling)
    if (!(entry > 0)) entry = largest > 0 ? largest : 1;  // a parameter without effect so far
  state.scaling = std::move(scaling);
  model.set_scaling(state.scaling);
}

double LevenbergMarquardt::current_damping(LevenbergMarquardtState& state) const {
  if (options_.damping != Damping::smallest_eigenvalue) return state.damping;
  state.damping = state.ratio * state.model->smallest_eigenvalue().value_or(0);
  return state.damping;
}

bool LevenbergMarquardt::accelerates(const GaussNewtonModel& model) const {
  if (options_.damping != Damping::gain_ratio) return false;
  if (options_.acceleration != Acceleration::automatic)
    return options_.acceleration == Acceleration::on && model.solver() != StepSolver::cg;
  return model.scaled();
}

StepRecord LevenbergMarquardt::advance(const CompositeObjective& problem,
                                       LevenbergMarquardtState& state, Context& context) const {
  if (auto reason = detail::stationary(*state.model)) {
    StepRecord record = describe(problem, state);
    record.accepted = false;
    record.step_norm = 0;
    record.evaluations = 0;
    record.halt = std::move(reason);
    return record;
  }
  Trial trial;
  trial.damping = current_damping(state);
  trial.step = state.model->step(trial.damping);
  trial.search = attempt(problem, state, trial.step);
  if (trial.search.verified) ++trial.search.evaluations;  // the linearization that accept makes
  const double step_norm = trial.search.verified ? (trial.search.point - state.x).norm() : 0;
  trial.search.verified = trial.search.verified && accept(problem, state, trial, context);
  adapt(state, trial);

  StepRecord record = describe(problem, state);
  record.accepted = trial.search.verified;
  record.step_norm = record.accepted ? step_norm : 0;
  record.stepsize = trial.search.stepsize;
  record.damping = trial.damping;
  if (std::isfinite(trial.search.gain_ratio)) record.gain_ratio = trial.search.gain_ratio;
  record.evaluations = trial.search.evaluations;
  if (!record.accepted && exhausted(state, trial)) {
    record.halt = detail::give_up(*state.model);
    if (!trial.step.solved && record.halt->outcome == Outcome::stalled)
      record.halt->advice = unsolved_advice;
  }
  return record;
}

// Whether a rejected trial cannot be shortened, nor an unsolved system damped, any further.
bool LevenbergMarquardt::exhausted(const LevenbergMarquardtState& state, const Trial& trial) const {
  const ModelStep& step = trial.step;
  if (step.solved && step.predicted_decrease() <= state.model->rounding()) return true;
  switch (options_.damping) {
    case Damping::gain_ratio:
      return step.solved ? is_negligible(step.direction, state.x)
                         : !(state.damping < largest_damping);
    case Damping::smallest_eigenvalue: return state.ratio > largest_ratio;
    case Damping::fixed: return true;
  }
  return true;
}

StepRecord LevenbergMarquardt::describe(const CompositeObjective& /*problem*/,
                                        const LevenbergMarquardtState& state) const {
  StepRecord record;
  record.value = state.value;
  record.gradient_norm = state.model->gradient().norm();
  record.evaluations = 1;
  record.damping = state.damping;
  record.sigma_min = state.model->sigma_min();
  return record;
}

// Follows d: once for gain-ratio, whose remedy for a bad trial is a larger mu; with backtracking
// for the policies whose mu is given.
detail::SearchResult LevenbergMarquardt::attempt(const CompositeObjective& problem,
                                                 const LevenbergMarquardtState& state,
                                                 const ModelStep& step) const {
  if (!step.solved) return detail::not_searched(0);
  const int halvings = options_.damping == Damping::gain_ratio ? 0 : most_halvings;
  if (!accelerates(*state.model))
    return detail::verified_search(problem, *state.model, state.x, step, least_gain, halvings);
  const auto acceleration = geodesic_acceleration(problem, state, step);
  if (!acceleration) return detail::not_searched(1);
  ModelStep bent = step;
  bent.direction += *acceleration / 2;
  auto search = detail::verified_search(problem, *state.model, state.x, bent, least_gain, 0);
  ++search.evaluations;
  return search;
}

// The acceleration of the geodesic that starts with velocity d: -(J'HJ + mu D^2)^-1 J'H y'', with
// y'' the second derivative of the outputs along d. Absent where the path bends too much for the
// step to be trusted.
std::optional<Vector> LevenbergMarquardt::geodesic_acceleration(
    const CompositeObjective& problem, const LevenbergMarquardtState& state,
    const ModelStep& step) const {
  GaussNewtonModel& model = *state.model;
  Vector ahead(problem.output_count());
  problem.model().outputs(state.x + acceleration_step * step.direction, ahead);
  const Vector bending = (2 / acceleration_step) * ((ahead - model.outputs()) / acceleration_step -
                                                    model.apply(step.direction));
  if (!bending.allFinite()) return std::nullopt;
  // Of the shortest steps the difference is all rounding: there the path is straight.
  const double rounding = std::numeric_limits<double>::epsilon() * model.outputs().stableNorm();
  if (bending.stableNorm() <= 2 * difference_roundings * rounding / std::pow(acceleration_step, 2))
    return Vector::Zero(step.direction.size());
  auto acceleration = model.response(bending);
  if (!acceleration) return std::nullopt;
  const double length =
      model.scaled() ? state.scaling.cwiseProduct(*acceleration).norm() : acceleration->norm();
  if (!(2 * length <= acceleration_bound * step.scaled_norm)) return std::nullopt;
  return acceleration;
}

bool LevenbergMarquardt::accept(const CompositeObjective& problem, LevenbergMarquardtState& state,
                                const Trial& trial, const Context& context) const {
  auto next = linearize(problem, trial.search.point, context);
  if (!next->finite() || !(next->value() < state.value)) return false;
  if (state.model->scaled() && loses_a_parameter(*state.model, *next)) return false;
  state.x = trial.search.point;
  state.model = std::move(next);
  state.value = state.model->value();
  rescale(state);
  return true;
}

void LevenbergMarquardt::adapt(LevenbergMarquardtState& state, const Trial& trial) const {
  const bool kept = trial.search.verified;
  switch (options_.damping) {
    case Damping::gain_ratio: adapt_damping(state, kept, trial.search.gain_ratio); return;
    case Damping::smallest_eigenvalue: {
      const bool trusted =
          kept && trial.search.stepsize == 1 && trial.search.gain_ratio > good_gain;
      state.ratio = trusted ? std::max(state.ratio / 3, least_ratio)
                    : kept  ? std::min(2 * state.ratio, options_.damping_ratio)
                            : 4 * std::max(state.ratio, options_.damping_ratio);
      return;
    }
    case Damping::fixed: return;
  }
}

void LevenbergMarquardt::adapt_damping(LevenbergMarquardtState& state, bool kept,
                                       double gain_ratio) const {
  if (kept) {
    state.damping *= std::max(largest_lowering, 1 - std::pow(2 * gain_ratio - 1, 3));
    state.raise = first_raise;
  } else {
    state.damping *= state.raise;
    state.raise *= 2;
  }
  state.damping = std::max(state.damping, std::numeric_limits<double>::min());
}

}  // namespace thalweg
