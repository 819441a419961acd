#include "thalweg/method/levenberg_marquardt.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "method/stationarity.hpp"

namespace thalweg {
namespace {

// A scaling forgets half of a column's former norm per accepted step: it keeps More's protection
// of columns that shrink, and still follows a problem whose columns fall by many orders.
constexpr double scaling_memory = 0.5;

// Transtrum and Sethna: difference step and bound on 2 |acceleration| / |velocity|.
constexpr double acceleration_step = 0.03, acceleration_bound = 0.75;

// A trial that cuts the effect of a parameter on the outputs, the norm of its column of J, by more
// than this factor has run onto a plateau (a saturated exponential, say) that holds no way back.
constexpr double least_effect = 1.5e-8;  // square root of the rounding unit

// Nielsen: mu falls to a third at most, and rises by 2, 4, 8, ... at consecutive rejections.
constexpr double largest_lowering = 1.0 / 3, first_raise = 2;

// smallest-eigenvalue: where a full step keeps its promise, rho falls, so that the rate improves
// from linear to superlinear; it returns towards its option where one does not.
constexpr double good_gain = 0.75, least_ratio = 1e-6;

// Share of the predicted decrease a trial must reach.
constexpr double least_gain = 1e-4;

constexpr int largest_backtracking = 60;

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
  visitor.field("largest_prediction", largest_prediction);
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

// A direction and how far it was followed.
struct LevenbergMarquardt::Trial {
  ModelStep step;
  double damping = 0;
  Vector point;         // x + eta d (+ acceleration / 2)
  double stepsize = 1;  // eta
  double value = std::numeric_limits<double>::quiet_NaN();
  double gain_ratio = std::numeric_limits<double>::quiet_NaN();
  std::int64_t evaluations = 0;
  bool verified = false;  // the value at `point` is lower by a share of the prediction
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
  state.model = linearize(problem, state.x, context);
  if (state.scaling.size() > 0) state.model->set_scaling(state.scaling);
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
    record.halt = std::move(reason);
    return record;
  }
  Trial trial;
  trial.damping = current_damping(state);
  trial.step = state.model->step(trial.damping);
  attempt(problem, state, trial);
  const double step_norm = trial.step.solved ? (trial.point - state.x).norm() : 0;
  const bool accepted = trial.verified && accept(problem, state, trial, context);
  trial.verified = accepted;
  adapt(state, trial);

  StepRecord record = describe(problem, state);
  record.accepted = accepted;
  record.step_norm = accepted ? step_norm : 0;
  record.stepsize = trial.stepsize;
  record.damping = trial.damping;
  if (std::isfinite(trial.gain_ratio)) record.gain_ratio = trial.gain_ratio;
  record.evaluations = trial.evaluations + (trial.verified ? 1 : 0);
  if (!accepted && trial.step.solved) {
    const double prediction = trial.step.predicted_decrease(trial.stepsize);
    record.halt = detail::exhausted(*state.model, prediction, state.largest_prediction, step_norm,
                                    state.x.norm());
  }
  return record;
}

StepRecord LevenbergMarquardt::describe(const CompositeObjective& /*problem*/,
                                        const LevenbergMarquardtState& state) const {
  StepRecord record;
  record.value = state.value;
  record.gradient_norm = state.model->gradient().norm();
  record.damping = state.damping;
  record.sigma_min = state.model->sigma_min();
  return record;
}

// Evaluates x + eta d: once for gain-ratio, whose remedy for a bad trial is a larger mu; with
// backtracking for the policies whose mu is given.
void LevenbergMarquardt::attempt(const CompositeObjective& problem,
                                 const LevenbergMarquardtState& state, Trial& trial) const {
  if (!trial.step.solved) return;
  trial.point = state.x + trial.step.direction;
  if (accelerates(*state.model) && !accelerate(problem, state, trial)) return;

  const int halvings = options_.damping == Damping::gain_ratio ? 0 : largest_backtracking;
  for (int k = 0; k <= halvings; ++k, trial.stepsize /= 2) {
    if (k > 0) trial.point = state.x + trial.stepsize * trial.step.direction;
    trial.value = problem.value(trial.point);
    ++trial.evaluations;
    const double prediction = trial.step.predicted_decrease(trial.stepsize);
    trial.gain_ratio = (state.value - trial.value) / prediction;
    trial.verified = trial.value < state.value && trial.gain_ratio > least_gain;
    if (trial.verified || prediction <= state.model->rounding()) return;
  }
}

// Adds half the acceleration a of the geodesic that starts with velocity d:
// a = -(J'HJ + mu D^2)^-1 J'H y'', y'' the second derivative of the outputs along d.
// False: the path bends too much for the step to be trusted.
bool LevenbergMarquardt::accelerate(const CompositeObjective& problem,
                                    const LevenbergMarquardtState& state, Trial& trial) const {
  GaussNewtonModel& model = *state.model;
  const Vector& velocity = trial.step.direction;
  Vector ahead(problem.output_count());
  problem.model().outputs(state.x + acceleration_step * velocity, ahead);
  ++trial.evaluations;
  const Vector bending = (2 / acceleration_step) *
                         ((ahead - model.outputs()) / acceleration_step - model.apply(velocity));
  if (!bending.allFinite()) return false;
  const auto acceleration = model.response(bending);
  if (!acceleration) return false;
  const double length = state.scaling.size() > 0 ? state.scaling.cwiseProduct(*acceleration).norm()
                                                 : acceleration->norm();
  if (!(2 * length <= acceleration_bound * trial.step.scaled_norm)) return false;
  trial.point += *acceleration / 2;
  return true;
}

bool LevenbergMarquardt::accept(const CompositeObjective& problem, LevenbergMarquardtState& state,
                                const Trial& trial, const Context& context) const {
  auto next = linearize(problem, trial.point, context);
  if (!next->finite() || !(next->value() < state.value)) return false;
  if (state.model->scaled() && loses_a_parameter(*state.model, *next)) return false;
  state.x = trial.point;
  state.model = std::move(next);
  state.value = state.model->value();
  rescale(state);
  return true;
}

void LevenbergMarquardt::adapt(LevenbergMarquardtState& state, const Trial& trial) const {
  state.largest_prediction =
      trial.verified ? 0 : std::max(state.largest_prediction, trial.step.predicted_decrease());
  if (options_.damping == Damping::smallest_eigenvalue) {
    const bool trusted = trial.verified && trial.stepsize == 1 && trial.gain_ratio > good_gain;
    if (trusted) state.ratio = std::max(state.ratio / 3, least_ratio);
    if (!trusted) state.ratio = std::min(2 * state.ratio, options_.damping_ratio);
  }
  if (options_.damping != Damping::gain_ratio) return;
  if (trial.verified) {
    const double lowering = 1 - std::pow(2 * trial.gain_ratio - 1, 3);
    state.damping *= std::max(largest_lowering, lowering);
    state.raise = first_raise;
  } else {
    state.damping *= state.raise;
    state.raise *= 2;
  }
  state.damping = std::max(state.damping, std::numeric_limits<double>::min());
}

}  // namespace thalweg
