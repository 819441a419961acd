// The adapted flow against its theory, and against an independent integration in scipy.
#include "thalweg/method/adapted_flow.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <Eigen/SVD>
#include <cmath>
#include <filesystem>
#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/robust_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using Options = AdaptedFlow::Options;
using Integrator = AdaptedFlow::Integrator;
using OutputMetric = AdaptedFlow::OutputMetric;

// One hidden tanh layer on two inputs; everything from formulas, so that the same problem was posed
// to numpy and scipy.
struct Formula {
  Index samples = 8, width = 10;
  Matrix inputs, targets;
  Network network;

  explicit Formula(Index n = 8, Index w = 10)
      : samples(n),
        width(w),
        inputs(n, 2),
        targets(n, 1),
        network({.inputs = 2, .hidden = {w}, .outputs = 1}) {
    for (Index i = 0; i < n; ++i) {
      const auto t = static_cast<double>(i);
      inputs(i, 0) = std::cos(0.9 * t + 0.2);
      inputs(i, 1) = std::sin(1.3 * t);
      targets(i, 0) = std::sin(2.1 * t + 0.5);
    }
  }
  void conflicting_pair() {  // rows 6 and 7: equal inputs, targets 1.5 apart
    inputs.row(7) = inputs.row(6);
    targets(7, 0) = targets(6, 0) + 1.5;
  }
  Vector start() const {
    Vector x(network.parameter_count());
    for (Index k = 0; k < x.size(); ++k) x[k] = 0.8 * std::sin(1.7 * static_cast<double>(k) + 0.3);
    return x;
  }
  CompositeObjective squared() const {
    return {network.on(inputs), std::make_shared<SquaredLoss>(targets)};
  }
  CompositeObjective huber(double delta) const {
    return {network.on(inputs), std::make_shared<HuberLoss>(targets, delta)};
  }
  CompositeObjective cross_entropy() const {
    std::vector<int> labels;
    for (Index i = 0; i < samples; ++i) labels.push_back(targets(i, 0) > 0 ? 1 : 0);
    return {network.on(inputs), std::make_shared<CrossEntropyLoss>(labels, 2)};
  }
};

Result run_flow(const CompositeObjective& problem, const Options& options, const Vector& x0,
                std::int64_t steps = 2000) {
  RunOptions how;
  how.stop = max_steps(steps);
  return run(problem, AdaptedFlow(options), x0, how);
}

const StepRecord& last(const Result& result) { return result.trace.back(); }

// --- pure functions ---

TEST(FlowTime, IsWhereTheLawMeetsTheTarget) {
  EXPECT_DOUBLE_EQ(flow_time_to(8, 1, 1e-8), 4 * std::log(1e8));
  EXPECT_NEAR(flow_time_to(8, 1, 1e-8), 73.682723, 5e-7);
  EXPECT_EQ(flow_time_to(8, 1, 2), 0);
  for (double target : {0.5, 1e-3, 1e-12})
    EXPECT_NEAR(flow_value_at(50, 3, flow_time_to(50, 3, target)) / target, 1, 1e-12);
}

TEST(TauRuleSteps, CountsBothPhases) {
  // sigma^2/beta = 1/2. From 10: phase A loses at least 1/4 per step down to 1/2, 38 steps; from
  // q = 1/2, q -> q^2 reaches q = 1e-6 / (2/2) = 1e-6 after ceil(log2(log2(1e6))) = 5.
  EXPECT_EQ(tau_rule_steps(1, 2, 10, 1e-6), 43);
  EXPECT_EQ(tau_rule_steps(1, 2, 10, 2), 32);    // the target lies in phase A
  EXPECT_EQ(tau_rule_steps(1, 0, 10, 1e-6), 1);  // a linear model
  EXPECT_EQ(tau_rule_steps(1, 2, 1, 1), 0);
}

// --- the law under the rank condition ---

