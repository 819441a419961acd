#include "thalweg/model/matrix_factorization.hpp"

#include "self_bounding.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using namespace testing;

// Of both signs.
Matrix indefinite(Index n) {
  RandomStream random(4, "indefinite");
  const Matrix m = random.normal_vector(n * n).reshaped(n, n);
  return m + m.transpose();
}

TEST(MatrixFactorization, DerivativesAreExact) {
  const MatrixFactorizationObjective problem(indefinite(5), 2);
  EXPECT_EQ(problem.dimension(), 10);
  for (const Vector& x : points_of_all_sizes(10, 20, -1, 1, "factor"))
    expect_derivatives(problem, x);
  // U row by row.
  Vector x = Vector::Zero(10);
  x[3] = 2;  // U(1, 1)
  Matrix u = Matrix::Zero(5, 2);
  u(1, 1) = 2;
  EXPECT_DOUBLE_EQ(problem.value(x), (u * u.transpose() - problem.matrix()).squaredNorm() / 4);
}

// Known from an independent computation: spectrum 5, 4, 3, 2 and 16 numbers from 1 to .05, rank 3.
TEST(MatrixFactorization, HasTheKnownOptimumAndSaddles) {
  for (const std::uint64_t seed : {0, 1}) {
    const MatrixFactorizationObjective problem(factorization_matrix(20, 3, seed), 3);
    EXPECT_NEAR(problem.optimum(), 2.4434444444, 1e-10);
    EXPECT_EQ(problem.lower_bound(), problem.optimum());
    Vector g(60);
    const Vector zero = Vector::Zero(60);
    problem.value_and_gradient(zero, g);
    EXPECT_EQ(g.norm(), 0);
    EXPECT_NEAR(smallest_eigenvalue(problem, zero), -5, 1e-12);
    const Vector best = problem.stationary_point({0, 1, 2});
    EXPECT_NEAR(problem.value_and_gradient(best, g), problem.optimum(), 1e-13);
    EXPECT_LT(g.norm(), 1e-13);
    EXPECT_GT(smallest_eigenvalue(problem, best), -1e-12);
    const Vector wrong = problem.stationary_point({6, 1, 2});
    problem.value_and_gradient(wrong, g);
    EXPECT_LT(g.norm(), 1e-13);
    EXPECT_NEAR(smallest_eigenvalue(problem, wrong), -4.126667, 1e-6);
    EXPECT_NEAR(smallest_eigenvalue(problem, wrong),
                problem.eigenvalues()[6] - problem.eigenvalues()[0], 1e-12);
    EXPECT_NEAR(smallest_eigenvalue(problem, problem.stationary_point({0, 1})), -3, 1e-12);
  }
  EXPECT_NE(factorization_matrix(20, 3, 0), factorization_matrix(20, 3, 1));
}

TEST(MatrixFactorization, TakesNothingFromNegativeEigenvalues) {
  const Matrix m = -Matrix(Vector::LinSpaced(4, 1, 4).asDiagonal());
  const MatrixFactorizationObjective problem(m, 2);
  EXPECT_DOUBLE_EQ(problem.optimum(), 30.0 / 4);
  EXPECT_DOUBLE_EQ(problem.value(Vector::Zero(8)), problem.optimum());
  EXPECT_NEAR(smallest_eigenvalue(problem, Vector::Zero(8)), 1, 1e-14);
  EXPECT_THROW(problem.stationary_point({0}), UsageError);
}

TEST(MatrixFactorization, ReachesTheOptimumByGradientDescent) {
  const MatrixFactorizationObjective problem(factorization_matrix(12, 2, 3), 2);
  Vector x = problem.start(7), g(x.size());
  EXPECT_EQ(problem.start(7, 0), Vector::Zero(24));
  EXPECT_EQ(problem.start(7, 2), 2 * problem.start(7));
  const CurvatureBound bound = problem.curvature_bound();
  for (int step = 0; step < 20000; ++step) {
    const double f = problem.value_and_gradient(x, g);
    x -= g / bound.hessian_norm(f);
  }
  EXPECT_NEAR(problem.value(x), problem.optimum(), 1e-10);
}

TEST(MatrixFactorization, BoundsItsCurvature) {
  const Matrix psd = factorization_matrix(5, 2, 1);
  for (const Matrix& m : {psd, indefinite(5), Matrix(-psd)}) {
    const MatrixFactorizationObjective problem(m, 2);
    std::vector<Vector> points = points_of_all_sizes(10, 300, -2, 2, "factor");
    points.push_back(Vector::Zero(10));
    Vector along = Vector::Zero(10);  // rank one and large: nearly all of the bound
    along[0] = 100;
    points.push_back(along);
    if (problem.eigenvalues()[0] > 0) points.push_back(problem.stationary_point({0}));
    const Used used = expect_self_bounding(problem, points);
    EXPECT_GT(used.hessian, 0.99);
    EXPECT_GT(used.third, 0.99);
  }
}

TEST(MatrixFactorization, RefusesWhatIsNoSymmetricMatrix) {
  Matrix m = factorization_matrix(4, 2, 1);
  EXPECT_THROW(MatrixFactorizationObjective(m, 0), UsageError);
  EXPECT_THROW(MatrixFactorizationObjective(m, 5), UsageError);
  EXPECT_THROW(MatrixFactorizationObjective(m.topRows(3), 2), UsageError);
  EXPECT_THROW(MatrixFactorizationObjective(Matrix(), 1), UsageError);
  m(1, 2) += 1e-6;
  EXPECT_THROW(MatrixFactorizationObjective(m, 2), UsageError);
  m(1, 2) = m(2, 1) = std::nan("");
  EXPECT_THROW(MatrixFactorizationObjective(m, 2), UsageError);
  EXPECT_THROW(factorization_matrix(3, 4, 0), UsageError);
  const MatrixFactorizationObjective good(factorization_matrix(4, 2, 1), 2);
  EXPECT_THROW(good.stationary_point({0, 0}), UsageError);
  EXPECT_THROW(good.stationary_point({0, 1, 2}), UsageError);
  EXPECT_THROW(good.stationary_point({4}), UsageError);
}

// As many of the numbers as fit.
TEST(MatrixFactorization, GeneratesEverySize) {
  for (const Index size : {1, 2, 3, 4})
    for (Index rank = 1; rank <= size; ++rank) {
      const MatrixFactorizationObjective problem(factorization_matrix(size, rank, 1), rank);
      EXPECT_NEAR(problem.eigenvalues()[0], static_cast<double>(rank + 2), 1e-13);
      EXPECT_EQ(problem.optimum() > 1e-20, size > rank);
    }
}

}  // namespace
}  // namespace thalweg
