// A restored state whose parts do not fit each other is refused before anything is computed from
// it: checkpoints are files, and files can be forged.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/method/adapted_flow.hpp"
#include "thalweg/method/gauss_newton.hpp"
#include "thalweg/method/levenberg_marquardt.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/robust_losses.hpp"

namespace thalweg {
namespace {

// A network of 25 parameters on `samples` random rows.
struct Fit {
  Network network{{.inputs = 2, .hidden = {6}, .outputs = 1}};
  Matrix inputs, targets;

  explicit Fit(Index samples) {
    RandomStream random(3, "fit");
    inputs = random.normal_vector(2 * samples).reshaped(samples, 2);
    targets = random.normal_vector(samples);
  }
  CompositeObjective squared() const {
    return {network.on(inputs), std::make_shared<SquaredLoss>(targets)};
  }
  CompositeObjective huber() const {
    return {network.on(inputs), std::make_shared<HuberLoss>(targets, 1)};
  }
  Vector start() const { return network.initial_parameters(1); }
};

// The state after two steps, changed, and restored.
template <class StateType>
void restore(const Method& method, const CompositeObjective& problem, const Vector& x0,
             const std::function<void(StateType&)>& change) {
  Context context;
  const auto state = method.init(problem, x0, context);
  for (int k = 0; k < 2; ++k) method.step(problem, *state, context);
  change(dynamic_cast<StateType&>(*state));
  method.restore(problem, *state, context);
}

template <class StateType>
void expect_refused(const Method& method, const CompositeObjective& problem, const Vector& x0,
                    const std::vector<std::function<void(StateType&)>>& changes) {
  EXPECT_NO_THROW(restore<StateType>(method, problem, x0, [](StateType&) {}));
  for (std::size_t k = 0; k < changes.size(); ++k)
    EXPECT_THROW(restore<StateType>(method, problem, x0, changes[k]), DataError) << "change " << k;
}

TEST(RestoredState, AdaptedFlow) {
  using State = AdaptedFlowState;
  const Fit fit(8);
  const std::vector<std::function<void(State&)>> changes{
      [](State& s) { s.x.resize(3); },
      [](State& s) { s.initial_residual.resize(0); },
      [](State& s) { s.initial_residual = Vector::Ones(7); },
      [](State& s) { s.initial_residual = Vector::Ones(9); },
  };
  AdaptedFlow::Options tau;
  tau.integrator = AdaptedFlow::Integrator::tau;
  expect_refused<State>(AdaptedFlow(), fit.squared(), fit.start(), changes);
  expect_refused<State>(AdaptedFlow(tau), fit.squared(), fit.start(), changes);
  // A loss without a law has no line to be on.
  expect_refused<State>(
      AdaptedFlow(), fit.huber(), fit.start(),
      {[](State& s) { s.initial_residual = Vector::Ones(8); }, [](State& s) { s.on_line = true; }});
}

TEST(RestoredState, TheTauRuleNeedsASquaredLossAfterARestoreToo) {
  const Fit fit(8);
  AdaptedFlow::Options options;
  options.integrator = AdaptedFlow::Integrator::tau;
  const AdaptedFlow flow(options);
  const CompositeObjective squared = fit.squared(), huber = fit.huber();
  Context context;
  const auto state = flow.init(squared, fit.start(), context);
  EXPECT_THROW(flow.restore(huber, *state, context), UsageError);
}

TEST(RestoredState, LevenbergMarquardt) {
  using State = LevenbergMarquardtState;
  const Fit fit(60);  // fewer parameters than outputs: columns are scaled
  const auto n = fit.start().size();
  expect_refused<State>(
      LevenbergMarquardt(), fit.squared(), fit.start(),
      {[](State& s) { s.x.resize(3); }, [](State& s) { s.scaling = Vector::Ones(3); },
       [n](State& s) { s.scaling = Vector::Ones(n + 1); }, [](State& s) { s.scaling[1] = 0; },
       [](State& s) { s.scaling[1] = -1; }, [](State& s) { s.scaling[1] = std::nan(""); }});
  // The normal equations are not scaled.
  expect_refused<State>(LevenbergMarquardt({.solver = StepSolver::normal}), fit.squared(),
                        fit.start(), {[n](State& s) { s.scaling = Vector::Ones(n); }});
}

TEST(RestoredState, GaussNewton) {
  const Fit fit(60);
  expect_refused<GaussNewtonState>(
      GaussNewton(), fit.squared(), fit.start(),
      {[](GaussNewtonState& s) { s.x.resize(3); },
       [](GaussNewtonState& s) { s.x = Vector::Ones(s.x.size() + 1); }});
}

}  // namespace
}  // namespace thalweg
