#include "thalweg/model/symmetric_network.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

// Largest difference between two hidden units.
double spread(const Vector& x, Index inputs, Index hidden) {
  double largest = 0;
  for (Index k = 1; k < hidden; ++k) {
    for (Index j = 0; j < inputs; ++j)
      largest = std::max(largest, std::abs(x[k * inputs + j] - x[j]));
    for (const Index block : {hidden * inputs, hidden * inputs + hidden})
      largest = std::max(largest, std::abs(x[block + k] - x[block]));
  }
  return largest;
}

// All units become the first one, so that rounding cannot part them in a long run.
void restore(Vector& x, Index inputs, Index hidden) {
  for (Index k = 1; k < hidden; ++k) {
    x.segment(k * inputs, inputs) = x.head(inputs).eval();
    for (const Index block : {hidden * inputs, hidden * inputs + hidden}) x[block + k] = x[block];
  }
}

TEST(SymmetricNetwork, HoldsGradientDescentInItsSymmetry) {
  const SymmetricNetwork made = symmetric_network({.samples = 100, .seed = 1});
  Vector x = made.start, g(x.size());
  EXPECT_EQ(spread(x, 2, 4), 0);
  EXPECT_GT(spread(made.truth, 2, 4), 0.1);
  EXPECT_LT(made.objective->value(made.truth), 1e-30);
  const double before = made.objective->value(x);
  for (int step = 0; step < 500; ++step) {
    made.objective->value_and_gradient(x, g);
    x -= 0.1 * g;
  }
  EXPECT_LT(made.objective->value(x), before);
  EXPECT_LT(spread(x, 2, 4), 1e-10);
}

// The end of a descent within the symmetry is a strict saddle: parting the units lowers the loss.
TEST(SymmetricNetwork, EndsAtAStrictSaddle) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    const SymmetricNetwork made = symmetric_network({.seed = seed});
    Vector x = made.start, g(x.size());
    for (int step = 0; step < 20000; ++step) {
      made.objective->value_and_gradient(x, g);
      x -= 0.1 * g;
      restore(x, 2, 4);
    }
    EXPECT_LT(g.norm(), 1e-5);
    const Index n = x.size();
    Matrix h(n, n);
    Vector up(n), down(n);
    constexpr double step = 1e-5;
    for (Index j = 0; j < n; ++j) {
      made.objective->value_and_gradient(x + step * Vector::Unit(n, j), up);
      made.objective->value_and_gradient(x - step * Vector::Unit(n, j), down);
      h.col(j) = (up - down) / (2 * step);
    }
    const Eigen::SelfAdjointEigenSolver<Matrix> solved((h + h.transpose()) / 2);
    EXPECT_LT(solved.eigenvalues()[0], -1e-3) << "seed " << seed;
    const Vector away = x + 0.01 * solved.eigenvectors().col(0);
    EXPECT_LT(made.objective->value(away), made.objective->value(x));
  }
}

TEST(SymmetricNetwork, IsTheNetworkOfOneUnit) {
  const SymmetricNetwork made = symmetric_network({.samples = 50, .inputs = 3, .hidden = 5});
  RandomStream random(1, "rows");
  const Matrix rows = random.normal_vector(30).reshaped(10, 3);
  const Matrix y = made.network.predict(made.start, rows);
  const double c = 5 * made.start[20], b = made.start[15];
  for (Index i = 0; i < 10; ++i)
    EXPECT_NEAR(y(i, 0), c * std::tanh(rows.row(i).dot(made.start.head(3)) + b), 1e-14);
  EXPECT_NE(symmetric_network({.seed = 1}).start, symmetric_network({.seed = 2}).start);
}

TEST(SymmetricNetwork, RefusesImpossibleSizes) {
  EXPECT_THROW(symmetric_network({.samples = 0}), UsageError);
  EXPECT_THROW(symmetric_network({.inputs = 0}), UsageError);
  EXPECT_THROW(symmetric_network({.hidden = 0}), UsageError);
}

}  // namespace
}  // namespace thalweg
