#include "thalweg/method/newton.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <cmath>

#include "method/newton_subproblem.hpp"
#include "rosenbrock.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/difference_hessian.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

class ExplicitHessian final : public Hessian {
 public:
  explicit ExplicitHessian(Matrix h) : h_(std::move(h)) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override { hv = h_ * v; }
  std::optional<Vector> diagonal() const override { return h_.diagonal(); }
  const Matrix& matrix() const { return h_; }

 private:
  Matrix h_;
};

// ---------------------------------------------------------------------------------------------
// The step

Matrix random_symmetric(Index n, double shift, std::uint64_t seed) {
  const Matrix a = RandomStream(seed, "symmetric").normal_vector(n * n).reshaped(n, n);
  return (a + a.transpose()) / 2 + shift * Matrix::Identity(n, n);
}

double model_value(const Matrix& h, const Vector& g, const Vector& d) {
  return g.dot(d) + d.dot(h * d) / 2;
}

TEST(NewtonStep, SolvesTheSystemWhereTheRegionDoesNotBind) {
  const ExplicitHessian hessian(random_symmetric(12, 12, 1));
  const Vector g = RandomStream(2, "g").normal_vector(12);
  const Vector metric = hessian.matrix().diagonal();
  const auto step = detail::minimize({hessian, g, metric, 1e6}, 1e-12, 100);
  const Vector expected = -hessian.matrix().llt().solve(g);
  EXPECT_LT((step.direction - expected).norm(), 1e-10 * expected.norm());
  EXPECT_NEAR(step.decrease, -model_value(hessian.matrix(), g, expected), 1e-10 * step.decrease);
  EXPECT_NEAR(step.length, std::sqrt(expected.dot(metric.cwiseProduct(expected))), 1e-9);
  EXPECT_FALSE(step.at_boundary);
  EXPECT_LE(step.products, 13);
}

TEST(NewtonStep, LeavesTheResidualAskedFor) {
  const ExplicitHessian hessian(random_symmetric(40, 14, 3));
  const Vector g = RandomStream(4, "g").normal_vector(40);
  const Vector metric = hessian.matrix().diagonal();
  for (const double tolerance : {0.5, 0.1, 1e-3}) {
    const auto step = detail::minimize({hessian, g, metric, 1e6}, tolerance, 100);
    const Vector residual =
        (g + hessian.matrix() * step.direction).cwiseQuotient(metric.cwiseSqrt());
    EXPECT_LE(residual.norm(), tolerance * g.cwiseQuotient(metric.cwiseSqrt()).norm() * (1 + 1e-9));
  }
}

// At the boundary the step is no worse than the Cauchy point, and its prediction is that of the
// model.
TEST(NewtonStep, ReachesTheBoundaryBelowTheCauchyPoint) {
  const Vector g = RandomStream(5, "g").normal_vector(15);
  for (const double shift : {10.0, 0.0, -10.0}) {
    const ExplicitHessian hessian(random_symmetric(15, shift, 6));
    const Vector metric = RandomStream(7, "metric").normal_vector(15).array().square() + 0.3;
    const Vector steepest = -g.cwiseQuotient(metric);
    const double length = std::sqrt(steepest.dot(metric.cwiseProduct(steepest)));
    for (const double radius : {1e-3, 0.1, 1.0}) {
      const auto step = detail::minimize({hessian, g, metric, radius}, 1e-9, 100);
      const Vector& d = step.direction;
      EXPECT_LE(std::sqrt(d.dot(metric.cwiseProduct(d))), radius * (1 + 1e-12));
      EXPECT_NEAR(step.length, std::sqrt(d.dot(metric.cwiseProduct(d))), 1e-12 * radius);
      EXPECT_NEAR(step.decrease, -model_value(hessian.matrix(), g, d), 1e-10 * step.decrease);
      const double curvature = steepest.dot(hessian.matrix() * steepest);
      const double limit = radius / length;
      const double t = curvature > 0 ? std::min(limit, -g.dot(steepest) / curvature) : limit;
      EXPECT_GE(step.decrease, -model_value(hessian.matrix(), g, t * steepest) * (1 - 1e-10));
      if (shift < 0) {
        EXPECT_TRUE(step.at_boundary);
        EXPECT_TRUE(step.negative_curvature);
      }
    }
  }
}