TEST(AdaptedFlowLaw, ParametersAgreeWithAnIndependentIntegration) {
  // scipy DOP853 at rtol 1e-12 on x' = -pinv(J)(y - t)/N to s = 4 ln(1e4).
  const Formula data;
  Options options;
  options.tolerance = 1e-9;
  options.flow_time = flow_time_to(8, 1, 1e-4);
  const Result result = run_flow(data.squared(), options, data.start());
  EXPECT_NEAR(result.trace.front().value, 0.84593090046611008, 1e-14);
  const std::vector<std::pair<Index, double>> expected{{0, 0.408416357306},
                                                       {7, -0.4178502800115},
                                                       {21, -0.7667150699252},
                                                       {35, -0.2226594769475},
                                                       {40, 0.2243496648363}};
  for (const auto& [k, value] : expected) EXPECT_NEAR(result.last[k], value, 1e-7);
  EXPECT_NEAR(result.last.norm(), 4.79235049376295, 1e-7);
}

TEST(AdaptedFlowLaw, ValueFollowsTheExponentialAndTheLine) {
  const Formula data;
  const CompositeObjective problem = data.squared();
  for (const double ratio : {1e-2, 1e-8, 1e-12}) {
    Options options;
    options.flow_time =
        flow_time_to(8, problem.value(data.start()), ratio * problem.value(data.start()));
    const Result result = run_flow(problem, options, data.start());
    EXPECT_EQ(last(result).flow_time, options.flow_time);  // landed on it, not past it
    EXPECT_NEAR(result.value / (ratio * result.trace.front().value), 1, 0.002);
    EXPECT_EQ(result.reason.criterion, "flow-time");
    EXPECT_EQ(result.reason.outcome, Outcome::converged);
    for (const StepRecord& record : result.trace) {
      EXPECT_LE(record.deviation.value(), 1e-6);
      EXPECT_NEAR(record.value / record.predicted.value(), 1, 0.0021);
    }
  }
}

TEST(AdaptedFlowLaw, RecordsAreMeasuredAtThePoint) {
  const Formula data;
  const CompositeObjective problem = data.squared();
  const AdaptedFlow flow;
  Context context;
  const auto state = flow.init(problem, data.start(), context);
  for (int k = 0; k < 6; ++k) {
    const StepRecord record = flow.step(problem, *state, context);
    Vector g(problem.dimension());
    EXPECT_DOUBLE_EQ(record.value, problem.value_and_gradient(state->x, g));
    EXPECT_NEAR(record.gradient_norm.value(), g.norm(), 1e-12 * g.norm());
    const Eigen::JacobiSVD<Matrix> svd(problem.model().linearize(state->x)->jacobian());
    EXPECT_NEAR(record.sigma_min.value(), svd.singularValues()[7], 1e-2 * svd.singularValues()[7]);
  }
}

TEST(AdaptedFlowLaw, ALinearModelNeedsOnlyTheStepsThatShowThePath) {
  RandomStream random(1, "linear-model");
  Matrix inputs(4, 6), targets(4, 1);
  for (Index i = 0; i < 4; ++i) inputs.row(i) = random.normal_vector(6).transpose();
  targets.col(0) = random.normal_vector(4);
  const CompositeObjective problem(Network({.inputs = 6, .hidden = {}}).on(inputs),
                                   std::make_shared<SquaredLoss>(targets));
  Options options;
  options.flow_time = flow_time_to(4, 1, 1e-8);
  const Result result = run_flow(problem, options, Vector::Zero(7));
  for (const StepRecord& record : result.trace) {
    EXPECT_TRUE(record.accepted);
    EXPECT_LE(record.deviation.value(), 1e-13);
  }
  EXPECT_LE(result.steps, 15);  // 9.2 e-folds, each step at most one
}

