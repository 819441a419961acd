#include "thalweg/method/sampled.hpp"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "first_order.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {

void SamplingOptions::visit_batches(OptionVisitor& visitor) {
  visitor.option("batch", batch,
                 "B, samples per update, not negative; 0: all of them, and so are more than all");
  visitor.option("evaluate", evaluate,
                 "updates from one measurement of value and gradient norm to the next, not "
                 "negative; 0: one epoch");
}

void SamplingOptions::visit(OptionVisitor& visitor) {
  visit_batches(visitor);
  visitor.option(
      "output", output, {"iterate", "tail-average"},
      "what is measured and returned: the iterate, or the mean of the last half to three "
      "quarters of them");
}

void SamplingOptions::check(OptionChecker& checker) const {
  checker.require(batch >= 0, "batch", "not be negative", static_cast<double>(batch));
  checker.require(evaluate >= 0, "evaluate", "not be negative", static_cast<double>(evaluate));
}

void TailAverage::note(const ConstVectorRef& iterate, std::int64_t t) {
  const bool power_of_two = (t & (t - 1)) == 0;
  if (power_of_two) {
    older = newer.size() > 0 ? newer : Vector::Zero(iterate.size());
    older_count = newer_count;
    newer = Vector::Zero(iterate.size());
    newer_count = 0;
  }
  newer += iterate;
  newer_count += 1;
}

Vector TailAverage::mean() const {
  return (older + newer) / static_cast<double>(older_count + newer_count);
}

void TailAverage::visit(StateVisitor& visitor) {
  visitor.field("average_older", older);
  visitor.field("average_newer", newer);
  visitor.field("average_older_count", older_count);
  visitor.field("average_newer_count", newer_count);
}

bool TailAverage::is_whole(Index parameters) const {
  if (newer_count == 0) return older_count == 0;
  return older.size() == parameters && newer.size() == parameters && older_count >= 0 &&
         newer_count > 0;
}

void SampledState::visit(StateVisitor& visitor) {
  FirstOrderState::visit(visitor);
  visitor.field("updates", updates);
  visitor.field("since_measured", since_measured);
  visitor.field("batch_position", batch_position);
  visitor.field("measurements", measurements);
  visitor.field("iterate", iterate);
  average.visit(visitor);
}

// R. Floyd: a sample without replacement from as many draws as it has members (Bentley & Floyd,
// Comm. ACM 30 (1987)).
void draw_batch(std::uint64_t seed, std::string_view name, std::int64_t& position, Index samples,
                Index count, std::vector<Index>& batch) {
  batch.clear();
  if (count >= samples) {
    for (Index i = 0; i < samples; ++i) batch.push_back(i);
    return;
  }
  RandomStream stream(seed, name);
  stream.seek(static_cast<std::uint64_t>(position));
  for (Index last = samples - count; last < samples; ++last) {
    const auto drawn = static_cast<Index>(stream.below(static_cast<std::uint64_t>(last) + 1));
    const auto place = std::lower_bound(batch.begin(), batch.end(), drawn);
    const bool taken = place != batch.end() && *place == drawn;
    if (taken)
      batch.push_back(last);  // above all that were drawn before
    else
      batch.insert(place, drawn);
  }
  position = static_cast<std::int64_t>(stream.position());
}

namespace detail {

const FiniteSum& require_samples(const Objective& problem, std::string_view method) {
  if (const auto* sum = dynamic_cast<const FiniteSum*>(&problem)) return *sum;
  throw UsageError(
      fmt::format("{} on batches needs a mean over samples (a FiniteSum), which this problem does "
                  "not offer",
                  method),
      "choose a method on the full gradient, such as normalized or lbfgs");
}

std::int64_t gradient_over(const FiniteSum& sum, Index samples, const ConstVectorRef& x,
                           std::uint64_t seed, std::string_view stream, std::int64_t& position,
                           std::int64_t count, Vector& g) {
  static thread_local std::vector<Index> batch;  // kept for its memory
  draw_batch(seed, stream, position, samples, count, batch);
  g.resize(x.size());
  sum.value_and_gradient(x, batch, g);
  return static_cast<std::int64_t>(batch.size());
}

void measure_full(const Objective& problem, bool on_batches, SampledState& state) {
  const auto* sum = on_batches ? dynamic_cast<const FiniteSum*>(&problem) : nullptr;
  if (!sum || sum->batch_rounding() <= problem.rounding()) {
    measure(problem, state);
    return;
  }
  std::vector<Index> all(static_cast<std::size_t>(problem.sample_count()));
  std::iota(all.begin(), all.end(), Index{0});
  state.gradient.resize(state.x.size());
  state.value = sum->value_and_gradient(state.x, all, state.gradient);
}

bool finite(const SampledState& state) {
  return std::isfinite(state.value) && state.gradient.allFinite();
}

StepRecord describe_sampled(const Objective& problem, const SampledState& state) {
  StepRecord record = record_of(state);
  if (!problem.attains_infimum()) describe_log_value(problem, state.x, record);
  if (state.updates == 0) record.evaluations += state.start_evaluations;
  if (!state.margins.active()) return record;
  if (state.measurements % state.margins.cheap_interval() == 0) {
    Vector outputs;
    state.margins.measure(state.x, outputs, record);
  }
  if (state.updates == 0) record.evaluations += state.margins.passes();
  return record;
}

bool is_due(const SamplingOptions& sampling, const SampledState& state, Index samples) {
  if (sampling.evaluate > 0) return state.updates % sampling.evaluate == 0;
  return state.since_measured >= samples;
}

std::int64_t samples_per_call(Index parameters) {
  constexpr double parameters_times_samples = 1.5e8;  // some tenths of a second
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(parameters_times_samples / static_cast<double>(parameters)));
}

StepRecord with_work(StepRecord record, const StepRecord& made) {
  record.updates = made.updates;
  record.evaluations += made.evaluations;
  record.drawn = made.drawn;
  return record;
}

StepRecord taken_back(StepRecord record) {
  return not_moved(std::move(record), non_finite_trial_reason());
}

void require_whole_state(bool holds, std::string_view method) { require_whole(holds, method); }

}  // namespace detail
}  // namespace thalweg
