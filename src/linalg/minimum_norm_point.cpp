#include "thalweg/linalg/minimum_norm_point.hpp"

#include <Eigen/Jacobi>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "thalweg/core/error.hpp"

namespace thalweg::linalg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double flops_of(Index a, Index b) { return static_cast<double>(a) * static_cast<double>(b); }

}  // namespace

double product_rounding(Index n) {
  constexpr double short_sums = 8;  // what a product of few terms is allowed
  return (static_cast<double>(n) + short_sums) * std::numeric_limits<double>::epsilon();
}

MinimumNormPoint::MinimumNormPoint(Index dimension)
    : dimension_(dimension),
      points_(dimension, 0),
      q_(dimension, 0),
      separator_(Vector::Zero(dimension)) {
  if (dimension < 1) throw UsageError("a point of least norm needs at least one dimension");
}

void MinimumNormPoint::add(const ConstVectorRef& point) {
  if (point.size() != dimension_)
    throw UsageError("a point of the hull has a wrong number of coordinates");
  if (size_ == points_.cols()) {
    const Index capacity = std::max<Index>(4, size_ + size_ / 2);
    points_.conservativeResize(Eigen::NoChange, capacity);
    norms_.conservativeResize(capacity);
  }
  points_.col(size_) = point;
  norms_[size_] = point.stableNorm();
  is_active_.push_back(0);
  ++size_;
}

MinimumNormPoint::Status MinimumNormPoint::solve(double tolerance, double max_flops) {
  if (origin_) return Status::origin;
  refactorize();  // sheds the rounding of the updates made so far
  const double limit = flops_ + max_flops;
  const Index patience = 2 * dimension_ + 50;
  double longest = separator_.norm();
  for (Index fruitless = 0; fruitless < patience;) {
    const Index point = most_violated(tolerance);
    flops_ += 2 * flops_of(dimension_, size_);
    if (point < 0) return Status::optimal;
    if (flops_ > limit) return Status::exhausted;
    if (!enter(point)) {
      origin_ = true;
      return Status::origin;
    }
    const double length = separator_.norm();
    fruitless = length > longest ? 0 : fruitless + 1;
    longest = std::max(longest, length);
  }
  return Status::stalled;
}

std::vector<Index> MinimumNormPoint::support() const {
  std::vector<Index> points = active_;
  if (origin_) points.push_back(contradiction_.point);
  return points;
}

Vector MinimumNormPoint::weights() const {
  if (!origin_) return multipliers_ / std::max(multipliers_.sum(), 1e-300);
  Vector weights(active_count() + 1);
  weights << -contradiction_.combination, 1;
  return weights / weights.sum();
}

// The point whose margin is furthest below 1, beyond what its product can be trusted to.
Index MinimumNormPoint::most_violated(double tolerance) const {
  const Vector margins = held().transpose() * separator_;
  const double rounding = product_rounding(dimension_) * separator_.norm();
  Index worst = -1;
  double largest = 0;
  for (Index i = 0; i < size_; ++i) {
    if (is_active_[static_cast<std::size_t>(i)]) continue;
    const double violation = 1 - margins[i] - std::max(tolerance, rounding * norms_[i]);
    if (!(violation > largest)) continue;
    largest = violation;
    worst = i;
  }
  return worst;
}

// One step of the method: the point enters with a growing weight; active points whose weight falls
// to zero on the way leave.
bool MinimumNormPoint::enter(Index point) {
  Entering entering;
  entering.point = point;
  while (true) {
    split(entering);
    const Index leaving = first_to_leave(entering.combination);
    const double length = entering.remainder.norm();
    const double rounding = product_rounding(dimension_);
    const bool dependent = length <= rounding * norms_[point];
    if (leaving < 0 && (dependent || length <= rounding * terms(entering))) {
      contradiction_ = std::move(entering);  // m - S combination is zero, no coefficient above it
      return false;
    }
    const double missing = 1 - points_.col(point).dot(separator_);
    const double full = dependent ? infinity : std::max(0.0, missing) / (length * length);
    const double partial =
        leaving < 0 ? infinity : multipliers_[leaving] / entering.combination[leaving];
    const double step = std::min(full, partial);
    if (!dependent) separator_ += step * entering.remainder;
    multipliers_ -= step * entering.combination;
    entering.weight += step;
    if (full <= partial) {
      append(entering);
      recompute_separator();
      return true;
    }
    drop(leaving);
  }
}