TEST(NewtonStep, KeepsItsDigitsWhereTheObjectiveIsTiny) {
  const Matrix h = random_symmetric(8, 10, 8);
  const Vector g = RandomStream(9, "g").normal_vector(8);
  const Vector metric = h.diagonal();
  const auto step = detail::minimize({ExplicitHessian(h), g, metric, 1.0}, 1e-10, 50);
  constexpr double tiny = 1e-290;
  const ExplicitHessian small(tiny * h);
  const auto same = detail::minimize({small, tiny * g, tiny * metric, std::sqrt(tiny)}, 1e-10, 50);
  EXPECT_LT((same.direction - step.direction).norm(), 1e-10 * step.direction.norm());
  EXPECT_NEAR(same.decrease / tiny, step.decrease, 1e-9 * step.decrease);
}

// ---------------------------------------------------------------------------------------------
// Runs

class ExactRosenbrock final : public Rosenbrock, public TwiceDifferentiable {
 public:
  using Rosenbrock::Rosenbrock;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override {
    const Index n = dimension();
    Matrix h = Matrix::Zero(n, n);
    for (Index i = 0; i + 1 < n; ++i) {
      h(i, i) += 1200 * x[i] * x[i] - 400 * x[i + 1] + 2;
      h(i, i + 1) = h(i + 1, i) = -400 * x[i];
      h(i + 1, i + 1) += 200;
    }
    return std::make_unique<ExplicitHessian>(std::move(h));
  }
};

// With more than two parameters there is a second minimum near (-1, 1, 1, ...): begin elsewhere.
Vector rosenbrock_start(Index n) {
  return n == 2 ? Vector(Eigen::Vector2d(-1.2, 1)) : Vector(Vector::Zero(n));
}

Result run_steps(const Objective& problem, const Vector& start, std::int64_t steps,
                 Newton::Options how = {}) {
  RunOptions options;
  options.stop = max_steps(steps);
  return run(problem, Newton(how), start, options);
}

TEST(Newton, FollowsTheValleyOfRosenbrock) {
  for (const Index n : {2, 10}) {
    const Result exact = run_steps(ExactRosenbrock(n), rosenbrock_start(n), 200);
    EXPECT_LT(exact.value, 1e-25) << n;
    EXPECT_LT((exact.last - Vector::Ones(n)).norm(), 1e-11);
    EXPECT_LT(exact.steps, 80);
    EXPECT_EQ(exact.reason.outcome, Outcome::converged) << exact.reason.criterion;
    const Result differences = run_steps(Rosenbrock(n), rosenbrock_start(n), 200);
    EXPECT_LT(differences.value, 1e-20) << n;
  }
}

TEST(Newton, EndsQuadraticallyOnANetworkWithItsExactProducts) {
  Matrix inputs(60, 2), targets(60, 1);
  RandomStream random(21, "rows");
  for (Index i = 0; i < 60; ++i) {
    inputs.row(i) = random.normal_vector(2);
    targets(i, 0) = 1.5 * std::tanh(inputs(i, 0) - inputs(i, 1) / 2 + 0.3) + 0.1 * random.normal();
  }
  const Network network({.inputs = 2, .hidden = {1}, .outputs = 1});
  const CompositeObjective problem(network.on(inputs), std::make_shared<SquaredLoss>(targets));
  const Result result = run_steps(problem, network.initial_parameters(1), 400);
  EXPECT_EQ(result.reason.outcome, Outcome::converged) << result.reason.criterion;
  EXPECT_LT(*result.trace.back().gradient_norm, 1e-10);
  // The point, its linearization, and two gradients for every product.
  for (const StepRecord& record : result.trace)
    if (record.iteration > 0 && !record.halt) {
      EXPECT_EQ(record.evaluations % 2, 0);
    }
}

TEST(Newton, ValuesFallAtEveryKeptStep) {
  const Result result = run_steps(ExactRosenbrock(10), rosenbrock_start(10), 200);
  int rejected = 0;
  for (std::size_t k = 1; k < result.trace.size(); ++k) {
    const StepRecord &before = result.trace[k - 1], &after = result.trace[k];
    if (after.accepted && !after.halt) {
      EXPECT_LE(after.value, before.value * (1 + 1e-14));
    }
    if (!after.accepted) {
      EXPECT_EQ(after.value, before.value);
      ++rejected;
    }
  }
  EXPECT_GT(rejected, 0) << "the valley bends: some trial must fail";
}

