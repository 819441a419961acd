#include "thalweg/run/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>

#include "checkpoint.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

class Stopwatch {
 public:
  explicit Stopwatch(double earlier_parts) : earlier_parts_(earlier_parts) {}
  double seconds() const {
    return earlier_parts_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  double earlier_parts_;
  Clock::time_point start_ = Clock::now();
};

void require_usable(const Objective& problem, const RunOptions& options) {
  if (!options.stop)
    throw UsageError("a run needs a stopping criterion",
                     "give RunOptions::stop, such as max_steps");
  if (problem.dimension() < 1) throw UsageError("a run needs a problem with parameters");
  if (options.checkpoint && options.checkpoint->path.empty())
    throw UsageError("a checkpoint needs a path");
}

void require_start(const Objective& problem, const ConstVectorRef& x0) {
  if (x0.size() != problem.dimension())
    throw UsageError(fmt::format("the start has {} parameters where the problem has {}", x0.size(),
                                 problem.dimension()));
  if (!x0.allFinite()) throw UsageError("the start has a parameter that is not a finite number");
}

// The reasons of a report must be numbers or absent.
StopReason without_non_finite(StopReason reason) {
  if (!std::isfinite(reason.measured.value_or(0))) reason.measured.reset();
  if (!std::isfinite(reason.threshold.value_or(0))) reason.threshold.reset();
  return reason;
}

// One run, new or resumed: `history` and `state` are all that changes.
class Loop {
 public:
  Loop(const Objective& problem, const Method& method, const RunOptions& options)
      : problem_(problem),
        method_(method),
        options_(options),
        context_(options.context),
        stop_(any_of({non_finite(), interruption(), options.stop})),
        last_step_(stop_->last_step()),
        most_samples_(stop_->most_samples()) {
    if (options.checkpoint) extra_ = options.checkpoint->extra;
  }

  Result begin(const ConstVectorRef& x0) {
    const Stopwatch clock(0);
    state_ = method_.init(problem_, x0, context_);
    history_.best = state_->x;
    add(method_.start_record(problem_, *state_), clock);
    return go_on(clock);
  }

  Result resume(Checkpoint checkpoint) {
    history_ = std::move(checkpoint.history);
    state_ = std::move(checkpoint.state);
    if (extra_.empty()) extra_ = std::move(checkpoint.extra);
    if (!history_.reasons.empty()) return result();
    const Stopwatch clock(history_.seconds);
    method_.restore(problem_, *state_, context_);
    return go_on(clock);
  }

 private:
  Result go_on(const Stopwatch& clock) {
    for (Observer* observer : options_.observers) observer->on_start(history_.trace.front());
    save(clock);
    while (!has_ended()) {
      const double before = history_.seconds;
      if (last_step_) context_.steps_left = *last_step_ - history_.steps;
      StepRecord record = method_.step(problem_, *state_, context_);
      if (record.measured) {
        add(std::move(record), clock);
        for (Observer* observer : options_.observers) observer->on_step(progress(false));
      } else {
        count(record);
        history_.seconds = clock.seconds();
      }
      if (save_is_due(clock, history_.seconds - before)) save(clock);
    }
    finish();
    save(clock);
    for (Observer* observer : options_.observers) observer->on_end(leading_reason());
    return result();
  }

  // A stationary point above the target is no success. Flows land on their time, not on the value:
  // within a percent counts as reached.
  StopReason judged(StopReason halt) const {
    constexpr double slack = 0.01;
    const double value = history_.trace.back().value;
    if (halt.outcome != Outcome::converged || !options_.target ||
        value <= (1 + slack) * *options_.target)
      return halt;
    halt.outcome = Outcome::stalled;
    halt.advice = fmt::format(
        "nothing lowers the loss further, but {:.3g} is above the target {:.3g}: see rank, floor "
        "and conflicting rows of the preflight, or take a larger model or another start",
        value, *options_.target);
    return halt;
  }

  // Completes the record of the point just reached and notes whether it is the best.
  void add(StepRecord record, const Stopwatch& clock) {
    if (history_.trace.empty()) record.updates = 0;
    note_log_value(record);
    count(record);
    const std::int64_t step = record.iteration = history_.steps;
    record.samples = history_.samples;
    // A count goes on where a step that ended the run says nothing of it.
    if (!record.escapes && !history_.trace.empty()) record.escapes = history_.trace.back().escapes;
    if (record.halt) record.halt = without_non_finite(std::move(*record.halt));
    // Only the digits have ended, not the run: the loss can still fall.
    if (record.halt && underflows(record) && !problem_.attains_infimum() &&
        record.halt->outcome != Outcome::diverged)
      record.halt.reset();
    const bool moved = step == 0 || record.accepted;
    const bool finite = std::isfinite(record.value) && state_->x.allFinite();
    if (options_.validation && moved && finite) record.validation = options_.validation(state_->x);
    record.seconds = history_.seconds = clock.seconds();
    history_.trace.push_back(std::move(record));
    if (moved && finite && counts(step)) note_best(step);
    thin(history_);
  }

  void count(const StepRecord& record) {
    history_.steps += record.updates;
    history_.evaluations += record.evaluations;
    history_.samples += record.drawn.value_or(record.evaluations * problem_.sample_count());
  }

  // Whether the step just done is within the samples allowed; the start was given.
  bool counts(std::int64_t step) const {
    return step == 0 || !most_samples_ || history_.samples <= *most_samples_;
  }

  // Where the value has lost its digits its logarithm must tell how far the run has come.
  void note_log_value(StepRecord& record) const {
    if (record.log_value || problem_.attains_infimum()) return;
    if (!(record.value >= 0) || record.value >= smallest_precise_value) return;
    record.evaluations += 1;
    const double log_value = problem_.log_value(state_->x);
    if (std::isfinite(log_value)) record.log_value = log_value;
  }

