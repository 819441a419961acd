// What methods on random batches share: batches from named streams, and when value and gradient are
// measured.
//
// ONE STEP IS ONE UPDATE. Value and gradient norm are those of all samples and are measured once
// per epoch (or every `evaluate` updates) and at the last step; the best point is the best among
// those. `samples` counts the sample evaluations of the updates, not those of the measuring passes.
// With batch = 0 the gradient is the full one: every step is measured, at no extra pass. Where
// batches are worked on in float32 (FiniteSum::batch_rounding), so are the measurements, as one
// batch of all samples: half of the work, and memory for a piece of them only. Their error, some
// 1e-7 of the value, is far below what one update changes.
#pragma once

#include <algorithm>
#include <vector>

#include "thalweg/method/first_order_state.hpp"
#include "thalweg/method/large_step_watch.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

struct SamplingOptions {
  enum class Output { iterate, tail_average };

  std::int64_t batch = 0;           ///< B samples per update; 0: all
  std::int64_t evaluate = 0;        ///< updates from one measurement to the next; 0: one epoch
  Output output = Output::iterate;  ///< what state.x is at a measurement; see TailAverage

  void visit(OptionVisitor& visitor);
  void visit_batches(OptionVisitor& visitor);  ///< all but the output
  void check(OptionChecker& checker) const;
};

/// The mean of the iterates since the last but one power of two, between the last half and the last
/// three quarters of all: forgets the way there, averages the noise, and needs no horizon.
struct TailAverage {
  Vector older, newer;  ///< sums since the last but one, and since the last power of two, (n)
  std::int64_t older_count = 0, newer_count = 0;

  void note(const ConstVectorRef& iterate, std::int64_t t);  ///< the iterate after update t >= 1
  Vector mean() const;
  void visit(StateVisitor& visitor);
  bool is_whole(Index parameters) const;
};

/// Invariant: value and gradient are those of the full f at the point last measured, which is x
/// where since_measured is 0.
struct SampledState : FirstOrderState {
  std::int64_t updates = 0;         ///< t
  std::int64_t since_measured = 0;  ///< samples drawn since the last measurement
  std::int64_t batch_position = 0;  ///< of the stream "batch"
  std::int64_t measurements = 0;    ///< beside the one of the start
  // Where tail averages are the output: x is the average at a measurement, and this the iterate.
  Vector iterate;
  TailAverage average;

  // Recomputed, or overwritten by every update.
  MarginWatch margins;
  std::vector<Index> groups;           ///< as Objective::parameter_groups
  std::int64_t start_evaluations = 0;  ///< passes that the start took besides the first
  Vector batch_gradient;

  void visit(StateVisitor& visitor) override;
};

/// What an update did.
struct Update {
  double stepsize = 0;           ///< multiplier of the gradient that was taken
  std::int64_t drawn = 0;        ///< sample evaluations
  std::int64_t evaluations = 0;  ///< passes over all samples besides
  bool measured = false;         ///< value and gradient at the new x are in the state
  bool due = false;              ///< value and gradient at the new x are wanted now
  std::optional<StopReason> halt = std::nullopt;  ///< x is as before: the run need not go on
};

/// B different samples, ascending, each set of them equally likely; all N where B >= N. Moves
/// `position` of the stream (seed, name) on.
void draw_batch(std::uint64_t seed, std::string_view name, std::int64_t& position, Index samples,
                Index count, std::vector<Index>& batch);