// Overlapping classes of a random plane; inputs of very different sizes.
LinearObjective overlapping(const Vector& scales, double ridge, int classes = 2) {
  const Index n = 300, d = scales.size();
  RandomStream random(12, "classes");
  const Matrix inputs = random.normal_vector(n * d).reshaped(n, d);
  std::vector<int> labels;
  for (Index i = 0; i < n; ++i) {
    const double score = inputs(i, 0) - inputs(i, 1) + 0.7 * random.normal();
    labels.push_back(score < -0.4 ? 0 : (score > 0.5 && classes > 2 ? 2 : 1));
  }
  return {
      std::make_shared<LinearModel>(inputs * scales.asDiagonal(),
                                    LinearModel::Options{classes == 2 ? 1 : Index{classes}, true}),
      std::make_shared<CrossEntropyLoss>(labels, classes), ridge};
}

// The minimiser by Newton's method with explicit matrices: columns of H from products.
Vector minimizer(const LinearObjective& problem) {
  const Index n = problem.dimension();
  Vector x = Vector::Zero(n), g(n);
  for (int step = 0; step < 30; ++step) {
    problem.value_and_gradient(x, g);
    const auto hessian = problem.hessian(x);
    Matrix h(n, n);
    for (Index j = 0; j < n; ++j) hessian->apply(Vector::Unit(n, j), h.col(j));
    x -= h.ldlt().solve(g);
  }
  return x;
}

TEST(Newton, FindsTheMinimumOfClassesToRounding) {
  for (const int classes : {2, 3}) {
    const LinearObjective problem = overlapping(Vector::Ones(5), 0.01, classes);
    const Result result = run_steps(problem, Vector::Zero(problem.dimension()), 100);
    EXPECT_EQ(result.reason.outcome, Outcome::converged) << result.reason.criterion;
    EXPECT_LT((result.last - minimizer(problem)).norm(), 1e-12 * result.last.norm());
    EXPECT_LT(*result.trace.back().gradient_norm, 1e-14);
    EXPECT_LT(result.steps, 15);
  }
}

// |g+| / |g| tends to zero.
TEST(Newton, ConvergesSuperlinearly) {
  const LinearObjective problem = overlapping(Vector::Ones(5), 0);
  const Result result = run_steps(problem, Vector::Zero(problem.dimension()), 100);
  double best = 1;
  for (std::size_t k = 1; k < result.trace.size(); ++k)
    if (*result.trace[k].gradient_norm > 1e-13)
      best = std::min(best, *result.trace[k].gradient_norm / *result.trace[k - 1].gradient_norm);
  EXPECT_LT(best, 1e-3);
}

// In the norm of the diagonal, units of the inputs do not matter.
TEST(Newton, UnitsOfTheInputsDoNotMatter) {
  Vector scales(5);
  scales << 1, 64, 1.0 / 1024, 8, 1.0 / 2;  // powers of two: even rounding is the same
  const LinearObjective plain = overlapping(Vector::Ones(5), 0), scaled = overlapping(scales, 0);
  const Result a = run_steps(plain, Vector::Zero(6), 6), b = run_steps(scaled, Vector::Zero(6), 6);
  for (std::size_t k = 0; k < a.trace.size(); ++k)
    EXPECT_NEAR(a.trace[k].value, b.trace[k].value, 1e-12);
  const Result without = run_steps(scaled, Vector::Zero(6), 6, {.preconditioner = false});
  EXPECT_GT(without.value, b.value + 1e-6);
}

