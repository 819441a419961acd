#include "thalweg/method/gauss_newton.hpp"

#include <cmath>

#include "method/first_order.hpp"
#include "method/stationarity.hpp"
#include "method/verified_search.hpp"

namespace thalweg {
namespace {

constexpr int most_halvings = 60;

// The damping that stands in for a rank cut where only a squared matrix is known.
constexpr double singular_damping = 1e-14;

ModelStep undamped_step(GaussNewtonModel& model, double& damping) {
  damping = 0;
  ModelStep step = model.step(damping);
  if (!step.solved) {
    damping = singular_damping * model.largest_eigenvalue();
    step = model.step(damping);
  }
  return step;
}

StopReason unsolvable() {
  return {.outcome = Outcome::stalled,
          .criterion = "singular-jacobian",
          .measured = {},
          .threshold = {},
          .advice = "the Gauss-Newton system cannot be solved here: use levenberg-marquardt"};
}

}  // namespace

void GaussNewton::Options::visit(OptionVisitor& visitor) {
  visitor.option("metric", metric, output_metric_names(),
                 "metric of the output space: the Hessian of the loss, or its largest curvature "
                 "times the identity; the same for the squared loss");
  visitor.option("solver", solver, step_solver_names(),
                 "svd of J itself, Cholesky of JJ' (dual) or J'J (normal), or conjugate gradients; "
                 "auto: by size");
  visitor.option("armijo", armijo,
                 "share of the predicted decrease a step must reach, in (0, 1/2); Nocedal and "
                 "Wright, section 3.1");
}

void GaussNewton::Options::validate() const {
  OptionChecker checker("gauss-newton");
  checker.require(armijo > 0 && armijo < 0.5, "armijo", "be in (0, 1/2)", armijo);
  checker.throw_if_any();
}

GaussNewton::GaussNewton(Options options) : options_(options) { options_.validate(); }

void GaussNewton::linearize(const CompositeObjective& problem, GaussNewtonState& state,
                            const Context& context) const {
  const GaussNewtonModel::Options options{
      .solver = options_.solver, .metric = options_.metric, .memory_limit = context.memory_limit};
  state.model = std::make_shared<GaussNewtonModel>(problem, state.x, options);
}

void GaussNewton::start(const CompositeObjective& problem, GaussNewtonState& state,
                        Context& context) const {
  linearize(problem, state, context);
  state.value = state.model->value();
}

void GaussNewton::rebuild(const CompositeObjective& problem, GaussNewtonState& state,
                          Context& context) const {
  require_whole(state.x.size() == problem.dimension(), name());
  linearize(problem, state, context);
}

StepRecord GaussNewton::describe(const CompositeObjective& /*problem*/,
                                 const GaussNewtonState& state) const {
  StepRecord record;
  record.value = state.value;
  record.gradient_norm = state.model->gradient().norm();
  record.evaluations = 1;
  record.sigma_min = state.model->sigma_min();
  return record;
}

StepRecord GaussNewton::advance(const CompositeObjective& problem, GaussNewtonState& state,
                                Context& context) const {
  const auto stay = [&](std::optional<StopReason> halt, std::int64_t evaluations) {
    StepRecord record = describe(problem, state);
    record.accepted = false;
    record.step_norm = 0;
    record.evaluations = evaluations;
    record.halt = std::move(halt);
    return record;
  };
  if (auto reason = detail::stationary(*state.model)) return stay(std::move(reason), 0);

  double damping = 0;
  const ModelStep step = undamped_step(*state.model, damping);
  if (!step.solved) return stay(unsolvable(), 0);
  const auto search =
      detail::verified_search(problem, *state.model, state.x, step, options_.armijo, most_halvings);
  GaussNewtonState next;
  next.x = search.point;
  if (search.verified) start(problem, next, context);
  if (!search.verified || !next.model->finite() || !(next.value < state.value))
    return stay(detail::give_up(*state.model), search.evaluations + (search.verified ? 1 : 0));

  const double step_norm = (next.x - state.x).norm();
  state = std::move(next);
  StepRecord record = describe(problem, state);
  record.step_norm = step_norm;
  record.stepsize = search.stepsize;
  record.gain_ratio = search.gain_ratio;
  if (damping > 0) record.damping = damping;
  record.evaluations = search.evaluations + 1;
  return record;
}

}  // namespace thalweg
