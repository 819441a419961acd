#include "thalweg/method/large_step_watch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "first_order.hpp"

namespace thalweg {
namespace {

constexpr double smallest_value = 1e-290;  // below it a value begins to lose its digits

bool rises(double from, double to) { return to > from * (1 + 1e-13) + smallest_value; }

}  // namespace

void ValueWatch::begin(double value, double eta) {
  *this = ValueWatch();
  recent = Vector::Zero(window);
  recent[0] = last = best = milestone = value;
  if (value <= 1 / eta) transition_step = 0;
}

void ValueWatch::note(double value, double eta) {
  steps += 1;
  if (rises(last, value)) last_increase_step = steps;
  doublings = last > 0 && value >= 2 * last ? doublings + 1 : 0;
  if (transition_step < 0 && value <= 1 / eta) transition_step = steps;
  if (value < best) {
    best = value;
    best_step = steps;
  }
  if (value < milestone - 0.01 * std::abs(milestone)) {
    milestone = value;
    milestone_step = steps;
  }
  recent[steps % window] = last = value;
}

std::optional<Index> ValueWatch::period() const {
  constexpr Index longest = 16;
  if (steps - milestone_step < window) return std::nullopt;
  const double largest = recent.maxCoeff(), range = largest - recent.minCoeff();
  if (!(range > 1e-6 * std::abs(largest))) return std::nullopt;
  // Age 0 is the value of this step.
  const auto of_age = [this](Index age) { return recent[(steps - age) % window]; };
  for (Index period = 2; period <= longest; ++period) {
    bool repeats = true;
    for (Index age = 0; repeats && age + period < window; ++age)
      repeats = std::abs(of_age(age) - of_age(age + period)) <= 1e-9 * range;
    if (repeats) return period;
  }
  return std::nullopt;
}

bool ValueWatch::wanders(std::int64_t patience) const {
  return steps - milestone_step >= std::max(patience, steps / 2) &&
         steps - last_increase_step < window;
}

void ValueWatch::describe(StepRecord& record) const {
  if (transition_step >= 0) record.transition_step = static_cast<double>(transition_step);
  record.last_increase_step = static_cast<double>(last_increase_step);
}

void ValueWatch::visit(StateVisitor& visitor) {
  visitor.field("steps", steps);
  visitor.field("transition_step", transition_step);
  visitor.field("last_increase_step", last_increase_step);
  visitor.field("doublings", doublings);
  visitor.field("last_value", last);
  visitor.field("best_value", best);
  visitor.field("best_step", best_step);
  visitor.field("milestone", milestone);
  visitor.field("milestone_step", milestone_step);
  visitor.field("recent_values", recent);
}

bool ValueWatch::is_whole() const {
  const auto is_step = [this](std::int64_t step) { return step >= 0 && step <= steps; };
  return is_step(0) && steps < std::numeric_limits<std::int64_t>::max() && is_step(best_step) &&
         is_step(milestone_step) && is_step(last_increase_step) && is_step(doublings) &&
         (transition_step == -1 || is_step(transition_step)) && recent.size() == window;
}

double StepsizeRamp::stepsize(const Plan& plan) const {
  return plan.eta * std::exp2(-2.0 * static_cast<double>(plan.stages - stage));
}

void StepsizeRamp::note(double value, const Plan& plan) {
  steps += 1;
  if (stage >= plan.stages) return;
  if (value > 1 / stepsize(plan) && steps < plan.stage_steps) return;
  stage += 1;
  steps = 0;
}

void StepsizeRamp::visit(StateVisitor& visitor) {
  visitor.field("ramp_stage", stage);
  visitor.field("ramp_steps", steps);
}

bool StepsizeRamp::is_whole(const Plan& plan) const {
  return stage >= 0 && stage <= plan.stages && steps >= 0 &&
         steps < std::numeric_limits<std::int64_t>::max();
}

MarginWatch::MarginWatch(const Objective& problem) {
  const auto* composite = dynamic_cast<const CompositeObjective*>(&problem);
  if (!composite) return;
  loss_ = dynamic_cast<const MarginLoss*>(&composite->loss());
  if (!loss_) return;
  model_ = &composite->model();
  if (model_->linear()) row_norm_ = model_->largest_row_norm();
}

std::int64_t MarginWatch::cheap_interval() const {
  return model_ && model_->forward_flops() <= 1e4 ? 1 : 20;
}

void MarginWatch::measure(const ConstVectorRef& x, Vector& outputs, StepRecord& record) const {
  outputs.resize(model_->output_count());
  model_->outputs(x, outputs);
  record.evaluations += 1;
  describe(x, outputs, record);
}

void MarginWatch::describe(const ConstVectorRef& x, const ConstVectorRef& y,
                           StepRecord& record) const {
  const Vector margins = loss_->smallest_margins(y);
  record.training_error = MarginLoss::training_error(margins);
  const double length = x.stableNorm() * row_norm_;
  if (length > 0) record.margin = margins.minCoeff() / length;
}

StepRecord not_moved(StepRecord measured, StopReason reason) {
  measured.accepted = false;
  measured.step_norm = 0;
  measured.halt = std::move(reason);
  return measured;
}

StepRecord resting(StepRecord measured) {
  measured.step_norm = 0;
  measured.evaluations -= 1;  // value and gradient are those of the step before
  if (measured.value < smallest_value && measured.log_value) return measured;
  return not_moved(std::move(measured), zero_gradient_reason());
}

void describe_log_value(const Objective& problem, const ConstVectorRef& x, StepRecord& record) {
  double log_value = 0;
  if (record.value < smallest_value) {
    log_value = problem.log_value(x);
    record.evaluations += 1;
  } else {
    log_value = std::log(record.value);
  }
  if (std::isfinite(log_value)) record.log_value = log_value;
}

}  // namespace thalweg
