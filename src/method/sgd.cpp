#include "thalweg/method/sgd.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "first_order.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

const FiniteSum& finite_sum(const Objective& problem, std::string_view method) {
  return require<FiniteSum>(problem, method, "a mean over samples (a FiniteSum)");
}

}  // namespace

void SgdState::visit(StateVisitor& visitor) {
  FirstOrderState::visit(visitor);
  visitor.field("stream_position", stream_position);
  watch.visit(visitor);
  ramp.visit(visitor);
}

void Sgd::Options::visit(OptionVisitor& visitor) {
  visitor.option("eta", eta,
                 "the constant stepsize, above 0; a plan with a budget fills it in by its rule");
  visitor.option("batch", batch, "b, samples per update, at least 1; more than all count as all");
  visitor.option("stages", stages,
                 "S in 0 .. 30: a ramp eta 4^-S, ..., eta / 4, eta; 0: eta from the first epoch");
  visitor.option("stage-steps", stage_steps,
                 "at least 1: a stage of the ramp ends after so many epochs, or once the value is "
                 "at most 1 / its stepsize");
}

void Sgd::Options::validate() const {
  OptionChecker checker("sgd");
  checker.require(eta > 0 && std::isfinite(eta), "eta", "be above 0 and finite", eta);
  checker.require(batch >= 1, "batch", "be at least 1", static_cast<double>(batch));
  checker.require(stages >= 0 && stages <= 30, "stages", "lie in 0 .. 30",
                  static_cast<double>(stages));
  checker.require(stage_steps >= 1, "stage-steps", "be at least 1",
                  static_cast<double>(stage_steps));
  checker.throw_if_any();
}

Sgd::Sgd(Options options) : options_(options) { options_.validate(); }

void Sgd::start(const Objective& problem, SgdState& state, Context&) const {
  finite_sum(problem, name());
  measure(problem, state);
  state.margins = MarginWatch(problem);
  state.watch.begin(state.value, options_.eta);
}

StepRecord Sgd::advance(const Objective& problem, SgdState& state, Context& context) const {
  if (state.gradient.isZero(0)) return resting(describe(problem, state));
  const double eta = state.ramp.stepsize(ramp());
  Evaluation trial = evaluate(problem, epoch(problem, state, eta, context));
  if (!trial.finite()) {
    StepRecord record = not_moved(describe(problem, state), non_finite_trial_reason());
    record.evaluations += 1;
    return record;
  }
  const double distance = move_to(state, std::move(trial));
  state.watch.note(state.value, options_.eta);
  state.ramp.note(state.value, ramp());

  StepRecord record = describe(problem, state);
  record.step_norm = distance;
  record.stepsize = eta;
  record.evaluations += 1;  // the pass of the epoch itself
  return record;
}

Vector Sgd::epoch(const Objective& problem, SgdState& state, double eta,
                  const Context& context) const {
  const FiniteSum& sum = finite_sum(problem, name());
  const Index samples = problem.sample_count();
  RandomStream stream(context.seed, "batch");
  stream.seek(static_cast<std::uint64_t>(state.stream_position));
  std::vector<Index> batch;
  Vector x = state.x, gradient(state.x.size());
  for (Index drawn = 0; drawn < samples; drawn += static_cast<Index>(batch.size())) {
    batch.resize(static_cast<std::size_t>(std::min<Index>(options_.batch, samples - drawn)));
    for (Index& sample : batch)
      sample = static_cast<Index>(stream.below(static_cast<std::uint64_t>(samples)));
    sum.value_and_gradient(x, batch, gradient);
    x -= eta * gradient;
  }
  state.stream_position = static_cast<std::int64_t>(stream.position());
  return x;
}

StepRecord Sgd::describe(const Objective& problem, const SgdState& state) const {
  StepRecord record = record_of(state);
  describe_log_value(problem, state.x, record);
  state.watch.describe(record);
  if (!state.margins.active()) return record;
  Vector outputs;
  state.margins.measure(state.x, outputs, record);
  if (state.watch.steps == 0) record.evaluations += state.margins.passes();
  return record;
}

void Sgd::rebuild(const Objective& problem, SgdState& state, Context&) const {
  finite_sum(problem, name());
  require_whole(state.gradient.size() == state.x.size() && state.watch.is_whole() &&
                    state.ramp.is_whole(ramp()) && state.stream_position >= 0,
                name());
  state.margins = MarginWatch(problem);
}

}  // namespace thalweg
