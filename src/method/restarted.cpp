#include "thalweg/method/restarted.hpp"

#include <algorithm>
#include <cmath>

#include "thalweg/method/perturbed_descent.hpp"
#include "thalweg/problem/sampled_gradient.hpp"

namespace thalweg {
namespace {

constexpr int noise_probes = 16;

// Variance of the mean gradient of a batch.
double measure_noise(const Objective& problem, const ConstVectorRef& x, Index batch) {
  SampledGradient gradient(problem, std::min<Index>(batch, problem.sample_count()), 0,
                           "restarted-noise");
  VectorMean mean(x.size());
  for (int k = 0; k < noise_probes; ++k) mean.add(gradient.draw(x));
  return mean.variance();
}

}  // namespace

void RestartedState::visit(StateVisitor& visitor) {
  SampledState::visit(visitor);
  curvature.visit(visitor);
  visitor.field("smoothness", smoothness);
  visitor.field("hessian_lipschitz", hessian_lipschitz);
  visitor.field("stepsize", stepsize);
  visitor.field("radius", radius);
  visitor.field("waiting", waiting);
  visitor.field("noise", noise);
  visitor.field("anchor", anchor);
  visitor.field("sum", sum);
  visitor.field("inside", inside);
  visitor.field("restarts", restarts);
  visitor.field("noise_position", noise_position);
  visitor.field("check_position", check_position);
  visitor.field("candidate", candidate);
  visitor.field("smallest_curvature", smallest_curvature);
}

void Restarted::Options::visit(OptionVisitor& visitor) {
  SaddleTarget::visit(visitor, "delta in (0, 1): enters the waiting time by its logarithm",
                      "f(x0) + 2");
  visitor.option("preset", preset, {"published", "practical"},
                 "the factor in the stepsize: 512, or 4");
  visitor.option("stepsize", stepsize, "eta; 0: derived from eps and the noise");
  visitor.option("radius", radius, "R of the ball; 0: sqrt(eps / rho)");
  visitor.option("waiting", waiting, "K, updates within the ball that end a search; 0: derived");
  visitor.option("noise", noise,
                 "s, of the noise added to each gradient, for samples that agree at a saddle; 0: "
                 "eps");
  sampling.visit_batches(visitor);
}

void Restarted::Options::validate() const {
  OptionChecker checker("restarted");
  SaddleTarget::check(checker);
  require_not_negative(checker, "stepsize", stepsize);
  require_not_negative(checker, "radius", radius);
  require_not_negative(checker, "waiting", waiting);
  require_not_negative(checker, "noise", noise);
  sampling.check(checker);
  checker.throw_if_any();
}

Restarted::Restarted(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

// Returns the sample evaluations.
std::int64_t Restarted::derive(const Objective& problem, RestartedState& state) const {
  const SaddleConstants constants =
      state.curvature.constants(state.value, problem.lower_bound(), options_.eps);
  state.smoothness = constants.smoothness;
  state.hessian_lipschitz = constants.hessian_lipschitz;
  state.noise = options_.noise > 0 ? options_.noise : options_.eps;
  double variance = state.noise * state.noise;
  if (!full_batch()) variance += measure_noise(problem, state.x, options_.sampling.batch);
  const RestartRule rule =
      restart_rule(constants, static_cast<double>(state.x.size()), options_.eps,
                   options_.failure_probability, variance, options_.radius, options_.preset);
  state.radius = options_.radius > 0 ? options_.radius : rule.radius;
  state.stepsize = options_.stepsize > 0 ? options_.stepsize : rule.stepsize;
  // Of a stepsize given: as many updates as carry the same growth.
  const double waiting = std::ceil(rule.waiting * rule.stepsize / state.stepsize);
  state.waiting = options_.waiting > 0 ? options_.waiting : waiting;
  return full_batch() ? 0
                      : noise_probes *
                            std::min<std::int64_t>(options_.sampling.batch, problem.sample_count());
}

void Restarted::begin(const Objective& problem, RestartedState& state) const {
  state.start_evaluations +=
      state.curvature.start(problem, options_.given(), state.x, state.value, state.gradient, 0);
  state.anchor = state.x;
  state.sum = Vector::Zero(state.x.size());
  state.candidate = state.gradient.stableNorm() <= options_.eps;
}

Update Restarted::update(const Objective& problem, RestartedState& state,
                         const Context& context) const {
  Update made;
  if (state.stepsize == 0) made.drawn = derive(problem, state);
  made.stepsize = state.stepsize;
  if (state.candidate) return judge(problem, state, context, std::move(made));
  Vector& g = state.batch_gradient;
  made.drawn += batch_gradient(problem, state, context, g);
  if (state.noise > 0) {
    RandomStream random(context.seed, "restarted-ball");
    random.seek(static_cast<std::uint64_t>(state.noise_position));
    g += uniform_in_ball(state.x.size(), state.noise, random);
    state.noise_position = static_cast<std::int64_t>(random.position());
  }
  state.x -= state.stepsize * g;
  state.sum += state.x;
  ++state.inside;
  if ((state.x - state.anchor).norm() > state.radius) {
    state.anchor = state.x;
    state.sum.setZero();
    state.inside = 0;
    ++state.restarts;
  } else if (static_cast<double>(state.inside) >= state.waiting) {
    state.x = state.sum / static_cast<double>(state.inside);
    state.candidate = made.due = true;
  }
  return made;
}

// The candidate, where value and gradient were measured: the end, or another start.
Update Restarted::judge(const Objective& problem, RestartedState& state, const Context& context,
                        Update made) const {
  state.candidate = false;
  state.anchor = state.x;
  state.sum.setZero();
  state.inside = 0;
  if (state.gradient.stableNorm() > options_.eps) return made;
  const CurvatureQuestion question{
      .threshold = curvature_tolerance(options_.eps, state.hessian_lipschitz),
      .hessian_lipschitz = state.hessian_lipschitz,
      .smoothness = state.smoothness};
  const CurvatureAnswer answer = check_curvature(problem, state.x, state.gradient, question,
                                                 context.seed, state.check_position);
  made.evaluations = answer.evaluations;
  state.smallest_curvature = answer.value;
  if (answer.kept.value_or(false))
    made.halt =
        StopReason{Outcome::converged, "second-order", answer.value, -question.threshold, ""};
  return made;
}

void Restarted::annotate(const RestartedState& state, StepRecord& record) const {
  record.escapes = static_cast<double>(state.restarts);
  if (state.smallest_curvature != 0) record.smallest_curvature = state.smallest_curvature;
}

bool Restarted::is_whole(const RestartedState& state) const {
  return state.anchor.size() == state.x.size() && state.sum.size() == state.x.size() &&
         state.inside >= 0 && state.restarts >= 0 && state.noise_position >= 0 &&
         state.check_position >= 0;
}

void Restarted::restored(const Objective& problem, RestartedState& state) const {
  state.curvature.rebuild(problem, options_.given());
}

}  // namespace thalweg
