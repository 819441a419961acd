#include "thalweg/model/tensor_decomposition.hpp"

#include "self_bounding.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using namespace testing;

// All d^4 entries of the difference.
double by_entries(const Vector& x, const Matrix& a) {
  const Matrix u = x.reshaped(a.rows(), a.cols());
  double sum = 0;
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < a.rows(); ++j)
      for (Index k = 0; k < a.rows(); ++k)
        for (Index l = 0; l < a.rows(); ++l) {
          double entry = 0;
          for (Index c = 0; c < a.cols(); ++c)
            entry += u(i, c) * u(j, c) * u(k, c) * u(l, c) - a(i, c) * a(j, c) * a(k, c) * a(l, c);
          sum += entry * entry;
        }
  return sum / 2;
}

TEST(TensorDecomposition, IsTheNormOfTheTensor) {
  const TensorDecompositionObjective problem({.size = 4, .rank = 3, .seed = 2});
  const Matrix& a = problem.components();
  EXPECT_LT((a.transpose() * a - Matrix::Identity(3, 3)).norm(), 1e-14);
  for (const Vector& x : points_of_all_sizes(12, 20, -1, 0.5, "tensor")) {
    const double expected = by_entries(x, a);
    EXPECT_NEAR(problem.value(x), expected, 1e-12 * (1 + expected));
    expect_derivatives(problem, x);
  }
}

TEST(TensorDecomposition, HasTheStatedStationaryPoints) {
  for (const Index r : {1, 2, 3, 4}) {
    const TensorDecompositionObjective problem({.size = 5, .rank = r, .seed = 1});
    const auto count = static_cast<double>(r);
    Vector g(5 * r);
    // The components with signs and in another order.
    Matrix best = problem.components().rowwise().reverse();
    best.col(0) = -best.col(0);
    EXPECT_LT(problem.value_and_gradient(best.reshaped(), g), 4e-15);
    EXPECT_LT(g.norm(), 1e-14);
    EXPECT_GT(smallest_eigenvalue(problem, best.reshaped()), -1e-13);
    // The symmetric point.
    const Vector start = problem.start();
    EXPECT_NEAR(problem.value_and_gradient(start, g), (count - 1 / (count * count)) / 2, 1e-14);
    EXPECT_LT(g.norm(), 1e-14);
    if (r > 1) {
      EXPECT_NEAR(smallest_eigenvalue(problem, start), -12 / (count * count), 1e-13);
    }
    // Zero is degenerate.
    EXPECT_EQ(dense_hessian(problem, Vector::Zero(5 * r)).norm(), 0);
  }
}

TEST(TensorDecomposition, BoundsItsCurvature) {
  for (const Index r : {1, 2, 3}) {
    const TensorDecompositionObjective problem({.size = 4, .rank = r, .seed = 3});
    std::vector<Vector> points = points_of_all_sizes(4 * r, 300, -1.5, 1.5, "tensor");
    points.push_back(problem.start());
    points.emplace_back(problem.components().reshaped());
    points.emplace_back(30 * problem.components().reshaped());
    points.emplace_back(3 * problem.start());
    const Used used = expect_self_bounding(problem, points, {1e-4, 1e-4});
    EXPECT_GT(used.hessian, 0.2);
    EXPECT_GT(used.third, 0.1);
  }
}

TEST(TensorDecomposition, RefusesImpossibleSizes) {
  EXPECT_THROW(TensorDecompositionObjective({.size = 0, .rank = 0}), UsageError);
  EXPECT_THROW(TensorDecompositionObjective({.size = 3, .rank = 4}), UsageError);
}

}  // namespace
}  // namespace thalweg