  void note_best(std::int64_t step) {
    const StepRecord& record = at(step);
    // Of equal values the later point is taken: its gradient is smaller.
    const bool best_value = !is_less(at(history_.value_step), record);
    if (best_value) history_.value_step = step;
    if (!options_.validation) {
      if (best_value) keep_point(step);
      return;
    }
    const bool best_validation = std::isfinite(*record.validation) &&
                                 (history_.validation_step < 0 ||
                                  *record.validation < *at(history_.validation_step).validation);
    if (best_validation) {
      history_.validation_step = step;
      keep_point(step);
    }
    history_.validations_since_best = best_validation ? 0 : history_.validations_since_best + 1;
  }

  // By ln f where both have it, since f itself may have underflowed.
  static bool is_less(const StepRecord& a, const StepRecord& b) {
    if (a.log_value && b.log_value) return *a.log_value < *b.log_value;
    return a.value < b.value;
  }

  void keep_point(std::int64_t step) {
    history_.best = state_->x;
    history_.point_step = step;
  }

  // Evaluates every criterion at the last record; notes the reasons when there are any.
  bool has_ended() {
    const bool stop_requested = options_.stop_token && options_.stop_token->requested();
    reasons_ = stop_->check_all(progress(stop_requested));
    if (const auto& halt = history_.trace.back().halt) reasons_.push_back(judged(*halt));
    if (!counts(history_.steps))
      std::erase_if(reasons_, [](const auto& r) { return r.outcome == Outcome::converged; });
    std::ranges::transform(reasons_, reasons_.begin(), without_non_finite);
    std::ranges::stable_sort(reasons_, outranks);
    return !reasons_.empty();
  }

  // An interrupted run stays open, so that resume goes on; any other is closed with its reasons.
  void finish() {
    const Outcome outcome = leading_reason().outcome;
    // What converged is the last point, and the criterion must hold at the point returned.
    if (outcome == Outcome::converged) {
      const auto& trace = history_.trace;
      const auto kept = std::find_if(trace.rbegin(), trace.rend() - 1,
                                     [](const StepRecord& r) { return r.accepted; });
      keep_point(kept->iteration);
    }
    if (outcome != Outcome::interrupted) history_.reasons = reasons_;
  }

  // Between two records of a sampled method the last one stands for what is not measured.
  const StepRecord& current() {
    const StepRecord& last = history_.trace.back();
    if (last.iteration == history_.steps) return last;
    between_ = last;
    between_.iteration = history_.steps;
    between_.samples = history_.samples;
    between_.seconds = history_.seconds;
    return between_;
  }

  Progress progress(bool stop_requested) {
    const bool validated = history_.validation_step >= 0;
    return {.start = history_.trace.front(),
            .record = current(),
            .trace = history_.trace,
            .best_value = at(history_.value_step).value,
            .best_step = history_.value_step,
            .best_validation =
                validated ? at(history_.validation_step).validation : std::optional<double>(),
            .best_validation_step = validated ? history_.validation_step : 0,
            .validations_since_best = history_.validations_since_best,
            .stop_requested = stop_requested,
            .point = &state_->x};
  }

  // Due when waiting for one more step of the same length would exceed the interval.
  bool save_is_due(const Stopwatch& clock, double step_seconds) const {
    if (!options_.checkpoint) return false;
    return clock.seconds() + step_seconds >= saved_at_ + options_.checkpoint->seconds;
  }

  void save(const Stopwatch& clock) {
    if (!options_.checkpoint) return;
    write_checkpoint(options_.checkpoint->path, method_.name(), *state_, history_, extra_,
                     options_.observers);
    saved_at_ = clock.seconds();
  }

  Result result() const {
    const std::vector<StopReason>& reasons = history_.reasons.empty() ? reasons_ : history_.reasons;
    const StepRecord& best = at(history_.point_step);
    Result result;
    result.best = history_.best;
    result.value = best.value;
    result.validation = best.validation;
    result.best_step = history_.point_step;
    result.last = state_->x;
    result.reason = reasons.front();
    result.reasons = reasons;
    result.steps = history_.steps;
    result.samples = history_.samples;
    result.evaluations = history_.evaluations;
    result.seconds = history_.seconds;
    result.trace = history_.trace;
    return result;
  }

  const StopReason& leading_reason() const { return reasons_.front(); }
  const StepRecord& at(std::int64_t step) const { return record_at(history_, step); }

  const Objective& problem_;
  const Method& method_;
  const RunOptions& options_;
  Context context_;
  StopWhen stop_;
  std::optional<std::int64_t> last_step_;     // at which the run ends at the latest
  std::optional<std::int64_t> most_samples_;  // beyond which a step does not count
  std::map<std::string, std::string> extra_;
  RunHistory history_;
  std::unique_ptr<State> state_;
  std::vector<StopReason> reasons_;  // of the last evaluation, leading one first
  StepRecord between_;               // see current()
  double saved_at_ = 0;              // seconds of the run when the last checkpoint was written
};

}  // namespace

Result run(const Objective& problem, const Method& method, const ConstVectorRef& x0,
           const RunOptions& options) {
  require_usable(problem, options);
  require_start(problem, x0);
  return Loop(problem, method, options).begin(x0);
}

Result resume(const Objective& problem, const Method& method,
              const std::filesystem::path& checkpoint, const RunOptions& options) {
  require_usable(problem, options);
  return Loop(problem, method, options)
      .resume(read_checkpoint(checkpoint, method, problem.dimension(), options.observers));
}

}  // namespace thalweg
