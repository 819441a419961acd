#include "thalweg/linalg/minimum_norm_point.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg::linalg {
namespace {

using Status = MinimumNormPoint::Status;

constexpr double no_limit = 1e18;

MinimumNormPoint with_points(const Matrix& points) {
  MinimumNormPoint solver(points.rows());
  for (Index i = 0; i < points.cols(); ++i) solver.add(points.col(i));
  return solver;
}

Vector combination(const MinimumNormPoint& solver, const Matrix& points) {
  const auto support = solver.support();
  const Vector weights = solver.weights();
  Vector sum = Vector::Zero(points.rows());
  for (std::size_t j = 0; j < support.size(); ++j)
    sum += weights[static_cast<Index>(j)] * points.col(support[j]);
  return sum;
}

// The least norm over the hull by trying every subset as the face that holds the answer.
double least_norm_by_enumeration(const Matrix& points) {
  const Index count = points.cols();
  double least = std::numeric_limits<double>::infinity();
  for (unsigned subset = 1; subset < (1u << count); ++subset) {
    std::vector<Index> face;
    for (Index i = 0; i < count; ++i)
      if (subset >> i & 1u) face.push_back(i);
    const Index k = static_cast<Index>(face.size());
    Matrix kkt = Matrix::Zero(k + 1, k + 1);  // min |S p|^2 / 2 with sum p = 1
    for (Index a = 0; a < k; ++a)
      for (Index b = 0; b < k; ++b)
        kkt(a, b) = points.col(face[static_cast<std::size_t>(a)])
                        .dot(points.col(face[static_cast<std::size_t>(b)]));
    kkt.col(k).head(k).setOnes();
    kkt.row(k).head(k).setOnes();
    const Vector p = kkt.completeOrthogonalDecomposition().solve(Vector::Unit(k + 1, k)).head(k);
    if (p.minCoeff() < -1e-12 || std::abs(p.sum() - 1) > 1e-8) continue;
    Vector sum = Vector::Zero(points.rows());
    for (Index a = 0; a < k; ++a) sum += p[a] * points.col(face[static_cast<std::size_t>(a)]);
    least = std::min(least, sum.norm());
  }
  return least;
}

Matrix random_points(Index dimension, Index count, std::uint64_t seed, double shift) {
  RandomStream random(seed, "hull");
  Matrix points(dimension, count);
  for (Index i = 0; i < count; ++i) {
    points.col(i) = random.normal_vector(dimension);
    points(0, i) += shift;
  }
  return points;
}

TEST(MinimumNormPoint, OnePointIsItsOwnHull) {
  Matrix points(2, 1);
  points << 3, 4;
  auto solver = with_points(points);
  ASSERT_EQ(solver.solve(0, no_limit), Status::optimal);
  EXPECT_NEAR(solver.separator().norm(), 1.0 / 5, 1e-15);
  EXPECT_NEAR((combination(solver, points) - points.col(0)).norm(), 0, 1e-15);
}

TEST(MinimumNormPoint, TheFootOfThePerpendicularOnASegment) {
  Matrix points(2, 3);
  points << -1, 2, 5, 1, 1, 3;  // (-1, 1) and (2, 1): the foot (0, 1) lies between
  auto solver = with_points(points);
  ASSERT_EQ(solver.solve(0, no_limit), Status::optimal);
  const Vector foot = combination(solver, points);
  EXPECT_NEAR(foot[0], 0, 1e-15);
  EXPECT_NEAR(foot[1], 1, 1e-15);
}

TEST(MinimumNormPoint, OppositePointsAndTheZeroPointHoldTheOrigin) {
  Matrix opposite(3, 2), zero(3, 2);
  opposite << 1, -2, 2, -4, 3, -6;
  zero << 1, 0, 1, 0, 1, 0;
  for (const Matrix& points : {opposite, zero}) {
    auto solver = with_points(points);
    ASSERT_EQ(solver.solve(0, no_limit), Status::origin);
    EXPECT_NEAR(combination(solver, points).norm(), 0, 1e-15);
    EXPECT_GE(solver.weights().minCoeff(), 0);
    EXPECT_NEAR(solver.weights().sum(), 1, 1e-15);
  }
}

RC_GTEST_PROP(MinimumNormPoint, AgreesWithTheEnumerationOfAllFaces, (std::uint64_t seed)) {
  const Index dimension = *rc::gen::inRange<Index>(1, 5), count = *rc::gen::inRange<Index>(1, 9);
  const Matrix points = random_points(dimension, count, seed, 1.5);
  auto solver = with_points(points);
  const Status status = solver.solve(0, no_limit);
  const double expected = least_norm_by_enumeration(points);
  if (expected < 1e-9) {
    RC_ASSERT(status == Status::origin);
    RC_ASSERT(combination(solver, points).norm() < 1e-13);
    return;
  }
  RC_ASSERT(status == Status::optimal);
  RC_ASSERT(std::abs(1 / solver.separator().norm() - expected) < 1e-9 * expected);
  RC_ASSERT(std::abs(combination(solver, points).norm() - expected) < 1e-9 * expected);
}

// Points whose hull passes the origin at a planted distance, with a support that is nearly flat.
RC_GTEST_PROP(MinimumNormPoint, ResolvesDistancesFarBelowTheRootOfRounding, (std::uint64_t seed)) {
  const Index dimension = *rc::gen::inRange<Index>(2, 12);
  const double distance = std::pow(10.0, -*rc::gen::inRange(1, 13));
  Matrix points = random_points(dimension, 40, seed, 0);
  for (Index i = 0; i < points.cols(); ++i) {
    points(0, i) = i < 2 * dimension ? distance : distance * (2 + static_cast<double>(i));
    if (i < dimension)
      points.col(i + dimension).tail(dimension - 1) = -points.col(i).tail(dimension - 1);
  }
  auto solver = with_points(points);
  RC_ASSERT(solver.solve(1e-6, no_limit) == Status::optimal);
  const double found = 1 / solver.separator().norm();
  const double resolved = 1e-13 / distance + 1e-6;
  RC_ASSERT(std::abs(found / distance - 1) < resolved);
  const Vector margins = points.transpose() * solver.separator();
  RC_ASSERT(margins.minCoeff() > 1 - resolved);
}

RC_GTEST_PROP(MinimumNormPoint, FindsPlantedContradictions, (std::uint64_t seed)) {
  const Index dimension = *rc::gen::inRange<Index>(2, 15);
  Matrix points = random_points(dimension, 60, seed, 6);
  RandomStream random(seed, "weights");
  Vector opposite = Vector::Zero(dimension);
  for (Index i = 0; i < dimension; ++i) opposite -= random.uniform() * points.col(7 * i % 60);
  points.col(59) = opposite;
  auto solver = with_points(points);
  RC_ASSERT(solver.solve(0, no_limit) == Status::origin);
  RC_ASSERT(combination(solver, points).norm() < 1e-12);
  RC_ASSERT(solver.weights().minCoeff() >= 0);
}

TEST(MinimumNormPoint, PointsAddedLaterChangeTheAnswerAsIfTheyHadBeenThere) {
  const Matrix points = random_points(6, 80, 3, 4);
  auto at_once = with_points(points);
  MinimumNormPoint in_parts(6);
  for (Index i = 0; i < points.cols(); ++i) {
    in_parts.add(points.col(i));
    if (i % 10 == 9) {
      ASSERT_EQ(in_parts.solve(0, no_limit), Status::optimal);
    }
  }
  ASSERT_EQ(at_once.solve(0, no_limit), Status::optimal);
  EXPECT_NEAR((at_once.separator() - in_parts.separator()).norm(), 0, 1e-12);
}

TEST(MinimumNormPoint, EqualPointsDoNotDelayIt) {
  Matrix points(3, 300);
  for (Index i = 0; i < 300; ++i) points.col(i) = Vector::Unit(3, i % 3);
  auto solver = with_points(points);
  ASSERT_EQ(solver.solve(0, no_limit), Status::optimal);
  EXPECT_NEAR(1 / solver.separator().norm(), 1 / std::sqrt(3.0), 1e-15);
  EXPECT_EQ(solver.support().size(), 3u);
}

TEST(MinimumNormPoint, EndsWhereTheWorkIsUsedUp) {
  auto solver = with_points(random_points(30, 200, 1, 8));
  EXPECT_EQ(solver.solve(0, 1), Status::exhausted);
  EXPECT_EQ(solver.solve(0, no_limit), Status::optimal);
}

TEST(MinimumNormPoint, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(MinimumNormPoint(0), UsageError);
  MinimumNormPoint solver(3);
  EXPECT_THROW(solver.add(Vector::Zero(2)), UsageError);
}

}  // namespace
}  // namespace thalweg::linalg