TEST(AdaptedFlowLaw, LossHessianMetricOfASquaredLossHasRateOne) {
  const Formula data;
  Options options;
  options.metric = OutputMetric::loss_hessian;
  options.flow_time = flow_time_to(1, 1, 1e-8);
  const Result result = run_flow(data.squared(), options, data.start());
  EXPECT_NEAR(result.value / (1e-8 * result.trace.front().value), 1, 0.002);
}

TEST(AdaptedFlowLaw, TighterToleranceMeansSmallerError) {
  const Formula data;
  double previous = 1;
  for (const double tolerance : {1e-4, 1e-6, 1e-8, 1e-10}) {
    Options options;
    options.tolerance = tolerance;
    options.flow_time = flow_time_to(8, 1, 1e-2);
    const Result result = run_flow(data.squared(), options, data.start());
    double worst = 0;
    for (const StepRecord& record : result.trace) worst = std::max(worst, record.deviation.value());
    EXPECT_LE(worst, tolerance * (1 + 1e-9));
    EXPECT_LT(worst, previous);
    previous = worst;
  }
}

// --- rank loss ---

TEST(AdaptedFlowRankLoss, ConflictingPairEndsAtItsFloor) {
  Formula data;
  data.conflicting_pair();
  const double floor = 1.5 * 1.5 / (4 * 8);  // (t6 - t7)^2 / (4N)
  const Result result = run_flow(data.squared(), {}, data.start());
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(result.reason.criterion, "rank-loss floor");
  EXPECT_NEAR(result.value / floor, 1, 1e-6);
  EXPECT_FALSE(last(result).predicted.has_value());
  EXPECT_NEAR(result.reason.threshold.value() / floor, 1, 2e-6);
}

TEST(AdaptedFlowRankLoss, PathAgreesWithAnIndependentIntegration) {
  // scipy DOP853 at rtol 1e-12 with a truncated pinv, to s = 40.
  Formula data;
  data.conflicting_pair();
  Options options;
  options.tolerance = 1e-10;
  options.flow_time = 40;
  const Result result = run_flow(data.squared(), options, data.start());
  EXPECT_NEAR(last(result).value, 0.07037102811895, 1e-9);
  EXPECT_NEAR(result.last[0], 0.135094736698, 1e-7);
  EXPECT_NEAR(result.last[40], 0.319699558138, 1e-7);
  EXPECT_EQ(result.reason.criterion, "flow-time");
  EXPECT_EQ(result.reason.outcome, Outcome::budget_exhausted);  // no promise without full rank
}

TEST(AdaptedFlowRankLoss, AllZeroStartIsAPlateauOfRankOne) {
  const Formula data;
  const CompositeObjective problem = data.squared();
  const Result result = run_flow(problem, {}, Vector::Zero(problem.dimension()));
  const double mean = data.targets.mean();
  const double plateau = (data.targets.array() - mean).square().sum() / 16;  // var / 2
  EXPECT_EQ(result.reason.criterion, "rank-loss plateau");
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_NE(result.reason.advice.find("rank 1 of 8"), std::string::npos) << result.reason.advice;
  EXPECT_NEAR(result.value / plateau, 1, 1e-6);
}

// The flow halts at its start, before any step: that is where escape has to see it.
TEST(AdaptedFlowRankLoss, AnAllZeroStartIsLeftByEscape) {
  const Formula data;
  const CompositeObjective problem = data.squared();
  const auto method = find_method("adapted-flow").make({{"escape", "on"}});
  RunOptions how;
  how.stop = target_loss(1e-10) | max_steps(2000);
  const Result result = run(problem, *method, Vector::Zero(problem.dimension()), how);
  EXPECT_LE(result.value, 1e-10) << result.reason.criterion;
  EXPECT_GE(last(result).escapes.value_or(0), 1);
}

// --- under-parametrized ---

