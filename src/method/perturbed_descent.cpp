#include "thalweg/method/perturbed_descent.hpp"

#include <algorithm>
#include <cmath>

#include "first_order.hpp"

namespace thalweg {
namespace {

double given_or(double given, double derived) { return given > 0 ? given : derived; }

StopReason second_order_reason(const CurvatureAnswer& answer, double threshold) {
  return {Outcome::converged, "second-order", answer.value, -threshold, ""};
}

StopReason waiting_reason(double gained, double required) {
  return {Outcome::converged, "waiting-time", gained, required,
          "the perturbation gained less than the required decrease within the waiting time"};
}

}  // namespace

Vector uniform_in_ball(Index n, double radius, RandomStream& random) {
  const Vector direction = random.normal_vector(n).normalized();
  return radius * std::pow(random.uniform(), 1 / static_cast<double>(n)) * direction;
}

void PerturbedState::visit(StateVisitor& visitor) {
  FirstOrderState::visit(visitor);
  curvature.visit(visitor);
  visitor.field("smoothness", smoothness);
  visitor.field("hessian_lipschitz", hessian_lipschitz);
  visitor.field("stepsize", stepsize);
  visitor.field("scale", scale);
  visitor.field("radius", radius);
  visitor.field("waiting", waiting);
  visitor.field("decrease", decrease);
  visitor.field("since", since);
  visitor.field("saved", saved);
  visitor.field("saved_value", saved_value);
  visitor.field("perturbations", perturbations);
  visitor.field("noise_position", noise_position);
  visitor.field("check_position", check_position);
  checks.visit(visitor, "checks");
}

void PerturbationOptions::visit(OptionVisitor& visitor) {
  SaddleTarget::visit(visitor, "delta in (0, 1): of ending elsewhere, by the theorem", "f(x0) + 2");
  visitor.option("preset", preset, {"published", "practical"},
                 "the constants of the theorem, or larger ones without a proof");
  visitor.option("radius", radius, "r, of a perturbation over eta; 0: derived from eps");
  visitor.option("waiting", waiting, "T, steps after a perturbation; 0: derived from eps");
  visitor.option("decrease", decrease,
                 "F, what a perturbation must gain within T steps; 0: derived from eps");
  visitor.option("certificate", certificate,
                 "ask for second-order stationarity where |g| <= eps; false: the waiting time "
                 "alone decides");
}

void PerturbationOptions::check(OptionChecker& checker) const {
  SaddleTarget::check(checker);
  require_not_negative(checker, "radius", radius);
  require_not_negative(checker, "waiting", waiting);
  require_not_negative(checker, "decrease", decrease);
}

void PerturbedDescent::derive(const Objective& problem, PerturbedState& state) const {
  const SaddleConstants constants =
      state.curvature.constants(state.value, problem.lower_bound(), perturbation_.eps);
  const PerturbationRule rule =
      perturbation_rule(constants, static_cast<double>(state.x.size()), perturbation_.eps,
                        perturbation_.failure_probability, perturbation_.preset);
  state.smoothness = constants.smoothness;
  state.hessian_lipschitz = constants.hessian_lipschitz;
  choose_step(state);
  state.radius = given_or(perturbation_.radius, rule.radius);
  // Shorter steps take more of them.
  state.waiting = given_or(perturbation_.waiting,
                           std::ceil(rule.waiting * std::max(1.0, rule.stepsize / state.stepsize)));
  state.decrease = given_or(perturbation_.decrease, rule.decrease);
}

// A refuted l was too small: shorter steps, and as much longer to wait.
void PerturbedDescent::refit(PerturbedState& state) const {
  const double l = state.curvature.bound().hessian_norm(state.value);
  state.waiting = std::ceil(state.waiting * std::max(1.0, l / state.smoothness));
  state.smoothness = std::max(state.smoothness, l);
  state.stepsize = std::min(state.stepsize / 2, 1 / l);
}

void PerturbedDescent::start(const Objective& problem, PerturbedState& state,
                             Context& context) const {
  measure(problem, state);
  state.curvature_evaluations = state.curvature.start(problem, perturbation_.given(), state.x,
                                                      state.value, state.gradient, context.seed);
  derive(problem, state);
}

StepRecord PerturbedDescent::advance(const Objective& problem, PerturbedState& state,
                                     Context& context) const {
  StepRecord made;
  made.evaluations = 0;
  state.curvature_evaluations = 0;
  if (!perturbs_) {
    if (state.gradient.isZero(0)) return halted(state, zero_gradient_reason(), 0);
    return descend(problem, state, std::move(made));
  }
  const bool waits = state.since >= 0 && static_cast<double>(state.since) < state.waiting;
  if (state.gradient.stableNorm() <= perturbation_.eps) {
    if (perturbation_.certificate && state.checks.due(state.x))
      if (auto ended = ask(problem, state, context, made)) return *ended;
    if (state.since < 0 || static_cast<double>(state.since) > state.waiting || is_elsewhere(state))
      return perturb(problem, state, context, std::move(made));
  } else {
    state.checks.reset();
  }
  const bool judged =
      state.since >= 0 && !waits && static_cast<double>(state.since) < state.waiting + 1;
  if (judged && state.value > state.saved_value - state.decrease) {
    // Known to be at a saddle: another perturbation, not the end.
    if (!perturbation_.certificate || state.checks.saddle.size() == 0)
      return give_back(problem, state);
    ++state.since;
  }
  return descend(problem, state, std::move(made));
}

// The round of the last perturbation has gained what it had to, and led to where the curvature may
// be another.
bool PerturbedDescent::is_elsewhere(const PerturbedState& state) const {
  if (!perturbation_.certificate || state.since <= 0) return false;
  return state.value <= state.saved_value - state.decrease &&
         (state.x - state.saved).norm() > std::sqrt(perturbation_.eps / state.hessian_lipschitz);
}

// The record of a run that ends here, where the point is of second order.
std::optional<StepRecord> PerturbedDescent::ask(const Objective& problem, PerturbedState& state,
                                                const Context& context, StepRecord& made) const {
  const CurvatureQuestion question{
      .threshold = curvature_tolerance(perturbation_.eps, state.hessian_lipschitz),
      .hessian_lipschitz = state.hessian_lipschitz,
      .smoothness = state.smoothness};
  const CurvatureAnswer answer = check_curvature(problem, state.x, state.gradient, question,
                                                 context.seed, state.check_position);
  state.checks.note(answer, question, state.x);
  made.evaluations += answer.evaluations;
  made.smallest_curvature = answer.value;
  if (!answer.kept.value_or(false)) return std::nullopt;
  StepRecord record =
      halted(state, second_order_reason(answer, question.threshold), made.evaluations);
  record.smallest_curvature = answer.value;
  record.escapes = static_cast<double>(state.perturbations);
  return record;
}

StepRecord PerturbedDescent::perturb(const Objective& problem, PerturbedState& state,
                                     const Context& context, StepRecord made) const {
  RandomStream random(context.seed, "perturbation");
  random.seek(static_cast<std::uint64_t>(state.noise_position));
  const Vector noise = uniform_in_ball(state.x.size(), state.radius, random);
  state.noise_position = static_cast<std::int64_t>(random.position());
  state.saved = state.x;
  state.saved_value = state.value;
  state.since = 0;
  ++state.perturbations;
  Evaluation point = evaluate(problem, state.x + state.stepsize * noise);
  const std::int64_t evaluations = made.evaluations + 1;
  if (!point.finite()) return halted(state, non_finite_trial_reason(), evaluations);
  const double distance = move_to(state, std::move(point));
  StepRecord record = describe(problem, state);
  record.smallest_curvature = made.smallest_curvature;
  record.step_norm = distance;
  record.evaluations = evaluations;
  return record;
}

StepRecord PerturbedDescent::descend(const Objective& problem, PerturbedState& state,
                                     StepRecord made) const {
  const double norm = state.gradient.stableNorm();
  Evaluation trial;
  double step = 0;
  bool refuted = false;
  do {
    step = multiplier(state, norm);
    trial = evaluate(problem, state.x - step * state.gradient);
    ++made.evaluations;
    refuted = state.curvature.refuted_by(state.value, trial.value, step, norm,
                                         trial.gradient.dot(state.gradient));
    if (refuted) refit(state);
  } while (refuted);
  if (!trial.finite()) return halted(state, non_finite_trial_reason(), made.evaluations);
  const double distance = move_to(state, std::move(trial));
  if (state.since >= 0) ++state.since;
  StepRecord record = describe(problem, state);
  record.smallest_curvature = made.smallest_curvature;
  record.step_norm = distance;
  record.stepsize = step;
  record.evaluations = made.evaluations;
  return record;
}

StepRecord PerturbedDescent::give_back(const Objective& problem, PerturbedState& state) const {
  const double gained = state.saved_value - state.value;
  state.x = state.saved;
  measure(problem, state);
  StepRecord record = halted(state, waiting_reason(gained, state.decrease), 1);
  record.accepted = true;
  record.escapes = static_cast<double>(state.perturbations);
  return record;
}

StepRecord PerturbedDescent::describe(const Objective&, const PerturbedState& state) const {
  StepRecord record = record_of(state);
  record.evaluations += state.curvature_evaluations;
  if (perturbs_) record.escapes = static_cast<double>(state.perturbations);
  return record;
}

void PerturbedDescent::rebuild(const Objective& problem, PerturbedState& state, Context&) const {
  require_whole(state.gradient.size() == state.x.size() &&
                    (state.saved.size() == 0 || state.saved.size() == state.x.size()) &&
                    state.noise_position >= 0 && state.check_position >= 0 && state.since >= -1 &&
                    state.perturbations >= 0,
                name());
  state.curvature.rebuild(problem, perturbation_.given());
}

}  // namespace thalweg