namespace detail {

/// Throws UsageError where the problem is no FiniteSum.
const FiniteSum& require_samples(const Objective& problem, std::string_view method);
std::int64_t gradient_over(const FiniteSum& sum, Index samples, const ConstVectorRef& x,
                           std::uint64_t seed, std::string_view stream, std::int64_t& position,
                           std::int64_t count, Vector& g);
/// Value and gradient of all samples at state.x; of a method on batches in their precision.
void measure_full(const Objective& problem, bool on_batches, SampledState& state);
bool finite(const SampledState& state);
StepRecord describe_sampled(const Objective& problem, const SampledState& state);
/// Whether a measurement is due after an update.
bool is_due(const SamplingOptions& sampling, const SampledState& state, Index samples);
/// Sample evaluations after which a call of step returns even where nothing is due, so that a run
/// can be interrupted and saved in the middle of an epoch.
std::int64_t samples_per_call(Index parameters);
/// The record of x with the steps, passes and samples that led there.
StepRecord with_work(StepRecord record, const StepRecord& made);
/// The record of a run that led to numbers which are not finite and was taken back.
StepRecord taken_back(StepRecord record);
void require_whole_state(bool holds, std::string_view method);

}  // namespace detail

/// Base of the sampled methods: derived ones say what one update does.
template <class StateType>
class SampledMethod : public MethodFor<Objective, StateType> {
 protected:
  explicit SampledMethod(SamplingOptions sampling) : sampling_(sampling) {}

  /// One update of state.x and what goes with it. The gradient of the batch is batch_gradient().
  virtual Update update(const Objective& problem, StateType& state,
                        const Context& context) const = 0;
  /// Fills what the derived state adds, at the start; value and gradient are measured.
  virtual void begin(const Objective& /*problem*/, StateType& /*state*/) const {}
  /// After a restore: forms again what begin() forms and visit() leaves out.
  virtual void restored(const Objective& /*problem*/, StateType& /*state*/) const {}
  /// After value and gradient were measured at state.x.
  virtual void measured(StateType& /*state*/) const {}
  /// A gradient of zero ends no run: the method moves on from stationary points.
  virtual bool leaves_stationary_points() const { return false; }
  /// Adds fields of the derived method to the record of a measured point.
  virtual void annotate(const StateType& /*state*/, StepRecord& /*record*/) const {}
  /// Whether the parts of a restored state fit each other.
  virtual bool is_whole(const StateType& /*state*/) const { return true; }

  bool full_batch() const { return sampling_.batch == 0; }
  /// The full gradient at state.x is known before every update.
  bool knows_gradient() const { return full_batch() && !averages(); }
  bool averages() const { return sampling_.output == SamplingOptions::Output::tail_average; }
  /// The gradient at x over a fresh batch of the stream "batch", written to g: all of it where the
  /// batch is full. Returns the sample evaluations: none where the gradient at state.x is known.
  std::int64_t batch_gradient(const Objective& problem, StateType& state, const Context& context,
                              Vector& g) const;
  /// The gradient at x over `count` samples of another stream; returns their number.
  std::int64_t gradient_over(const Objective& problem, const ConstVectorRef& x,
                             const Context& context, std::string_view stream,
                             std::int64_t& position, std::int64_t count, Vector& g) const {
    return detail::gradient_over(detail::require_samples(problem, this->name()),
                                 problem.sample_count(), x, context.seed, stream, position, count,
                                 g);
  }
  /// The groups of parameters whose norms are taken apart: one, or those of the problem.
  static const std::vector<Index>& groups(const StateType& state, bool apart) {
    static const std::vector<Index> one = {0};
    return apart ? state.groups : one;
  }

  void start(const Objective& problem, StateType& state, Context& context) const final;
  StepRecord advance(const Objective& problem, StateType& state, Context& context) const final;
  StepRecord describe(const Objective& problem, const StateType& state) const final;
  void rebuild(const Objective& problem, StateType& state, Context& context) const final;

 private:
  /// Updates until a measurement is due, or enough for one call.
  StepRecord stretch(const Objective& problem, StateType& state, const Context& context,
                     bool& known) const;

  SamplingOptions sampling_;
};

template <class StateType>
std::int64_t SampledMethod<StateType>::batch_gradient(const Objective& problem, StateType& state,
                                                      const Context& context, Vector& g) const {
  if (knows_gradient()) {
    g = state.gradient;
    return 0;
  }
  if (full_batch()) {
    g.resize(state.x.size());
    problem.value_and_gradient(state.x, g);
    return problem.sample_count();
  }
  return gradient_over(problem, state.x, context, "batch", state.batch_position, sampling_.batch,
                       g);
}