TEST(AdaptedFlowUnder, PathAgreesWithAnIndependentIntegration) {
  const Formula data(20, 2);  // 9 parameters, 20 outputs, condition 578
  Options options;
  options.tolerance = 1e-10;
  options.flow_time = 1;
  const Result result = run_flow(data.squared(), options, data.start());
  EXPECT_NEAR(result.trace.front().value, 0.2789256949412, 1e-12);
  EXPECT_NEAR(last(result).value, 0.2665067832911, 1e-9);
  EXPECT_NEAR(result.last[3], -1.81988914846, 1e-6);
  EXPECT_FALSE(last(result).predicted.has_value());
}

TEST(AdaptedFlowUnder, ALinearModelEndsAtItsLeastSquaresSolution) {
  const Formula data(20, 2);
  const Network linear({.inputs = 2, .hidden = {}});
  const CompositeObjective problem(linear.on(data.inputs),
                                   std::make_shared<SquaredLoss>(data.targets));
  const Result result = run_flow(problem, {}, Vector::Zero(3));
  Matrix design(20, 3);
  design << data.inputs, Vector::Ones(20);
  const Vector solution =
      Eigen::JacobiSVD<Matrix>(design, Eigen::ComputeThinU | Eigen::ComputeThinV)
          .solve(data.targets.col(0));
  const double floor = (design * solution - data.targets.col(0)).squaredNorm() / 40;
  EXPECT_EQ(result.reason.criterion, "first-order");
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_NEAR(result.value / floor, 1, 1e-6);
}

// --- other losses ---

TEST(AdaptedFlowLosses, AgreeWithAnIndependentIntegration) {
  const Formula data;
  struct Case {
    const char* name;
    CompositeObjective problem;
    OutputMetric metric;
    double flow_time, value, first, final_parameter;
  };
  const Case cases[] = {
      {"cross-entropy", data.cross_entropy(), OutputMetric::euclidean, 40, 0.2348749739135,
       0.538678135997, 0.545114156056},
      {"cross-entropy, its Hessian", data.cross_entropy(), OutputMetric::loss_hessian, 2,
       0.08585007039682, 0.770241872898, 0.918305624861},
      {"Huber", data.huber(0.5), OutputMetric::euclidean, 20, 0.04257846543481, 0.345125807567,
       0.12728540896},
  };
  for (const Case& c : cases) {
    Options options;
    options.metric = c.metric;
    options.tolerance = 1e-9;
    options.flow_time = c.flow_time;
    const Result result = run_flow(c.problem, options, data.start());
    EXPECT_NEAR(last(result).value, c.value, 1e-7) << c.name;
    EXPECT_NEAR(result.last[0], c.first, 1e-6) << c.name;
    EXPECT_NEAR(result.last[40], c.final_parameter, 1e-6) << c.name;
  }
}

TEST(AdaptedFlowLosses, NewtonMetricShrinksTheOutputGradientAtRateOne) {
  // METHODS of the page: at full rank grad L(y(s)) = e^{-s} grad L(y(0)) in the metric of the loss.
  const Formula data;
  const CompositeObjective problem = data.cross_entropy();
  Options options;
  options.metric = OutputMetric::loss_hessian;
  options.tolerance = 1e-8;
  options.flow_time = 3;
  const Result result = run_flow(problem, options, data.start());
  const auto gradient = [&](const Vector& x) {
    Vector y(8), g(8);
    problem.model().outputs(x, y);
    problem.loss().gradient(y, g);
    return g;
  };
  const Vector first = gradient(data.start()), end = gradient(result.last);
  EXPECT_LE((end - std::exp(-3.0) * first).norm(), 1e-5 * end.norm());
}

TEST(AdaptedFlowLosses, SoftmaxRunsInBothMetrics) {
  const Formula data;
  const Network network({.inputs = 2, .hidden = {16}, .outputs = 3});
  const CompositeObjective problem(
      network.on(data.inputs),
      std::make_shared<CrossEntropyLoss>(std::vector<int>{0, 1, 2, 0, 1, 2, 0, 1}, 3));
  for (const OutputMetric metric : {OutputMetric::euclidean, OutputMetric::loss_hessian}) {
    Options options;
    options.metric = metric;
    options.flow_time = metric == OutputMetric::euclidean ? 100 : 5;
    const Result result = run_flow(problem, options, network.initial_parameters(1));
    EXPECT_EQ(last(result).flow_time, options.flow_time);
    EXPECT_LT(result.value, 0.1 * result.trace.front().value);
  }
}

