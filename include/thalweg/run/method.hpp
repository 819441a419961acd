// The abstract method: pure options outside, an explicit state inside. `run` owns these types;
// `method/` implements them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/problem/composite_objective.hpp"
#include "thalweg/run/outcome.hpp"

namespace thalweg {

/// What one step did. Every field is measured at state.x AFTER the step; what was not measured is
/// absent.
struct StepRecord {
  std::int64_t iteration =
      0;  ///< steps done so far, rejected ones included; set by the loop; 0 is the start
  bool accepted = true;  ///< false: the trial was rejected and state.x is as before
  double value = 0;      ///< f(x)
  std::optional<double> gradient_norm;
  std::optional<double> step_norm;  ///< |x+ - x|, 0 for a rejected trial
  std::optional<double> stepsize;
  std::optional<double> damping;
  std::optional<double> gain_ratio;  ///< actual / predicted decrease
  std::optional<double> flow_time;   ///< s, total
  std::optional<double> sigma_min;   ///< smallest resolved singular value of J at x
  std::optional<double>
      predicted;  ///< the value the theory predicts here, for the rate certificate
  std::optional<double>
      deviation;  ///< distance of the outputs from the predicted line, relative to its length
  std::optional<double> log_value;  ///< ln f(x), where value may underflow
  // Of large-step methods; see their headers.
  std::optional<double> training_error;      ///< share of samples whose margin is not above 0
  std::optional<double> margin;              ///< smallest margin at x over |x| and the row norm
  std::optional<double> average_log_value;   ///< ln of the loss at the averaged iterate
  std::optional<double> last_log_value;      ///< ln of the loss at the last iterate
  std::optional<double> bound_log_value;     ///< ln of what the theory promises for this step
  std::optional<double> transition_step;     ///< first step with f <= 1/eta so far
  std::optional<double> last_increase_step;  ///< last step whose value rose so far; 0: never
  // Of methods that leave saddles.
  std::optional<double> escapes;             ///< moves made so far to leave a stationary point
  std::optional<double> smallest_curvature;  ///< Ritz value of the Hessian, measured in this step
  /// Of a perturbation made in this step at a degenerate point, where no theory sets it.
  std::optional<double> heuristic_radius;
  std::optional<double> validation;  ///< set by the loop where it was evaluated
  std::int64_t evaluations =
      0;  ///< passes over the data in this step (values, gradients, linearizations)
  std::int64_t samples = 0;  ///< sample evaluations so far; set by the loop
  // A sampled method measures value and gradient norm only once in a while, so that one record
  // stands for the steps since the last one.
  std::int64_t updates = 1;  ///< steps that this record stands for
  /// Sample evaluations of these steps, where they are not whole passes over the data. They alone
  /// count as samples then, not the passes that measure.
  std::optional<std::int64_t> drawn;
  bool measured = true;  ///< false: value and the rest are not those at x, and are not recorded
  double seconds = 0;    ///< since the run began, over all its parts; set by the loop
  std::optional<StopReason> halt;  ///< the method itself cannot or need not go on, and why
};

/// Writes or reads the fields of a state by name; see State::visit.
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  virtual void field(const std::string& name, Vector& v) = 0;
  virtual void field(const std::string& name, Matrix& m) = 0;
  virtual void field(const std::string& name, double& v) = 0;
  virtual void field(const std::string& name, std::int64_t& v) = 0;
  virtual void field(const std::string& name, bool& v) = 0;
};

/// Everything that changes during a run. Invariant: value (and what a derived state adds) is
/// measured at x.
struct State {
  virtual ~State() = default;
  Vector x;
  double value = 0;

  /// Visits every field that cannot be recomputed from x; a derived state calls the base first.
  /// What can be recomputed bit for bit from x (a gradient, a linearization) is left to
  /// Method::restore.
  virtual void visit(StateVisitor& visitor) {
    visitor.field("x", x);
    visitor.field("value", value);
  }
};

/// What a step may use besides problem and state.
struct Context {
  std::uint64_t seed =
      0;  ///< streams are RandomStream(seed, name); their positions belong into the state
  double memory_limit = 0;  ///< bytes a method may allocate; 0: no limit
  /// Steps until the run surely ends, set by the loop: a sampled method measures there at the
  /// latest. 0: not known.
  std::int64_t steps_left = 0;
};

/// A method is its options: const after construction, shared between threads.
class Method {
 public:
  virtual ~Method() = default;

  virtual std::string_view name() const = 0;
  /// Throws UsageError when the problem lacks what the method needs.
  virtual std::unique_ptr<State> init(const Objective& problem, const ConstVectorRef& x0,
                                      Context& context) const = 0;
  /// The record of the start: value, gradient norm and so on at x0, as a step would report them.
  virtual StepRecord start_record(const Objective& problem, const State& state) const = 0;
  /// One step, or for sampled methods several, up to the next measurement or a part of the way.
  virtual StepRecord step(const Objective& problem, State& state, Context& context) const = 0;
  /// An empty state of this method's type, to be filled by visit and then made whole by restore.
  virtual std::unique_ptr<State> blank_state() const = 0;
  /// Recomputes from state.x what visit left out, so that the next step is bit for bit the one of
  /// the saved run.
  virtual void restore(const Objective& problem, State& state, Context& context) const = 0;
};

/// The problem as the capability a method needs, or a UsageError that says what is missing.
template <class Capability>
const Capability& require(const Objective& problem, std::string_view method,
                          std::string_view what) {
  if (const auto* capable = dynamic_cast<const Capability*>(&problem)) return *capable;
  throw UsageError(
      std::string(method) + " needs " + std::string(what) + ", which this problem does not offer",
      "choose a first-order method such as lbfgs");
}

/// Typed base: derived methods implement start / advance / describe / rebuild with their own state
/// and problem types.
template <class ProblemType, class StateType>
class MethodFor : public Method {
 public:
  std::unique_ptr<State> init(const Objective& problem, const ConstVectorRef& x0,
                              Context& context) const final {
    auto state = std::make_unique<StateType>();
    state->x = x0;
    start(cast(problem), *state, context);
    return state;
  }
  StepRecord start_record(const Objective& problem, const State& state) const final {
    return describe(cast(problem), static_cast<const StateType&>(state));
  }
  StepRecord step(const Objective& problem, State& state, Context& context) const final {
    return advance(cast(problem), static_cast<StateType&>(state), context);
  }
  std::unique_ptr<State> blank_state() const final { return std::make_unique<StateType>(); }
  void restore(const Objective& problem, State& state, Context& context) const final {
    rebuild(cast(problem), static_cast<StateType&>(state), context);
  }

 protected:
  /// Fills the state at state.x = x0.
  virtual void start(const ProblemType& problem, StateType& state, Context& context) const = 0;
  /// One step.
  virtual StepRecord advance(const ProblemType& problem, StateType& state,
                             Context& context) const = 0;
  /// The record fields that belong to state.x, without moving.
  virtual StepRecord describe(const ProblemType& problem, const StateType& state) const = 0;
  /// Recomputes from state.x what visit left out.
  virtual void rebuild(const ProblemType& problem, StateType& state, Context& context) const = 0;

 private:
  const ProblemType& cast(const Objective& problem) const {
    if constexpr (std::is_same_v<ProblemType, Objective>) {
      return problem;
    } else {
      return require<ProblemType>(problem, name(),
                                  "the outputs and Jacobian of a model (a CompositeObjective)");
    }
  }
};

}  // namespace thalweg