// Margin 0.4 at least: no minimiser. Down to the smallest numbers the value falls on.
TEST(Newton, GoesOnWhereClassesAreSeparable) {
  const Index n = 200;
  RandomStream random(13, "separable");
  Matrix inputs = random.normal_vector(n * 4).reshaped(n, 4);
  std::vector<int> labels;
  for (Index i = 0; i < n; ++i) {
    labels.push_back(inputs(i, 0) > 0 ? 1 : 0);
    inputs(i, 0) += labels.back() == 1 ? 0.4 : -0.4;
  }
  const LinearObjective problem(std::make_shared<LinearModel>(inputs, LinearModel::Options{}),
                                std::make_shared<CrossEntropyLoss>(labels, 2));
  const Result result = run_steps(problem, Vector::Zero(5), 700);
  EXPECT_LT(result.value, 1e-290);
  for (std::size_t k = 1; k < result.trace.size(); ++k) {
    EXPECT_TRUE(std::isfinite(result.trace[k].value));
    EXPECT_TRUE(std::isfinite(*result.trace[k].gradient_norm));
    if (k + 1 < result.trace.size()) {
      EXPECT_LT(result.trace[k].value, result.trace[k - 1].value) << "step " << k;
    }
  }
  EXPECT_TRUE(result.last.allFinite());
}

// f = (a^2 - 1)^2 / 4 + b^2 / 2 from beside the ridge a = 0, where the curvature along a is -1.
class Saddle final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override {
    const double a = x[0] * x[0] - 1;
    return a * a / 4 + x[1] * x[1] / 2;
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = x[0] * (x[0] * x[0] - 1);
    g[1] = x[1];
    return value(x);
  }
};

TEST(Newton, LeavesASaddlePointAlongNegativeCurvature) {
  const Result result = run_steps(Saddle(), Eigen::Vector2d(1e-6, 1e-3), 40);
  EXPECT_LT(result.value, 1e-14);
  EXPECT_NEAR(std::abs(result.last[0]), 1, 1e-7);
}

// The gradient has the wrong sign in one coordinate: nothing on offer lowers the value.
class WrongGradient final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override { return 1 + x.squaredNorm() / 2 + x[0]; }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = -x;
    g[0] -= 1;
    return value(x);
  }
};

TEST(Newton, AWrongGradientIsAStallAndNotSuccess) {
  const Result result = run_steps(WrongGradient(), Vector::Zero(2), 500);
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_EQ(result.last.norm(), 0);
}

// ---------------------------------------------------------------------------------------------
// Differences, and restored states

TEST(DifferenceHessian, AgreesWithTheExactOne) {
  const ExactRosenbrock problem(6);
  const Vector x = RandomStream(14, "x").normal_vector(6);
  Vector g(6), exact(6), difference(6);
  problem.value_and_gradient(x, g);
  for (const double scale : {1e-3, 1.0, 1e5}) {
    const Vector v = scale * RandomStream(15, "v").normal_vector(6);
    problem.hessian(x)->apply(v, exact);
    DifferenceHessian(problem, x, g).apply(v, difference);
    EXPECT_LT((exact - difference).norm(), 1e-6 * exact.norm());
  }
  DifferenceHessian(problem, x, g).apply(Vector::Zero(6), difference);
  EXPECT_EQ(difference.norm(), 0);
}

TEST(Newton, RefusesARestoredStateWhosePartsDoNotFit) {
  const ExactRosenbrock problem(4);
  const Newton method;
  const std::vector<std::function<void(NewtonState&)>> changes{
      [](NewtonState& s) { s.x.resize(3); },
      [](NewtonState& s) { s.gradient.resize(3); },
      [](NewtonState& s) { s.metric = Vector::Ones(3); },
      [](NewtonState& s) { s.metric[1] = 0; },
      [](NewtonState& s) { s.metric[1] = std::nan(""); },
      [](NewtonState& s) { s.radius = -1; },
      [](NewtonState& s) { s.radius = std::nan(""); },
      [](NewtonState& s) { s.reduction = std::nan(""); }};
  for (std::size_t k = 0; k < changes.size(); ++k) {
    Context context;
    const auto state = method.init(problem, rosenbrock_start(4), context);
    method.step(problem, *state, context);
    EXPECT_NO_THROW(method.restore(problem, *state, context));
    changes[k](dynamic_cast<NewtonState&>(*state));
    EXPECT_THROW(method.restore(problem, *state, context), DataError) << "change " << k;
  }
}

TEST(Newton, NamesEveryViolatedRange) {
  try {
    Newton({.initial_radius = -1, .forcing = 2, .products = 0});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    const std::string text = error.what();
    for (const char* name : {"initial-radius", "forcing", "products"})
      EXPECT_NE(text.find(name), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace thalweg