// --- the tau rule ---

// y_i = sum_k (A_ik x_k + c_i x_k^2 / 2 ...): a quadratic map with a known Lipschitz constant of
// its Jacobian: J(x) = A + diag(c) [x'; x'; ...], so |J(x) - J(z)| <= |c| |x - z|.
class QuadraticMap final : public OutputModel {
 public:
  QuadraticMap(Matrix a, Vector c) : a_(std::move(a)), c_(std::move(c)) {}
  Index parameter_count() const override { return a_.cols(); }
  Index output_count() const override { return a_.rows(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    y = a_ * x + 0.5 * x.squaredNorm() * c_;
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    Vector y(output_count());
    outputs(x, y);
    return std::make_unique<DenseLinearization>(y, a_ + c_ * x.transpose());
  }
  double lipschitz() const { return c_.norm(); }

 private:
  Matrix a_;
  Vector c_;
};

RC_GTEST_PROP(TauRule, StepsStayWithinTheAPrioriCount, ()) {
  RandomStream random(*rc::gen::inRange<std::uint64_t>(0, 1000000), "tau-rule");
  const Index m = 3, n = 6;
  Matrix a(m, n), targets(m, 1);
  for (Index i = 0; i < m; ++i) a.row(i) = random.normal_vector(n).transpose();
  targets.col(0) = 3 * random.normal_vector(m);
  const auto model = std::make_shared<QuadraticMap>(a, 0.3 * random.normal_vector(m));
  const CompositeObjective problem(model, std::make_shared<SquaredLoss>(targets));
  Options options;
  options.integrator = Integrator::tau;
  options.curvature = model->lipschitz();

  const double target = 1e-9;  // of |e|
  const AdaptedFlow flow(options);
  Context context;
  const auto state = flow.init(problem, Vector::Zero(n), context);
  const auto residual = [&](double value) { return std::sqrt(2 * m * value); };
  const auto smallest = [&](const Vector& x) {
    return Eigen::JacobiSVD<Matrix>(problem.model().linearize(x)->jacobian())
        .singularValues()[m - 1];
  };
  const double initial = residual(state->value);
  double sigma = smallest(state->x);
  std::int64_t steps = 0;
  while (residual(state->value) > target && steps < 20000) {
    const double before = residual(state->value);
    const StepRecord record = flow.step(problem, *state, context);
    ++steps;
    RC_ASSERT(record.accepted);  // a true Lipschitz constant never fails its own bound
    RC_ASSERT(residual(record.value) <= (1 - *record.stepsize / 2) * before + 1e-12);
    sigma = std::min(sigma, smallest(state->x));
    if (record.halt || sigma < 1e-6) break;
  }
  const bool met_a_fold = residual(state->value) > target;
  RC_CLASSIFY(met_a_fold, "met a fold");
  if (met_a_fold)
    RC_ASSERT(sigma < 1e-4);  // no bound there, and nothing else may end the run
  else
    RC_ASSERT(static_cast<double>(steps) <=
              tau_rule_steps(sigma, options.curvature, initial, target));
}

TEST(TauRule, MeasuresTheCurvatureAndEndsQuadratically) {
  const Formula data;
  const CompositeObjective problem = data.squared();
  Options options;
  options.integrator = Integrator::tau;
  RunOptions how;
  how.stop = target_loss(1e-20) | max_steps(500);
  const Result result = run(problem, AdaptedFlow(options), data.start(), how);
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(last(result).stepsize, 1.0);
  EXPECT_FALSE(last(result).predicted.has_value());
  for (std::size_t k = 1; k < result.trace.size(); ++k)
    EXPECT_LE(result.trace[k].value, result.trace[k - 1].value);
}

TEST(TauRule, ALinearModelIsSolvedInOneStep) {
  const Formula data(3, 1);
  const CompositeObjective problem(Network({.inputs = 2, .hidden = {}}).on(data.inputs),
                                   std::make_shared<SquaredLoss>(data.targets));
  Options options;
  options.integrator = Integrator::tau;
  const Result result = run_flow(problem, options, Vector::Zero(3));
  EXPECT_EQ(result.steps, 1);
  EXPECT_EQ(result.reason.criterion, "output precision");
  EXPECT_LE(result.value, 1e-28);
}

TEST(TauRule, RefusesALossThatIsNotSquared) {
  Options options;
  options.integrator = Integrator::tau;
  const Formula data;
  Context context;
  EXPECT_THROW(AdaptedFlow(options).init(data.huber(1), data.start(), context), UsageError);
}

// --- what a run costs ---

// Counts the passes over the data made through a model.
class Counted final : public OutputModel {
 public:
  explicit Counted(std::shared_ptr<const OutputModel> inner) : inner_(std::move(inner)) {}
  Index parameter_count() const override { return inner_->parameter_count(); }
  Index output_count() const override { return inner_->output_count(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    ++passes;
    inner_->outputs(x, y);
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    ++passes;
    return inner_->linearize(x);
  }
  mutable std::int64_t passes = 0;

 private:
  std::shared_ptr<const OutputModel> inner_;
};

TEST(AdaptedFlowCost, EveryPassOverTheDataIsCounted) {
  Formula full, conflicting;
  conflicting.conflicting_pair();
  const Formula under(20, 2);
  Options tau;
  tau.integrator = Integrator::tau;
  Options known = tau;
  known.curvature = 1;
  const Vector start = full.start(), equal = Vector::Zero(start.size());
  struct Case {
    const char* name;
    const Formula& data;
    Options options;
    Vector x0;
  };
  for (const Case& c :
       {Case{"full rank", full, {}, start}, Case{"tau", full, tau, start},
        Case{"tau, curvature given", full, known, start}, Case{"floor", conflicting, {}, start},
        Case{"floor by tau", conflicting, tau, start}, Case{"plateau", full, {}, equal},
        Case{"fewer parameters", under, {}, under.start()}}) {
    const auto model = std::make_shared<Counted>(c.data.network.on(c.data.inputs));
    const CompositeObjective problem(model, std::make_shared<SquaredLoss>(c.data.targets));
    const Result result = run_flow(problem, c.options, c.x0, 300);
    EXPECT_EQ(result.evaluations, model->passes) << c.name << ": " << result.reason.criterion;
  }
}

TEST(AdaptedFlowCost, AStepAfterTheEndTakesNoPassAndKeepsNothing) {
  const Formula data;
  const auto model = std::make_shared<Counted>(data.network.on(data.inputs));
  const CompositeObjective problem(model, std::make_shared<SquaredLoss>(data.targets));
  Options options;
  options.flow_time = 0.1;
  const AdaptedFlow flow(options);
  Context context;
  const auto state = flow.init(problem, data.start(), context);
  while (!flow.step(problem, *state, context).halt) {
  }
  const std::int64_t passes = model->passes;
  const StepRecord record = flow.step(problem, *state, context);
  ASSERT_TRUE(record.halt.has_value());
  EXPECT_FALSE(record.accepted);
  EXPECT_EQ(record.step_norm, 0.0);
  EXPECT_EQ(record.evaluations, 0);
  EXPECT_EQ(model->passes, passes);
}

// --- the state ---

class Collect final : public StateVisitor {
 public:
  std::map<std::string, std::vector<double>> fields;
  void field(const std::string& name, Vector& v) override {
    fields[name].assign(v.data(), v.data() + v.size());
  }
  void field(const std::string& name, Matrix& m) override {
    fields[name].assign(m.data(), m.data() + m.size());
  }
  void field(const std::string& name, double& v) override { fields[name] = {v}; }
  void field(const std::string& name, std::int64_t& v) override {
    fields[name] = {static_cast<double>(v)};
  }
  void field(const std::string& name, bool& v) override { fields[name] = {v ? 1.0 : 0.0}; }
};

class Restore final : public StateVisitor {
 public:
  explicit Restore(std::map<std::string, std::vector<double>> fields)
      : fields_(std::move(fields)) {}
  void field(const std::string& name, Vector& v) override {
    const auto& saved = fields_.at(name);
    v = Eigen::Map<const Vector>(saved.data(), static_cast<Index>(saved.size()));
  }
  void field(const std::string&, Matrix&) override { FAIL() << "the flow saves no matrix"; }
  void field(const std::string& name, double& v) override { v = fields_.at(name)[0]; }
  void field(const std::string& name, std::int64_t& v) override {
    v = static_cast<std::int64_t>(fields_.at(name)[0]);
  }
  void field(const std::string& name, bool& v) override { v = fields_.at(name)[0] != 0; }

