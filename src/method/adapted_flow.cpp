#include "thalweg/method/adapted_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "method/first_order.hpp"
#include "method/flow_point.hpp"

namespace thalweg {

using detail::FlowGeometry;
using detail::FlowPoint;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// A step may miss its end point by this share of the residual left there: the value then follows
/// the law to twice this, well inside the 2 % the rate certificate allows.
constexpr double kShareOfResidual = 1e-3;
constexpr double kSmallestStep = 1e-10;  // in units of the first step
constexpr double kSmallest = std::numeric_limits<double>::min();

// --- the promise ---------------------------------------------------------------------------------

/// How the outputs of a squared loss move where the rank condition holds: y' = -rate (y - target).
struct Law {
  Vector target;  // (m)
  double rate;    // 1 / flow time
  Vector residual(const Vector& y) const { return y - target; }
  double decay(double flow_time) const { return std::exp(-rate * flow_time); }
};

std::optional<Law> law_of(const OutputLoss& loss, AdaptedFlow::OutputMetric metric) {
  const std::optional<double> hessian = loss.constant_hessian();
  std::optional<Vector> target = loss.minimizer();
  if (!hessian || !target) return std::nullopt;
  return Law{std::move(*target), metric == AdaptedFlow::OutputMetric::euclidean ? *hessian : 1.0};
}

std::optional<Law> usable_law(const OutputLoss& loss, const AdaptedFlow::Options& options) {
  std::optional<Law> law = law_of(loss, options.metric);
  if (!law && options.integrator == AdaptedFlow::Integrator::tau)
    throw UsageError("adapted-flow with integrator=tau needs a squared loss",
                     "use integrator=runge-kutta for " + loss.description());
  return law;
}

/// The scale of output errors: the length of the line, or one unit per output where there is none.
double output_length(const AdaptedFlowState& state) {
  if (state.initial_residual.size() > 0) return state.initial_residual.norm();
  return std::sqrt(static_cast<double>(state.at->outputs().size()));
}

/// Rounding of an output vector, with room for the sums behind it.
double rounding(const Vector& y) { return 64 * kEps * y.norm(); }

FlowGeometry geometry(const AdaptedFlow::Options& options, const OutputLoss& loss,
                      double memory_limit) {
  const bool hessian = options.metric == AdaptedFlow::OutputMetric::loss_hessian;
  return {hessian && !loss.constant_hessian(), options.rank_tolerance, memory_limit};
}

// --- one trial step ------------------------------------------------------------------------------

struct Trial {
  Vector x;
  std::shared_ptr<const FlowPoint> at;  // null: the trial met a non-finite or rank-deficient point
  double error = kInfinity;  // what was measured, in units of what is allowed; kept if <= 1
  std::int64_t evaluations = 0;
  bool accepted() const { return at && error <= 1; }
};

/// Dormand and Prince, J. Comp. Appl. Math. 6 (1980): order 5, with an error estimate of order 4.
namespace dormand_prince {
constexpr int stages = 7;
constexpr std::array<double, stages> c{0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
constexpr std::array<std::array<double, 6>, stages> a{{
    {},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
}};
constexpr const std::array<double, 6>& weights = a[stages - 1];  // the seventh is 0
constexpr std::array<double, stages> error{
    71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
}  // namespace dormand_prince

/// The right side dx/du of one step of length h in its line parameter u.
class StepField {
 public:
  StepField(const AdaptedFlowState& state, const std::optional<Law>& law, double h)
      : law_(law), h_(h) {
    if (!law_) return;
    fraction_ = -std::expm1(-law_->rate * h);
    if (!state.on_line) return;
    // The segment from the outputs as they are to the line as promised: whatever the last step
    // missed the line by is removed here.
    segment_ = law_->decay(state.flow_time + h) * state.initial_residual -
               law_->residual(state.at->outputs());
  }

  Vector operator()(const FlowPoint& at, double u) const {
    if (segment_.size() > 0) return at.lift(segment_);
    if (law_) {
      const double pace = fraction_ / (1 - fraction_ * u);  // rate ds/du with u = (1-e^{-rate s})
      return -pace * at.lift(law_->residual(at.outputs()));
    }
    return h_ * at.velocity();
  }

  /// The outputs promised at the end of the step; absent off the line.
  std::optional<Vector> promised(const Vector& y) const {
    if (segment_.size() == 0) return std::nullopt;
    return y + segment_;
  }
  /// Length of the removable residual at the end of the step, from `moved`, the outputs' first
  /// displacement J dx/du; infinite for a loss without a law.
  double residual_left(const Vector& moved) const {
    return law_ ? moved.norm() * (1 - fraction_) / fraction_ : kInfinity;
  }

 private:
  const std::optional<Law>& law_;
  double h_;
  double fraction_ = 0;  // 1 - e^{-rate h}
  Vector segment_;       // (m), empty off the line
};

/// Runs one step of length h from state.x and measures its end against the prediction.
Trial runge_kutta_trial(const CompositeObjective& problem, const AdaptedFlowState& state,
                        const std::optional<Law>& law, const FlowGeometry& how, double h,
                        double tolerance) {
  namespace dp = dormand_prince;
  const StepField field(state, law, h);
  const Vector& y = state.at->outputs();
  std::array<Vector, dp::stages> k;
  Vector predicted = y, missed = Vector::Zero(state.x.size());
  double left = kInfinity;
  Trial trial;
  std::shared_ptr<const FlowPoint> at = state.at;
  for (std::size_t i = 0; i < dp::stages; ++i) {
    if (i > 0) {
      trial.x = state.x;
      for (std::size_t j = 0; j < i; ++j) trial.x += dp::a[i][j] * k[j];
      at = std::make_shared<FlowPoint>(problem, trial.x, how);
      ++trial.evaluations;
      if (!at->ok() || (state.on_line && !at->full_row_rank())) return trial;
    }
    k[i] = field(*at, dp::c[i]);
    missed += dp::error[i] * k[i];
    if (i + 1 == dp::stages) break;
    const Vector moved = at->apply(k[i]);
    if (i == 0) left = field.residual_left(moved);
    predicted += dp::weights[i] * moved;
  }
  if (const std::optional<Vector> end = field.promised(y)) predicted = *end;
  const double allowed =
      std::max(std::min(tolerance * output_length(state), kShareOfResidual * left), rounding(y));
  trial.error =
      std::max((at->outputs() - predicted).norm(), state.at->apply(missed).norm()) / allowed;
  trial.at = std::move(at);
  return trial;
}

/// The stepsize after a trial whose error was of order h^5.
double next_stepsize(double h, const Trial& trial) {
  constexpr double safety = 0.9, order = 5, slowest = 0.2, fastest = 4, halving = 0.5;
  const double factor = safety * std::pow(std::max(trial.error, 1e-10), -1 / order);
  return h * std::clamp(factor, slowest, trial.accepted() ? fastest : halving);
}

/// Stepsize of the first trial, and the scale below which steps are hopeless: a tenth of an e-fold,
/// or what moves the outputs by a hundredth of a unit.
double first_stepsize(const std::optional<Law>& law, const AdaptedFlowState& state) {
  if (law) return 0.1 / law->rate;
  const double speed = state.at->apply(state.at->velocity()).norm();
  return 0.01 * output_length(state) / std::max(speed, kSmallest);
}

/// h, shortened or stretched so that the last step ends on the horizon and none before it is tiny.
double towards_horizon(double h, double remaining) {
  if (remaining <= 1.001 * h) return remaining;
  return remaining < 2 * h ? remaining / 2 : h;
}

// --- the tau rule --------------------------------------------------------------------------------

/// Lower estimate of the Lipschitz constant of J from a step tau d whose outputs missed the linear
/// prediction by `miss`; absent where the miss is rounding.
std::optional<double> measured_curvature(const Vector& y, double miss, double tau, double length) {
  if (!(miss > rounding(y))) return std::nullopt;
  return 2 * miss / (tau * tau * length * length);
}

struct TauTrial {
  Trial trial;
  double tau = 0, curvature = 0;  // the fraction taken, and beta for the next step
};

TauTrial tau_trial(const CompositeObjective& problem, const AdaptedFlowState& state, const Law& law,
                   const FlowGeometry& how, double known_curvature) {
  const FlowPoint& at = *state.at;
  const Vector& y = at.outputs();
  const Vector step = -at.lift(law.residual(y)), moved = at.apply(step);  // d, -P e
  const double removable = moved.norm();                                  // |P e|
  const double sigma = removable / step.norm();
  const double radius = sigma * sigma / state.curvature;  // infinite for a linear model
  TauTrial result;
  result.tau = radius < removable ? radius / removable : 1;
  const double tau = result.tau;

  Trial& trial = result.trial;
  trial.x = state.x + tau * step;
  auto end = std::make_shared<FlowPoint>(problem, trial.x, how);
  trial.evaluations = 1;
  if (!end->ok()) {
    result.curvature = 4 * std::max(state.curvature, sigma * sigma / removable);
    return result;
  }
  const double miss = (end->outputs() - y - tau * moved).norm();
  const std::optional<double> beta = measured_curvature(y, miss, tau, step.norm());
  // The bound with beta right: the miss is at most tau/2 of |P e|, so |e+| <= (1 - tau/2) |e|.
  // A quadratic model meets it with equality, up to rounding.
  constexpr double slack = 1 + 1e-9;
  trial.error = miss / (slack * 0.5 * tau * removable + rounding(y));
  if (end->value() > at.value() + rounding(y) * at.loss_gradient().norm()) trial.error = kInfinity;
  result.curvature = trial.error <= 1
                         ? std::max({known_curvature, beta.value_or(0), 0.5 * state.curvature})
                         : std::max(2 * state.curvature, beta.value_or(0));
  trial.at = std::move(end);
  return result;
}

/// beta along the first direction, from a hundredth of the full step.
double first_curvature(const CompositeObjective& problem, const AdaptedFlowState& state,
                       const Law& law) {
  constexpr double tau = 0.01;
  const Vector& y = state.at->outputs();
  const Vector step = -state.at->lift(law.residual(y)), moved = state.at->apply(step);
  Vector ahead(y.size());
  problem.model().outputs(state.x + tau * step, ahead);
  return measured_curvature(y, (ahead - y - tau * moved).norm(), tau, step.norm()).value_or(0);
}

// --- why it ends ---------------------------------------------------------------------------------

/// Whether points nearby have a higher rank than `at`: then a floor is a property of this point,
/// not of the data.
bool rank_is_higher_nearby(const CompositeObjective& problem, const AdaptedFlowState& state) {
  constexpr double distance = 0.01;  // per parameter, against the order 1 of a trained one
  RandomStream random(0, "rank-probe");
  const FlowPoint nearby(problem, state.x + distance * random.normal_vector(state.x.size()),
                         state.at->geometry());
  return nearby.ok() && nearby.rank() > state.at->rank();
}

/// P grad L is negligible: no step lowers the value to first order. Counts its passes over the data
/// in `evaluations`.
std::optional<StopReason> at_floor(const CompositeObjective& problem, const AdaptedFlowState& state,
                                   const std::optional<Law>& law, double tolerance,
                                   std::int64_t& evaluations) {
  const double ratio = state.at->removable_ratio();
  if (!(ratio <= tolerance)) return std::nullopt;
  const Index m = problem.output_count(), n = problem.dimension(), rank = state.at->rank();
  StopReason reason{Outcome::converged, "rank-loss floor", ratio, tolerance, {}};
  if (law) {  // squared loss: the value is floor * (1 + ratio)
    reason.measured = state.value;
    reason.threshold = state.value / (1 + ratio) * (1 + tolerance);
  }
  if (rank == n && n < m) {
    reason.criterion = "first-order";
    reason.advice = fmt::format(
        "{} parameters cannot follow {} outputs any further; a wider model can reach a lower value",
        n, m);
    return reason;
  }
  ++evaluations;
  if (rank_is_higher_nearby(problem, state)) {
    reason.outcome = Outcome::stalled;
    reason.criterion = "rank-loss plateau";
    reason.advice = fmt::format(
        "the Jacobian has rank {} of {} at this point but more nearby: the plateau belongs to the "
        "start, not to the data; start from random parameters instead of equal or zero ones",
        rank, std::min(m, n));
  } else {
    reason.advice = fmt::format(
        "the Jacobian has rank {} of {} here and nearby: equal inputs with different targets force "
        "this floor; look for them in the data",
        rank, std::min(m, n));
  }
  return reason;
}

/// The residual is lost in the rounding of the outputs.
std::optional<StopReason> at_precision(const AdaptedFlowState& state, const Law& law) {
  const Vector& y = state.at->outputs();
  const double residual = law.residual(y).norm(), resolved = rounding(y) / kShareOfResidual;
  if (residual > resolved) return std::nullopt;
  return StopReason{Outcome::converged, "output precision", residual, resolved,
                    "the outputs equal the targets to the precision of double"};
}

/// The horizon is reached: the promise is kept where the value is within 1 % of the law's.
StopReason at_horizon(const AdaptedFlowState& state, const std::optional<Law>& law) {
  constexpr double slack = 1.01;
  if (state.on_line) {
    const double promised = slack * state.initial_value * std::pow(law->decay(state.flow_time), 2);
    if (state.value <= promised)
      return {Outcome::converged, "flow-time", state.value, promised, {}};
  }
  const bool rank_lost = law && !state.on_line && state.at->outputs().size() <= state.x.size();
  return {Outcome::budget_exhausted, "flow-time", state.flow_time, state.flow_time,
          rank_lost ? "the rank condition does not hold on this path, so no value is promised for "
                      "this time; leave flow-time out to run on to the floor"
                    : "no value is promised for this time; leave flow-time out to run on"};
}

/// Steps as short as this show a path that cannot be followed.
std::optional<StopReason> at_smallest_step(double stepsize, double scale) {
  const double smallest = kSmallestStep * scale;
  if (stepsize >= smallest) return std::nullopt;
  return StopReason{Outcome::stalled, "stepsize", stepsize, smallest,
                    "the path cannot be followed within the tolerance: the Jacobian is near rank "
                    "loss; remove nearly equal inputs, or use levenberg-marquardt"};
}

}  // namespace

// --- the header's functions ----------------------------------------------------------------------

double flow_time_to(double samples, double initial, double target) {
  return target < initial ? 0.5 * samples * std::log(initial / target) : 0;
}

double flow_value_at(double samples, double initial, double flow_time) {
  return initial * std::exp(-2 * flow_time / samples);
}

double tau_rule_steps(double sigma, double beta, double initial, double target) {
  if (initial <= target) return 0;
  const double radius = sigma * sigma / beta;  // where tau reaches 1; infinite for a linear model
  if (std::isinf(radius)) return 1;
  const double q_target = target / (2 * radius);
  // Phase A ends at the radius, or at the target where that is met first.
  const double phase_a_end = q_target >= 0.5 ? std::max(radius, target) : radius;
  const double phase_a = std::ceil(std::max(0.0, 2 * (initial - phase_a_end) / radius));
  const double phase_b =
      q_target >= 0.5 ? 0 : std::max(0.0, std::ceil(std::log2(std::log2(1 / q_target))));
  return phase_a + phase_b;
}

void AdaptedFlowState::visit(StateVisitor& visitor) {
  State::visit(visitor);
  visitor.field("flow_time", flow_time);
  visitor.field("stepsize", stepsize);
  visitor.field("initial_value", initial_value);
  visitor.field("initial_residual", initial_residual);
  visitor.field("remaining", remaining);
  visitor.field("curvature", curvature);
  visitor.field("on_line", on_line);
}

void AdaptedFlow::Options::visit(OptionVisitor& visitor) {
  visitor.option("integrator", integrator, {"runge-kutta", "tau"},
                 "runge-kutta: adaptive Dormand-Prince 5(4) in flow time; tau: the discrete rule "
                 "tau = min(1, sigma^2/(beta |e|)), squared loss only");
  visitor.option("metric", metric, {"euclidean", "loss-hessian"},
                 "metric of output space: euclidean follows the gradient of the loss, loss-hessian "
                 "its Newton direction");
  visitor.option("tolerance", tolerance,
                 "output error a step may make, relative to the length of the outputs' line; in "
                 "(0, 0.1]; default half of the 1e-6 to which the line is promised");
  visitor.option("flow-time", flow_time,
                 "flow time at which a runge-kutta run ends, the last step landing on it; 0: none; "
                 "the planner sets (N/2) ln(C0/target)");
  visitor.option("rank-tolerance", rank_tolerance,
                 "singular values at or below this share of the largest count as zero; in [0, 1); "
                 "0: max(m, n) times the machine epsilon");
  visitor.option("floor-tolerance", floor_tolerance,
                 "relative height over the floor at which a run with rank loss ends; in (0, 1)");
  visitor.option("curvature", curvature,
                 "tau: a known Lipschitz constant of the Jacobian; >= 0; 0: measured on the way");
}

void AdaptedFlow::Options::validate() const {
  OptionChecker check("adapted-flow");
  check.require(tolerance > 0 && tolerance <= 0.1, "tolerance", "be in (0, 0.1]", tolerance);
  check.require(flow_time >= 0 && std::isfinite(flow_time), "flow-time", "be finite and >= 0",
                flow_time);
  check.require(integrator == Integrator::runge_kutta || flow_time == 0,
                "flow-time needs integrator=runge-kutta: the tau rule has no flow time");
  check.require(rank_tolerance >= 0 && rank_tolerance < 1, "rank-tolerance", "be in [0, 1)",
                rank_tolerance);
  check.require(floor_tolerance > 0 && floor_tolerance < 1, "floor-tolerance", "be in (0, 1)",
                floor_tolerance);
  check.require(curvature >= 0 && std::isfinite(curvature), "curvature", "be finite and >= 0",
                curvature);
  check.throw_if_any();
}

AdaptedFlow::AdaptedFlow(Options options) : options_(options) { options_.validate(); }

// --- the method ----------------------------------------------------------------------------------

void AdaptedFlow::start(const CompositeObjective& problem, AdaptedFlowState& state,
                        Context& context) const {
  const std::optional<Law> law = usable_law(problem.loss(), options_);
  measure(problem, state, context);
  state.value = state.initial_value = state.at->value();
  if (!state.at->ok()) return;
  if (law) state.initial_residual = law->residual(state.at->outputs());
  state.on_line = law && state.at->full_row_rank();
  state.stepsize = first_stepsize(law, state);
  state.curvature =
      measures_curvature() ? first_curvature(problem, state, *law) : options_.curvature;
}

void AdaptedFlow::rebuild(const CompositeObjective& problem, AdaptedFlowState& state,
                          Context& context) const {
  const std::optional<Law> law = usable_law(problem.loss(), options_);
  require_whole(state.x.size() == problem.dimension(), name());
  measure(problem, state, context);
  const Index length = law && state.at->ok() ? problem.output_count() : 0;
  require_whole(state.initial_residual.size() == length && (length > 0 || !state.on_line), name());
}

void AdaptedFlow::measure(const CompositeObjective& problem, AdaptedFlowState& state,
                          const Context& context) const {
  state.at = std::make_shared<FlowPoint>(problem, state.x,
                                         geometry(options_, problem.loss(), context.memory_limit));
}

StepRecord AdaptedFlow::advance(const CompositeObjective& problem, AdaptedFlowState& state,
                                Context& context) const {
  if (StepRecord here = observe(problem, state); here.halt) {
    here.accepted = false;
    here.step_norm = 0;
    return here;
  }
  const std::optional<Law> law = law_of(problem.loss(), options_.metric);
  const FlowGeometry how = geometry(options_, problem.loss(), context.memory_limit);
  const bool tau_rule = options_.integrator == Integrator::tau;

  Trial trial;
  double h = state.stepsize;  // flow time, or the fraction tau
  if (tau_rule) {
    TauTrial tried = tau_trial(problem, state, *law, how, options_.curvature);
    trial = std::move(tried.trial);
    h = state.stepsize = tried.tau;
    state.curvature = tried.curvature;
  } else {
    if (law) h = std::min(h, 1 / law->rate);  // an e-fold at most, so that the path is seen
    const double remaining = options_.flow_time - state.flow_time;
    const bool last = options_.flow_time > 0 && remaining <= 1.001 * h;
    if (options_.flow_time > 0) h = towards_horizon(h, remaining);
    trial = runge_kutta_trial(problem, state, law, how, h, options_.tolerance);
    state.stepsize = next_stepsize(h, trial);
    if (trial.accepted()) state.flow_time = last ? options_.flow_time : state.flow_time + h;
  }

  const bool accepted = trial.accepted();
  double step_norm = 0;
  if (accepted) {
    step_norm = (trial.x - state.x).norm();
    state.x = std::move(trial.x);
    state.at = std::move(trial.at);
    state.value = state.at->value();
    if (tau_rule) state.remaining *= 1 - h;
    state.on_line = state.on_line && state.at->full_row_rank();
  } else if (!tau_rule && state.on_line &&
             at_smallest_step(state.stepsize, first_stepsize(law, state))) {
    // Full rank here, lost at once: from here on only the projected flow can be followed.
    state.on_line = false;
    state.stepsize = first_stepsize(law, state);
  }
  StepRecord record = observe(problem, state);
  record.accepted = accepted;
  record.step_norm = step_norm;
  record.stepsize = h;
  record.evaluations += trial.evaluations;
  return record;
}

StepRecord AdaptedFlow::describe(const CompositeObjective& problem,
                                 const AdaptedFlowState& state) const {
  StepRecord record = observe(problem, state);
  ++record.evaluations;                                              // the start itself
  if (state.at->ok() && measures_curvature()) ++record.evaluations;  // first_curvature
  return record;
}

bool AdaptedFlow::measures_curvature() const {
  return options_.integrator == Integrator::tau && !(options_.curvature > 0);
}

StepRecord AdaptedFlow::observe(const CompositeObjective& problem,
                                const AdaptedFlowState& state) const {
  const std::optional<Law> law = law_of(problem.loss(), options_.metric);
  const bool tau_rule = options_.integrator == Integrator::tau;
  const FlowPoint& at = *state.at;
  StepRecord record;
  record.value = state.value;
  if (!at.ok()) {
    record.halt = StopReason{Outcome::failed,
                             "finite Jacobian",
                             {},
                             {},
                             "outputs or Jacobian are not finite; check the data and the start"};
    return record;
  }
  record.gradient_norm = at.gradient_norm();
  record.sigma_min = at.sigma_min();
  if (!tau_rule) record.flow_time = state.flow_time;
  if (law) {
    const double decay = tau_rule ? state.remaining : law->decay(state.flow_time);
    const Vector off = law->residual(at.outputs()) - decay * state.initial_residual;
    record.deviation = off.norm() / std::max(output_length(state), kSmallest);
    if (state.on_line && !tau_rule) record.predicted = decay * decay * state.initial_value;
  }
  if (!tau_rule && options_.flow_time > 0 && state.flow_time >= options_.flow_time)
    record.halt = at_horizon(state, law);
  if (!record.halt && law) record.halt = at_precision(state, *law);
  if (!record.halt && !at.full_row_rank())
    record.halt = at_floor(problem, state, law, options_.floor_tolerance, record.evaluations);
  if (!record.halt)
    record.halt = at_smallest_step(state.stepsize, tau_rule ? 1 : first_stepsize(law, state));
  return record;
}

}  // namespace thalweg
