#include "thalweg/method/gauss_newton.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/robust_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

// y(x) = A x + curvature * (x'x) b: a linear model with one controlled nonlinearity. Q outputs.
class BentModel final : public OutputModel {
 public:
  BentModel(Matrix a, Vector b, double curvature, Index outputs_per_sample = 1)
      : a_(std::move(a)), b_(std::move(b)), curvature_(curvature), q_(outputs_per_sample) {}
  Index parameter_count() const override { return a_.cols(); }
  Index output_count() const override { return a_.rows(); }
  Index outputs_per_sample() const override { return q_; }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    y = a_ * x + curvature_ * x.squaredNorm() * b_;
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    Vector y(output_count());
    outputs(x, y);
    return std::make_unique<DenseLinearization>(y, a_ + 2 * curvature_ * b_ * x.transpose(), q_);
  }

 private:
  Matrix a_;
  Vector b_;
  double curvature_;
  Index q_;
};

Matrix normal_matrix(RandomStream& random, Index rows, Index columns) {
  return random.normal_vector(rows * columns).reshaped(rows, columns);
}

std::shared_ptr<const OutputModel> bent(RandomStream& random, Index m, Index n, Index q = 1,
                                        double curvature = 0.1) {
  return std::make_shared<BentModel>(normal_matrix(random, m, n), random.normal_vector(m),
                                     curvature, q);
}

// Huber's loss with its own Hessian for a root, which does not see the gradient of large residuals.
class BlindHuber final : public OutputLoss {
 public:
  explicit BlindHuber(Matrix targets) : huber_(std::move(targets), 0.7) {}
  Index output_count() const override { return huber_.output_count(); }
  double value(const ConstVectorRef& y) const override { return huber_.value(y); }
  void gradient(const ConstVectorRef& y, VectorRef gy) const override { huber_.gradient(y, gy); }
  double batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const override {
    return huber_.batch_sum(batch, y, gy);
  }
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                       VectorRef hv) const override {
    huber_.hessian_product(y, v, hv);
  }
  Matrix hessian_root(const ConstVectorRef& y) const override {
    Vector curved(y.size());
    hessian_product(y, Vector::Ones(y.size()), curved);
    return curved.cwiseSqrt();
  }
  std::string description() const override { return huber_.description(); }

 private:
  HuberLoss huber_;
};

std::shared_ptr<const OutputLoss> make_loss(const std::string& kind, RandomStream& random,
                                            Index samples) {
  if (kind == "squared") return std::make_shared<SquaredLoss>(normal_matrix(random, samples, 1));
  if (kind == "huber") return std::make_shared<BlindHuber>(normal_matrix(random, samples, 1));
  const int classes = kind == "binary" ? 2 : 3;
  std::vector<int> labels(static_cast<std::size_t>(samples));
  for (auto& label : labels)
    label = static_cast<int>(random.below(static_cast<std::uint64_t>(classes)));
  return std::make_shared<CrossEntropyLoss>(labels, classes);
}

// J, H and g of the objective at x as dense matrices, from products alone.
struct Dense {
  Matrix j, h;
  Vector g;
  double value;
};
Dense dense(const CompositeObjective& problem, const Vector& x) {
  const auto at_x = problem.model().linearize(x);
  const Index m = problem.output_count();
  Dense d{at_x->jacobian(), Matrix(m, m), Vector(problem.dimension()), 0};
  for (Index i = 0; i < m; ++i)
    problem.loss().hessian_product(at_x->outputs(), Vector::Unit(m, i), d.h.col(i));
  d.value = problem.value_and_gradient(x, d.g);
  return d;
}

struct Case {
  std::string loss;
  Index samples, parameters;
  StepSolver solver;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.loss << " " << c.samples << " samples " << c.parameters << " parameters "
       << step_solver_names()[static_cast<std::size_t>(c.solver)];
}

class ModelStepOf : public testing::TestWithParam<Case> {
 protected:
  RandomStream random{7, "gauss-newton-test"};
  std::shared_ptr<const OutputLoss> loss = make_loss(GetParam().loss, random, GetParam().samples);
  CompositeObjective problem{
      bent(random, loss->output_count(), GetParam().parameters, loss->outputs_per_sample()), loss};
  Vector x = 0.3 * random.normal_vector(GetParam().parameters);
};

