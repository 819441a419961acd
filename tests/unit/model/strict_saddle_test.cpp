#include "thalweg/model/strict_saddle.hpp"

#include "self_bounding.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using namespace testing;

TEST(StrictSaddle, DerivativesAreExact) {
  for (const Index n : {2, 5}) {
    const StrictSaddleObjective problem({.dimension = n, .least_curvature = 0.1});
    for (const Vector& x : points_of_all_sizes(n, 20, -1, 1, "strict saddle"))
      expect_derivatives(problem, x);
    const Vector x = 1.3 * Vector::Ones(n);
    EXPECT_EQ(problem.hessian(x)->diagonal().value(), dense_hessian(problem, x).diagonal());
  }
}

TEST(StrictSaddle, OfTwoIsTheQuarticSaddle) {
  const StrictSaddleObjective problem({});
  Vector x(2), g(2);
  x << 30, 1;
  EXPECT_DOUBLE_EQ(problem.value(x), 899.0 * 899 / 4 + 0.5);
  x = problem.start();
  EXPECT_EQ(x[0], 0);
  EXPECT_EQ(x[1], 2);
  EXPECT_EQ(problem.value(x), 2.25);
  const CurvatureBound bound = problem.curvature_bound();
  EXPECT_DOUBLE_EQ(bound.hessian_norm(2.25), 11);
  EXPECT_NEAR(1 / bound.hessian_norm(3.25), 0.0780, 5e-5);
  EXPECT_DOUBLE_EQ(bound.third_derivative(2.25), 12);
  EXPECT_EQ(problem.value_and_gradient(Vector::Zero(2), g), 0.25);
  EXPECT_EQ(g.norm(), 0);
  EXPECT_EQ(smallest_eigenvalue(problem, Vector::Zero(2)), -1);
}

// From the start x_1 stays 0 to the last bit, and the end is the saddle.
TEST(StrictSaddle, HoldsGradientDescent) {
  const StrictSaddleObjective problem({.dimension = 1000, .least_curvature = 0.1});
  EXPECT_NEAR(problem.start().norm(), 2, 1e-14);
  Vector x = problem.start(), g(x.size());
  for (int step = 0; step < 5000; ++step) {
    problem.value_and_gradient(x, g);
    x -= 0.09 * g;
  }
  EXPECT_EQ(x[0], 0);
  EXPECT_LT(x.norm(), 1e-12);
  EXPECT_NEAR(problem.value(x), 0.25, 1e-15);
}

TEST(StrictSaddle, BoundsItsCurvature) {
  for (const Index n : {2, 6}) {
    const StrictSaddleObjective problem({.dimension = n, .least_curvature = 0.1});
    std::vector<Vector> points = points_of_all_sizes(n, 300, -2, 2, "strict saddle");
    for (const double first : {1.0, 3.0, 100.0}) points.push_back(first * Vector::Unit(n, 0));
    const Used used = expect_self_bounding(problem, points);
    EXPECT_GT(used.hessian, 0.999);  // attained where all but x_1 vanish
    EXPECT_GT(used.third, 0.999);
  }
}

TEST(StrictSaddle, RefusesWhatIsNone) {
  EXPECT_THROW(StrictSaddleObjective({.dimension = 1}), UsageError);
  EXPECT_THROW(StrictSaddleObjective({.least_curvature = 0}), UsageError);
  EXPECT_THROW(StrictSaddleObjective({.least_curvature = 1.5}), UsageError);
  EXPECT_THROW(StrictSaddleObjective({.least_curvature = std::nan("")}), UsageError);
}

}  // namespace
}  // namespace thalweg