template <class StateType>
void SampledMethod<StateType>::start(const Objective& problem, StateType& state, Context&) const {
  if (!full_batch()) detail::require_samples(problem, this->name());
  detail::measure_full(problem, !full_batch(), state);
  state.margins = MarginWatch(problem);
  state.groups = problem.parameter_groups();
  if (averages()) state.iterate = state.x;
  begin(problem, state);
}

template <class StateType>
StepRecord SampledMethod<StateType>::advance(const Objective& problem, StateType& state,
                                             Context& context) const {
  if (!leaves_stationary_points() && state.since_measured == 0 && state.gradient.isZero(0))
    return resting(describe(problem, state));
  const Vector before = state.x;
  if (averages()) std::swap(state.x, state.iterate);
  bool known = false;  // value and gradient at x
  StepRecord made = stretch(problem, state, context, known);
  if (made.halt) return not_moved(detail::with_work(describe(problem, state), made), *made.halt);
  bool sound = state.x.allFinite();
  if (averages()) {
    std::swap(state.x, state.iterate);
    if (made.measured && sound) state.x = state.average.mean();
  }
  if (!made.measured) return made;
  if (sound) {
    if (!known) detail::measure_full(problem, !full_batch(), state);
    sound = detail::finite(state);
    if (!sound) made.evaluations += 1;
  }
  if (!sound) {
    state.x = before;
    detail::measure_full(problem, !full_batch(), state);
    return detail::taken_back(detail::with_work(describe(problem, state), made));
  }
  state.since_measured = 0;
  state.measurements += 1;
  measured(state);
  StepRecord record = detail::with_work(describe(problem, state), made);
  if (known) record.evaluations -= 1;
  record.stepsize = made.stepsize;
  if (made.updates == 1) record.step_norm = (state.x - before).norm();
  return record;
}

template <class StateType>
StepRecord SampledMethod<StateType>::stretch(const Objective& problem, StateType& state,
                                             const Context& context, bool& known) const {
  StepRecord made;
  made.updates = 0;
  made.evaluations = 0;
  std::int64_t drawn = 0;
  const std::int64_t most = detail::samples_per_call(state.x.size());
  bool due = false;
  do {
    Update update = this->update(problem, state, context);
    state.updates += 1;
    state.since_measured += update.drawn;
    made.updates += 1;
    made.evaluations += update.evaluations;
    made.stepsize = update.stepsize;
    drawn += update.drawn;
    known = update.measured;
    if (averages()) state.average.note(state.x, state.updates);
    if (update.halt) {
      made.halt = std::move(update.halt);
      break;
    }
    due = update.due || knows_gradient() || made.updates == context.steps_left ||
          detail::is_due(sampling_, state, problem.sample_count());
  } while (!due && drawn < most);
  // Numbers that are not finite end the run, so they are looked at in any case.
  made.measured = due || !state.x.allFinite();
  made.value = state.value;
  if (!knows_gradient()) made.drawn = drawn;
  return made;
}

template <class StateType>
StepRecord SampledMethod<StateType>::describe(const Objective& problem,
                                              const StateType& state) const {
  StepRecord record = detail::describe_sampled(problem, state);
  if (!knows_gradient()) record.drawn = 0;
  annotate(state, record);
  return record;
}

template <class StateType>
void SampledMethod<StateType>::rebuild(const Objective& problem, StateType& state, Context&) const {
  if (!full_batch()) detail::require_samples(problem, this->name());
  detail::require_whole_state(
      state.gradient.size() == state.x.size() && state.updates >= 0 && state.since_measured >= 0 &&
          state.batch_position >= 0 && state.measurements >= 0 && is_whole(state) &&
          (!averages() ||
           (state.iterate.size() == state.x.size() && state.average.is_whole(state.x.size()))),
      this->name());
  state.margins = MarginWatch(problem);
  state.groups = problem.parameter_groups();
  restored(problem, state);
}

}  // namespace thalweg
