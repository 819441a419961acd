#include "thalweg/preflight/critical_step.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <cmath>

#include "suites/separable_tables.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"

namespace thalweg {
namespace {

struct Classes {
  Matrix inputs;
  std::vector<int> labels;

  LinearObjective objective(double ridge = 0, bool intercept = true) const {
    return {std::make_shared<LinearModel>(inputs, LinearModel::Options{.intercept = intercept}),
            std::make_shared<CrossEntropyLoss>(labels, 2), ridge};
  }
  Matrix rows() const {
    Matrix z(inputs.rows(), inputs.cols() + 1);
    z << inputs, Vector::Ones(inputs.rows());
    return z;
  }
};

// Overlapping classes: the label is the sign of the first input plus noise as large as itself.
Classes overlapping() {
  RandomStream random(11, "overlap");
  Classes classes{random.normal_vector(400 * 3).reshaped(400, 3), {}};
  for (Index i = 0; i < 400; ++i)
    classes.labels.push_back(classes.inputs(i, 0) + random.normal() > 0.3 ? 1 : 0);
  return classes;
}

Classes separated() {
  Classes classes = overlapping();
  for (Index i = 0; i < 400; ++i)
    classes.labels[static_cast<std::size_t>(i)] = classes.inputs(i, 0) > 0 ? 1 : 0;
  return classes;
}

// Newton's method by explicit matrices, and the largest eigenvalue of the Hessian where it ends.
double sharpness_at_the_minimum(const Matrix& z, const std::vector<int>& labels, double ridge) {
  const auto n = static_cast<double>(z.rows());
  Vector x = Vector::Zero(z.cols());
  Matrix h;
  for (int step = 0; step < 30; ++step) {
    Vector g = ridge * x;
    h = ridge * Matrix::Identity(z.cols(), z.cols());
    for (Index i = 0; i < z.rows(); ++i) {
      const double p = 1 / (1 + std::exp(-z.row(i).dot(x)));
      g += (p - labels[static_cast<std::size_t>(i)]) / n * z.row(i).transpose();
      h += p * (1 - p) / n * z.row(i).transpose() * z.row(i);
    }
    x -= h.llt().solve(g);
  }
  return Eigen::SelfAdjointEigenSolver<Matrix>(h).eigenvalues().maxCoeff();
}

TEST(CriticalStep, IsTwoOverTheSharpnessAtTheMinimum) {
  const Classes classes = overlapping();
  for (const double ridge : {0.0, 0.05}) {
    const double sharpness = sharpness_at_the_minimum(classes.rows(), classes.labels, ridge);
    const CriticalStep critical = measure_critical_step(classes.objective(ridge));
    EXPECT_TRUE(critical.minimum_found);
    EXPECT_NEAR(critical.sharpness, sharpness, 1e-5 * sharpness);
    EXPECT_NEAR(critical.stepsize, 2 / sharpness, 1e-5 * critical.stepsize);
    EXPECT_LT(critical.gradient_norm, 1e-9);
  }
}

// Gradient descent from near the minimum returns to it below the critical step, and leaves it
// above.
TEST(CriticalStep, DividesStepsizesThatSettleFromThoseThatDoNot) {
  const LinearObjective objective = overlapping().objective();
  const double critical = measure_critical_step(objective).stepsize;
  const auto gradient_after = [&](double stepsize) {
    Vector x = Vector::Zero(objective.dimension()), g(x.size());
    for (int step = 0; step < 4000; ++step) {
      objective.value_and_gradient(x, g);
      x -= (step < 2000 ? critical / 4 : stepsize) * g;
      if (step == 2000) x.array() += 1e-3;
    }
    return g.norm();
  };
  EXPECT_LT(gradient_after(0.97 * critical), 1e-8);
  EXPECT_GT(gradient_after(1.03 * critical), 1e-4);
}

TEST(CriticalStep, SeparableDataHaveNoMinimum) {
  EXPECT_FALSE(measure_critical_step(separated().objective()).minimum_found);
  EXPECT_TRUE(measure_critical_step(separated().objective(1e-3)).minimum_found);
}

// 1942: an independent float64 program (numpy), rows scaled by the largest norm R. Here they are
// not, and the stepsize is that over R^2.
TEST(CriticalStep, OfIrisVersicolorAgainstVirginica) {
  using namespace separable_tables;
  if (!present(iris_1_2)) GTEST_SKIP() << "no " << folder() / iris_1_2.file;
  const auto objective = problem(iris_1_2);
  const CriticalStep critical = measure_critical_step(*objective);
  EXPECT_TRUE(critical.minimum_found);
  const double largest = objective->linear_model().squared_row_norms().maxCoeff();
  EXPECT_NEAR(critical.stepsize * largest, 1942, 1);
}

TEST(SafeStepsize, IsOneOverTheLargestCurvature) {
  const Classes classes = overlapping();
  const Matrix z = classes.rows();
  const double largest =
      Eigen::SelfAdjointEigenSolver<Matrix>(z.transpose() * z / 400).eigenvalues().maxCoeff();
  EXPECT_NEAR(safe_stepsize(classes.objective()).value(), 4 / largest, 1e-4 / largest);
  EXPECT_NEAR(safe_stepsize(classes.objective(0.5)).value(), 1 / (largest / 4 + 0.5), 1e-4);
}

TEST(SafeStepsize, IsAbsentWhereCurvatureHasNoBound) {
  const Classes classes = overlapping();
  const LinearObjective exponential(
      std::make_shared<LinearModel>(classes.inputs, LinearModel::Options{}),
      std::make_shared<ExponentialLoss>(classes.labels));
  EXPECT_FALSE(safe_stepsize(exponential));
}

}  // namespace
}  // namespace thalweg
