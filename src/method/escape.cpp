#include "thalweg/method/escape.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "curvature_step.hpp"
#include "first_order.hpp"
#include "thalweg/method/perturbed_descent.hpp"
#include "thalweg/method/saddle_theory.hpp"
#include "thalweg/problem/probed_rank.hpp"

namespace thalweg {
namespace {

constexpr double default_eps = 1e-3;
constexpr double unmoved = 1e-6;     // relative change of the value on a plateau
constexpr double left_share = 1e-3;  // by which the value falls where a degenerate plateau is left
constexpr double failure_probability = 0.1;
const char* const rank_stream = "escape-rank";

// Passes the fields of the wrapped state on under names of their own.
class Prefixed final : public StateVisitor {
 public:
  explicit Prefixed(StateVisitor& visitor) : visitor_(visitor) {}
  void field(const std::string& name, Vector& v) override { pass(name, v); }
  void field(const std::string& name, Matrix& m) override { pass(name, m); }
  void field(const std::string& name, double& v) override { pass(name, v); }
  void field(const std::string& name, std::int64_t& v) override { pass(name, v); }
  void field(const std::string& name, bool& v) override { pass(name, v); }

 private:
  template <class Value>
  void pass(const std::string& name, Value& value) {
    visitor_.field("inner." + name, value);
  }
  StateVisitor& visitor_;
};

bool is_bad(const StepRecord& record) {
  if (!std::isfinite(record.value)) return true;
  return record.halt &&
         (record.halt->outcome == Outcome::diverged || record.halt->outcome == Outcome::failed);
}

// l and rho at the point, stated or measured there, as method/saddle_theory.hpp has them.
SaddleConstants constants_at(const Objective& problem, const ConstVectorRef& x, double value,
                             const ConstVectorRef& gradient, double eps, std::uint64_t seed,
                             std::int64_t& evaluations) {
  CurvatureWatch watch;
  evaluations += watch.start(problem, {}, x, value, gradient, seed);
  return watch.constants(value - 1, problem.lower_bound(), eps);
}

}  // namespace

void EscapeState::visit(StateVisitor& visitor) {
  State::visit(visitor);
  visitor.field("eps", eps);
  visitor.field("scale", scale);
  visitor.field("escapes", escapes);
  visitor.field("check_position", check_position);
  visitor.field("noise_position", noise_position);
  checks.visit(visitor, "checks");
  visitor.field("plateau_value", plateau_value);
  visitor.field("plateau_steps", plateau_steps);
  visitor.field("moves_value", moves_value);
  visitor.field("moves", moves);
  visitor.field("degenerate", degenerate);
  visitor.field("degenerate_value", degenerate_value);
  visitor.field("radius", radius);
  Prefixed inner_fields(visitor);
  inner->visit(inner_fields);
}

void Escaping::Options::visit(OptionVisitor& visitor) {
  visitor.option("escape", escape, {"off", "on"},
                 "leave stationary points that are no minima, and start again from there");
  visitor.option("escape-eps", eps,
                 "of the gradient norm at which the curvature is asked for; 0: 1e-3 max(1, "
                 "|gradient at start|)");
  visitor.option("escape-plateau", plateau,
                 "steps without a change of the value that count as stationary, >= 1");
  visitor.option("escape-scale", scale,
                 "largest radius at degenerate points; 0: the norm that a start has");
}

void Escaping::Options::validate() const {
  OptionChecker checker("escape");
  checker.require(eps >= 0 && std::isfinite(eps), "escape-eps", "be at least 0 and finite", eps);
  checker.require(plateau >= 1, "escape-plateau", "be at least 1", static_cast<double>(plateau));
  checker.require(scale >= 0 && std::isfinite(scale), "escape-scale", "be at least 0 and finite",
                  scale);
  checker.throw_if_any();
}

Escaping::Escaping(std::unique_ptr<Method> method, Options options)
    : method_(std::move(method)), options_(options) {
  options_.validate();
}

std::unique_ptr<State> Escaping::init(const Objective& problem, const ConstVectorRef& x0,
                                      Context& context) const {
  auto state = std::make_unique<EscapeState>();
  state->inner = method_->init(problem, x0, context);
  state->x = state->inner->x;
  state->value = state->inner->value;
  state->plateau_value = state->value;
  Vector gradient(x0.size());
  problem.value_and_gradient(x0, gradient);
  state->eps = options_.eps > 0 ? options_.eps : default_eps * std::max(1.0, gradient.stableNorm());
  const double norm = problem.start_norm();
  state->scale = options_.scale > 0 ? options_.scale : (norm > 0 ? norm : 1 + x0.norm());
  return state;
}

StepRecord Escaping::start_record(const Objective& problem, const State& state) const {
  StepRecord record = method_->start_record(problem, *static_cast<const EscapeState&>(state).inner);
  // The first step asks whether the start is a point to leave.
  if (!is_bad(record)) record.halt.reset();
  record.evaluations += 1;  // init takes the gradient once more
  record.escapes = 0;
  return record;
}

StepRecord Escaping::step(const Objective& problem, State& base, Context& context) const {
  auto& state = static_cast<EscapeState&>(base);
  const Vector before = state.x;
  StepRecord record = method_->step(problem, *state.inner, context);
  state.x = state.inner->x;
  state.value = state.inner->value;
  if (!record.measured || is_bad(record)) return record;
  // Each way out lowers the value or, at degenerate points, widens the radius.
  constexpr int most_moves = 100;
  for (int move = 0; move < most_moves && is_stationary(state, record); ++move)
    if (leave(problem, state, record, context))
      record.step_norm = (state.x - before).norm();
    else
      break;
  record.escapes = static_cast<double>(state.escapes);
  return record;
}

bool Escaping::is_stationary(EscapeState& state, const StepRecord& record) const {
  if (record.halt || record.gradient_norm.value_or(HUGE_VAL) <= state.eps) return true;
  const double scale = std::max(std::abs(state.plateau_value), std::abs(record.value));
  if (std::abs(record.value - state.plateau_value) > unmoved * scale) {
    state.plateau_value = record.value;
    state.plateau_steps = 0;
    state.checks.reset();
    return false;
  }
  return ++state.plateau_steps >= options_.plateau;
}

// Whether x was left; the record is then that of the new point.
bool Escaping::leave(const Objective& problem, EscapeState& state, StepRecord& record,
                     Context& context) const {
  if (!record.halt && !state.checks.due(state.x)) return false;
  Vector gradient(state.x.size());
  problem.value_and_gradient(state.x, gradient);
  record.evaluations += 1;
  const SaddleConstants constants = constants_at(problem, state.x, state.value, gradient, state.eps,
                                                 context.seed, record.evaluations);
  // Twice as strict as the certificate, which measures rho anew.
  const CurvatureQuestion question{
      .threshold = curvature_tolerance(state.eps, constants.hessian_lipschitz) / 2,
      .hessian_lipschitz = constants.hessian_lipschitz,
      .smoothness = constants.smoothness};
  const CurvatureAnswer answer =
      check_curvature(problem, state.x, gradient, question, context.seed, state.check_position);
  state.checks.note(answer, question, state.x);
  record.evaluations += answer.evaluations;
  record.smallest_curvature = answer.value;
  if (!answer.kept && !answer.downhill()) return false;
  if (answer.downhill()) {
    constexpr std::int64_t most_fruitless = 20;
    if (state.moves == 0 ||
        state.value < state.moves_value - unmoved * std::abs(state.moves_value)) {
      state.moves_value = state.value;
      state.moves = 0;
    }
    if (++state.moves > most_fruitless) return false;
    const double length = curvature_step(-answer.value, constants.hessian_lipschitz);
    return follow_curvature(problem, state, answer, std::min(length, state.scale), record, context);
  }
  const PerturbationRule rule =
      perturbation_rule(constants, static_cast<double>(state.x.size()), state.eps,
                        failure_probability, SaddlePreset::published);
  const double rounding = std::numeric_limits<double>::epsilon() * (1 + state.x.norm());
  return perturb(problem, state, std::max(rule.stepsize * rule.radius, rounding), record, context);
}

bool Escaping::follow_curvature(const Objective& problem, EscapeState& state,
                                const CurvatureAnswer& answer, double length, StepRecord& record,
                                Context& context) const {
  const auto point = detail::step_along_curvature(problem, state.x, state.value, answer, length,
                                                  record.evaluations);
  if (!point) return false;
  state.degenerate.resize(0);
  state.radius = 0;
  move_to(problem, state, point->x, record, context);
  return true;
}

// At a point that is second-order stationary, where J has lost rank: until the rank changes. Within
// reach of the last such point, where the value did not follow, it goes on from there with the
// radius.
bool Escaping::perturb(const Objective& problem, EscapeState& state, double first_radius,
                       StepRecord& record, Context& context) const {
  const CompositeObjective* composite = with_changing_rank(problem);
  if (!composite || state.value <= problem.lower_bound()) return false;
  const bool again = state.radius > 0 && state.value > (1 - left_share) * state.degenerate_value &&
                     (state.x - state.degenerate).norm() <= state.scale;
  const ProbedRank before =
      probe_rank(*composite, again ? state.degenerate : state.x, context.seed, rank_stream);
  record.evaluations += before.probes;
  if (!again) {
    if (!before.lost()) return false;
    state.degenerate = state.x;
    state.degenerate_value = state.value;
    state.radius = first_radius / 2;
  }
  RandomStream random(context.seed, "escape-noise");
  while (state.radius < state.scale) {
    state.radius = std::min(2 * state.radius, state.scale);
    random.seek(static_cast<std::uint64_t>(state.noise_position));
    const Vector x = state.degenerate + uniform_in_ball(state.x.size(), state.radius, random);
    state.noise_position = static_cast<std::int64_t>(random.position());
    const ProbedRank there = probe_rank(*composite, x, context.seed, rank_stream);
    record.evaluations += there.probes;
    if (there.rank <= before.rank && state.radius < state.scale) continue;
    move_to(problem, state, x, record, context);
    record.heuristic_radius = state.radius;
    return true;
  }
  return false;
}

void Escaping::move_to(const Objective& problem, EscapeState& state, const ConstVectorRef& x,
                       StepRecord& record, Context& context) const {
  state.inner = method_->init(problem, x, context);
  state.x = state.inner->x;
  state.value = state.inner->value;
  state.plateau_value = state.value;
  state.plateau_steps = 0;
  state.checks.reset();
  ++state.escapes;
  StepRecord moved = method_->start_record(problem, *state.inner);
  moved.evaluations += record.evaluations;
  moved.updates = record.updates;
  if (record.drawn) moved.drawn = record.drawn;
  moved.smallest_curvature = record.smallest_curvature;
  moved.heuristic_radius = record.heuristic_radius;
  record = std::move(moved);
}

std::unique_ptr<State> Escaping::blank_state() const {
  auto state = std::make_unique<EscapeState>();
  state->inner = method_->blank_state();
  return state;
}

void Escaping::restore(const Objective& problem, State& base, Context& context) const {
  auto& state = static_cast<EscapeState&>(base);
  require_whole(state.inner->x.size() == state.x.size() && state.escapes >= 0 &&
                    (state.degenerate.size() == 0 || state.degenerate.size() == state.x.size()) &&
                    state.check_position >= 0 && state.noise_position >= 0,
                name());
  method_->restore(problem, *state.inner, context);
}

}  // namespace thalweg
