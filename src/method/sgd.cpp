#include "thalweg/method/sgd.hpp"

#include <cmath>

namespace thalweg {

void SgdState::visit(StateVisitor& visitor) {
  SampledState::visit(visitor);
  watch.visit(visitor);
  ramp.visit(visitor);
}

void Sgd::Options::visit(OptionVisitor& visitor) {
  visitor.option("eta", eta, "the stepsize, above 0; a plan with a budget fills it in by its rule");
  sampling.visit(visitor);
  schedule.visit(visitor);
  visitor.option("stages", stages,
                 "S in 0 .. 30: a ramp eta 4^-S, ..., eta / 4, eta; 0: eta from the first step");
  visitor.option("stage-steps", stage_measurements,
                 "at least 1: a stage of the ramp ends after so many measurements, or once the "
                 "value is at most 1 / its stepsize");
}

void Sgd::Options::validate() const {
  OptionChecker checker("sgd");
  checker.require(eta > 0 && std::isfinite(eta), "eta", "be above 0 and finite", eta);
  sampling.check(checker);
  schedule.check(checker);
  checker.require(stages >= 0 && stages <= 30, "stages", "lie in 0 .. 30",
                  static_cast<double>(stages));
  checker.require(stage_measurements >= 1, "stage-steps", "be at least 1",
                  static_cast<double>(stage_measurements));
  checker.throw_if_any();
}

Sgd::Sgd(Options options) : SampledMethod(options.sampling), options_(options) {
  options_.validate();
}

void Sgd::begin(const Objective&, SgdState& state) const {
  state.watch.begin(state.value, options_.eta);
}

Update Sgd::update(const Objective& problem, SgdState& state, const Context& context) const {
  const double eta = state.ramp.stepsize(ramp()) * options_.schedule.at(state.updates);
  Vector& g = state.batch_gradient;
  const std::int64_t drawn = batch_gradient(problem, state, context, g);
  state.x -= eta * g;
  return {.stepsize = eta, .drawn = drawn};
}

void Sgd::measured(SgdState& state) const {
  state.watch.note(state.value, options_.eta);
  state.ramp.note(state.value, ramp());
}

void Sgd::annotate(const SgdState& state, StepRecord& record) const {
  if (!record.log_value && record.value > 0) record.log_value = std::log(record.value);
  state.watch.describe(record);
}

bool Sgd::is_whole(const SgdState& state) const {
  return state.watch.is_whole() && state.ramp.is_whole(ramp());
}

}  // namespace thalweg