void MinimumNormPoint::split(Entering& entering) const {
  const auto point = points_.col(entering.point);
  entering.coordinates = q().transpose() * point;
  entering.remainder = point - q() * entering.coordinates;
  const Vector again = q().transpose() * entering.remainder;  // orthogonal to rounding only now
  entering.remainder -= q() * again;
  entering.coordinates += again;
  entering.combination = r().solve(entering.coordinates);
}

Index MinimumNormPoint::first_to_leave(const Vector& combination) const {
  Index first = -1;
  double smallest = infinity;
  for (Index j = 0; j < combination.size(); ++j) {
    if (!(combination[j] > 0) || !(multipliers_[j] < smallest * combination[j])) continue;
    smallest = multipliers_[j] / combination[j];
    first = j;
  }
  return first;
}

// What m and S combination add up from: the scale of the rounding in their difference.
double MinimumNormPoint::terms(const Entering& entering) const {
  double sum = norms_[entering.point];
  for (Index j = 0; j < active_count(); ++j)
    sum += std::abs(entering.combination[j]) * norms_[active_[static_cast<std::size_t>(j)]];
  return sum;
}

void MinimumNormPoint::append(const Entering& entering) {
  const Index k = active_count();
  reserve_active(k + 1);
  const double length = entering.remainder.norm();
  q_.col(k) = entering.remainder / length;
  r_.col(k).head(k) = entering.coordinates;
  r_.row(k).head(k).setZero();
  r_(k, k) = length;
  multipliers_.conservativeResize(k + 1);
  multipliers_[k] = entering.weight;
  active_.push_back(entering.point);
  is_active_[static_cast<std::size_t>(entering.point)] = 1;
  flops_ += 12 * flops_of(dimension_, k + 1);
}

// Removes a column of S = Q R: R keeps its triangle by rotations, which Q shares.
void MinimumNormPoint::drop(Index position) {
  const Index k = active_count();
  is_active_[static_cast<std::size_t>(active_[static_cast<std::size_t>(position)])] = 0;
  active_.erase(active_.begin() + position);
  for (Index j = position; j + 1 < k; ++j) {
    r_.col(j).head(k) = r_.col(j + 1).head(k);
    multipliers_[j] = multipliers_[j + 1];
  }
  multipliers_.conservativeResize(k - 1);
  for (Index j = position; j + 1 < k; ++j) {
    Eigen::JacobiRotation<double> rotation;
    rotation.makeGivens(r_(j, j), r_(j + 1, j));
    r_.middleCols(j, k - 1 - j).applyOnTheLeft(j, j + 1, rotation.adjoint());
    q_.leftCols(k).applyOnTheRight(j, j + 1, rotation);
  }
  flops_ += 6 * flops_of(dimension_ + k, k - position) + 8 * flops_of(dimension_, k);
}

void MinimumNormPoint::refactorize() {
  const Index k = active_count();
  if (k == 0) return;
  Matrix s(dimension_, k);
  for (Index j = 0; j < k; ++j) s.col(j) = points_.col(active_[static_cast<std::size_t>(j)]);
  const Eigen::HouseholderQR<Matrix> qr(s);
  q_.leftCols(k) = qr.householderQ() * Matrix::Identity(dimension_, k);
  r_.topLeftCorner(k, k) = qr.matrixQR().topRows(k).triangularView<Eigen::Upper>();
  flops_ += 6 * flops_of(dimension_, k * k);
  recompute_separator();
}

// The shortest u with S'u = 1, from the factors alone: steps leave no rounding behind.
void MinimumNormPoint::recompute_separator() {
  const Index k = active_count();
  const Vector along =
      r_.topLeftCorner(k, k).transpose().triangularView<Eigen::Lower>().solve(Vector::Ones(k));
  separator_ = q() * along;
  multipliers_ = r().solve(along).cwiseMax(0);
}

void MinimumNormPoint::reserve_active(Index count) {
  if (count <= q_.cols()) return;
  const Index capacity = std::max<Index>(4, 2 * q_.cols());
  q_.conservativeResize(dimension_, capacity);
  r_.conservativeResize(capacity, capacity);
}

}  // namespace thalweg::linalg