 private:
  std::map<std::string, std::vector<double>> fields_;
};

TEST(AdaptedFlowState, ARestoredRunGoesOnBitForBit) {
  Formula full, conflicting;
  conflicting.conflicting_pair();
  const Formula under(20, 2);
  Options tau;
  tau.integrator = Integrator::tau;
  const std::pair<const Formula*, Options> cases[] = {
      {&full, {}}, {&full, tau}, {&conflicting, {}}, {&under, {}}};
  for (const auto& [data, options] : cases) {
    const CompositeObjective problem = data->squared();
    const AdaptedFlow flow(options);
    Context context;
    const auto whole = flow.init(problem, data->start(), context);
    for (int k = 0; k < 5; ++k) flow.step(problem, *whole, context);

    Collect saved;
    whole->visit(saved);
    const auto resumed = flow.blank_state();
    Restore restore(saved.fields);
    resumed->visit(restore);
    flow.restore(problem, *resumed, context);

    for (int k = 0; k < 5; ++k) {
      const StepRecord a = flow.step(problem, *whole, context);
      const StepRecord b = flow.step(problem, *resumed, context);
      ASSERT_EQ(a.value, b.value);
      ASSERT_EQ(a.stepsize, b.stepsize);
      ASSERT_EQ(a.deviation, b.deviation);
      ASSERT_EQ(a.sigma_min, b.sigma_min);
      ASSERT_TRUE((whole->x.array() == resumed->x.array()).all());
    }
  }
}

TEST(AdaptedFlowOptions, ReportsEveryViolationAtOnce) {
  Options options;
  options.tolerance = 0;
  options.flow_time = -1;
  options.rank_tolerance = 1;
  try {
    const AdaptedFlow flow(options);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("tolerance"), std::string::npos);
    EXPECT_NE(what.find("flow-time"), std::string::npos);
    EXPECT_NE(what.find("rank-tolerance"), std::string::npos);
  }
}

TEST(AdaptedFlowOptions, TheTauRuleTakesNoFlowTime) {
  Options options;
  options.integrator = Integrator::tau;
  options.flow_time = 1;
  EXPECT_THROW(AdaptedFlow{options}, UsageError);
}

TEST(AdaptedFlowState, ANonFiniteStartIsAnOutcomeNotAnException) {
  const Formula data;
  Vector x = data.start();
  x[0] = std::numeric_limits<double>::quiet_NaN();
  const CompositeObjective problem = data.squared();
  const AdaptedFlow flow;
  Context context;
  const auto state = flow.init(problem, x, context);
  const StepRecord record = flow.step(problem, *state, context);
  ASSERT_TRUE(record.halt.has_value());
  EXPECT_EQ(record.halt->outcome, Outcome::failed);
}

}  // namespace
}  // namespace thalweg