TEST_P(ModelStepOf, SolvesTheDampedSystem) {
  const Dense d = dense(problem, x);
  GaussNewtonModel model(problem, x, {.solver = GetParam().solver});
  for (const double mu : {1e-3, 1e-1, 10.0}) {
    Matrix system = d.j.transpose() * d.h * d.j;
    system.diagonal().array() += mu;
    const Vector expected = -system.ldlt().solve(d.g);
    const ModelStep step = model.step(mu);
    ASSERT_TRUE(step.solved);
    // Conjugate gradients stop at a relative residual of 1e-3.
    const double tolerance = GetParam().solver == StepSolver::cg ? 1e-2 : 1e-9;
    EXPECT_LE((step.direction - expected).norm(), tolerance * expected.norm()) << "mu " << mu;
  }
}

TEST_P(ModelStepOf, PredictsTheDecreaseOfItsQuadraticModel) {
  const Dense d = dense(problem, x);
  GaussNewtonModel model(problem, x, {.solver = GetParam().solver});
  const ModelStep step = model.step(0.05);
  const Vector jd = d.j * step.direction;
  for (const double eta : {1.0, 0.25}) {
    const double expected = -eta * d.g.dot(step.direction) - eta * eta / 2 * jd.dot(d.h * jd);
    EXPECT_NEAR(step.predicted_decrease(eta), expected, 1e-9 * std::abs(expected));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Solvers, ModelStepOf,
    testing::Values(
        Case{"squared", 9, 4, StepSolver::svd}, Case{"squared", 9, 4, StepSolver::normal},
        Case{"squared", 9, 4, StepSolver::dual}, Case{"squared", 9, 4, StepSolver::cg},
        Case{"squared", 5, 12, StepSolver::svd}, Case{"squared", 5, 12, StepSolver::dual},
        Case{"squared", 5, 12, StepSolver::cg}, Case{"huber", 9, 4, StepSolver::svd},
        Case{"huber", 9, 4, StepSolver::normal}, Case{"huber", 5, 12, StepSolver::svd},
        Case{"huber", 5, 12, StepSolver::dual}, Case{"binary", 9, 4, StepSolver::svd},
        Case{"binary", 9, 4, StepSolver::normal}, Case{"binary", 5, 12, StepSolver::dual},
        Case{"softmax", 6, 4, StepSolver::svd}, Case{"softmax", 6, 4, StepSolver::normal},
        Case{"softmax", 4, 20, StepSolver::svd}, Case{"softmax", 4, 20, StepSolver::dual}));

class Eigenvalues : public testing::TestWithParam<StepSolver> {};

TEST_P(Eigenvalues, AgreeWithThoseOfTheDenseMatrix) {
  RandomStream random(3, "eigenvalues");
  const Index m = 6, n = GetParam() == StepSolver::normal ? 4 : 10;
  const CompositeObjective problem(bent(random, m, n), make_loss("binary", random, m));
  const Vector x = random.normal_vector(n);
  const Dense d = dense(problem, x);
  const Vector eigenvalues =
      Matrix(d.j.transpose() * d.h * d.j).selfadjointView<Eigen::Lower>().eigenvalues();
  GaussNewtonModel model(problem, x, {.solver = GetParam()});
  const double smallest = eigenvalues[n - std::min(m, n)];
  EXPECT_NEAR(model.smallest_eigenvalue().value(), smallest, 2e-3 * smallest);
  EXPECT_NEAR(model.largest_eigenvalue(), eigenvalues[n - 1], 2e-2 * eigenvalues[n - 1]);
}
INSTANTIATE_TEST_SUITE_P(Solvers, Eigenvalues,
                         testing::Values(StepSolver::svd, StepSolver::dual, StepSolver::normal));

TEST(SmallestEigenvalue, LeavesOutWhatIsNotResolved) {
  RandomStream random(4, "rank");
  Matrix a = normal_matrix(random, 6, 9);
  a.row(5) = a.row(0);  // rank 5
  const Vector singular = Eigen::JacobiSVD<Matrix>(a).singularValues();
  const CompositeObjective problem(std::make_shared<BentModel>(a, Vector::Zero(6), 0.0),
                                   make_loss("squared", random, 6));
  const double expected = singular[4] * singular[4] / 6;  // H = I / N
  for (const StepSolver solver : {StepSolver::svd, StepSolver::dual}) {
    GaussNewtonModel model(problem, Vector::Zero(9), {.solver = solver});
    EXPECT_NEAR(model.smallest_eigenvalue().value(), expected, 2e-3 * expected);
  }
}

Result solve(const CompositeObjective& problem, const Vector& x0, GaussNewton::Options options = {},
             std::int64_t steps = 100) {
  RunOptions run_options;
  run_options.stop = max_steps(steps);
  return run(problem, GaussNewton(options), x0, run_options);
}

TEST(GaussNewton, SolvesALinearProblemInOneStep) {
  RandomStream random(1, "linear");
  const Matrix a = normal_matrix(random, 12, 5);
  const Matrix targets = normal_matrix(random, 12, 1);
  const CompositeObjective problem(std::make_shared<BentModel>(a, Vector::Zero(12), 0.0),
                                   std::make_shared<SquaredLoss>(targets));
  const Result result = solve(problem, random.normal_vector(5));
  const Vector expected = a.colPivHouseholderQr().solve(targets.col(0));
  EXPECT_LE((result.trace[1].value - problem.value(expected)) / result.trace[1].value, 1e-14);
  EXPECT_LE((result.best - expected).norm(), 1e-12 * expected.norm());
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(result.reason.criterion, "relative-reduction");
}

TEST(GaussNewton, TakesTheMinimumNormStepWhereTheRankIsDeficient) {
  RandomStream random(2, "minimum-norm");
  Matrix a = normal_matrix(random, 6, 9);
  a.row(4) = a.row(1) + a.row(2);
  const Vector consistent = a * random.normal_vector(9);
  const CompositeObjective problem(std::make_shared<BentModel>(a, Vector::Zero(6), 0.0),
                                   std::make_shared<SquaredLoss>(Matrix(consistent)));
  const Result result = solve(problem, Vector::Zero(9), {.solver = StepSolver::svd}, 1);
  const Vector expected = a.completeOrthogonalDecomposition().solve(consistent);
  EXPECT_LE((result.last - expected).norm(), 1e-10 * expected.norm());
}

TEST(GaussNewton, ConvergesQuadraticallyWhereTheResidualVanishes) {
  RandomStream random(5, "quadratic");
  const auto model = bent(random, 8, 8, 1, 0.05);
  Vector target(8);
  const Vector solution = random.normal_vector(8);
  model->outputs(solution, target);
  const CompositeObjective problem(model, std::make_shared<SquaredLoss>(Matrix(target)));
  const Result result =
      solve(problem, solution + 0.1 * random.normal_vector(8), {.solver = StepSolver::svd});
  std::vector<double> residuals;
  for (const auto& record : result.trace)
    if (record.accepted) residuals.push_back(std::sqrt(2 * 8 * record.value));
  ASSERT_GE(residuals.size(), 4U);
  // |r+| <= C |r|^2 with one C for all steps above rounding, taken from the first step.
  const double constant = 20 * residuals[1] / (residuals[0] * residuals[0]);
  for (std::size_t k = 1; k + 1 < residuals.size() && residuals[k + 1] > 1e-13; ++k)
    EXPECT_LE(residuals[k + 1], constant * residuals[k] * residuals[k]);
  EXPECT_LT(residuals.back(), 1e-13);
}

TEST(GaussNewton, KeepsNoStepThatWasNotMeasuredLower) {
  RandomStream random(6, "verified");
  const CompositeObjective problem(bent(random, 10, 4, 1, 3.0), make_loss("squared", random, 10));
  const Result result = solve(problem, 2 * random.normal_vector(4));
  double before = result.trace.front().value;
  bool backtracked = false;
  for (const auto& record : result.trace) {
    if (record.iteration == 0 || !record.accepted) continue;
    EXPECT_LT(record.value, before);
    before = record.value;
    backtracked = backtracked || record.stepsize < 1;
  }
  EXPECT_TRUE(backtracked) << "the problem is meant to need it";
  EXPECT_EQ(result.value, problem.value(result.best));
}

class Metric : public testing::TestWithParam<OutputMetric> {};
TEST_P(Metric, BothReachTheMinimumOfALogisticFit) {
  RandomStream random(8, "metric");
  const CompositeObjective problem(bent(random, 40, 3, 1, 0.0), make_loss("binary", random, 40));
  const Result result = solve(problem, Vector::Zero(3), {.metric = GetParam()}, 500);
  EXPECT_LE(result.trace.back().gradient_norm.value(), 1e-7);
  EXPECT_LT(result.value, problem.value(Vector::Zero(3)));
}
INSTANTIATE_TEST_SUITE_P(Both, Metric,
                         testing::Values(OutputMetric::loss_hessian, OutputMetric::euclidean));

TEST(GaussNewton, RefusesAnArmijoShareOutOfRange) {
  EXPECT_THROW(GaussNewton({.armijo = 0.5}), UsageError);
  EXPECT_THROW(GaussNewton({.armijo = 0.0}), UsageError);
}

}  // namespace
}  // namespace thalweg
