#include "thalweg/problem/curvature_envelope.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

constexpr Index value_row = 0, hessian_row = 1, third_row = 2;

}  // namespace

CurvatureEnvelope::CurvatureEnvelope(double safety) : safety_(safety), points_(3, 0) {
  OptionChecker checker("curvature envelope");
  checker.require(safety >= 1 && std::isfinite(safety), "safety", "be at least 1 and finite",
                  safety);
  checker.throw_if_any();
}

double CurvatureEnvelope::above(Index row, double value) const {
  if (empty()) return std::numeric_limits<double>::infinity();
  double largest = points_(row, 0);
  for (Index k = 1; k < points_.cols() && points_(value_row, k) <= value; ++k)
    largest = std::max(largest, points_(row, k));
  return safety_ * largest;
}

double CurvatureEnvelope::hessian_norm(double value) const { return above(hessian_row, value); }
double CurvatureEnvelope::third_derivative(double value) const { return above(third_row, value); }

bool CurvatureEnvelope::add(double value, double hessian_norm, double third_derivative) {
  if (!std::isfinite(value) || !std::isfinite(hessian_norm) || !std::isfinite(third_derivative))
    return false;
  const bool refuted = !empty() && (hessian_norm > this->hessian_norm(value) ||
                                    third_derivative > this->third_derivative(value));
  if (refuted) ++refutations_;
  insert(value, hessian_norm, third_derivative);
  return refuted;
}

bool CurvatureEnvelope::add_secant(double value, double curvature) {
  if (!std::isfinite(value) || !std::isfinite(curvature) || empty()) return false;
  if (curvature <= hessian_norm(value)) return false;  // it tells nothing new
  ++refutations_;
  insert(value, usual_safety / safety_ * curvature, 0);
  return true;
}

void CurvatureEnvelope::insert(double value, double hessian_norm, double third_derivative) {
  // A point that another one of no larger value lies above in both respects changes nothing.
  Matrix kept(3, points_.cols() + 1);
  Index count = 0;
  bool placed = false;
  const auto put = [&](double v, double h, double t) {
    for (Index k = 0; k < count; ++k)
      if (kept(hessian_row, k) >= h && kept(third_row, k) >= t) return;
    // Points of one value are one, with the larger norms.
    if (count > 0 && kept(value_row, count - 1) == v) {
      --count;
      h = std::max(h, kept(hessian_row, count));
      t = std::max(t, kept(third_row, count));
    }
    kept.col(count++) << v, h, t;
  };
  for (Index k = 0; k < points_.cols(); ++k) {
    if (!placed && value < points_(value_row, k)) {
      put(value, hessian_norm, third_derivative);
      placed = true;
    }
    put(points_(value_row, k), points_(hessian_row, k), points_(third_row, k));
  }
  if (!placed) put(value, hessian_norm, third_derivative);
  points_ = kept.leftCols(count);
}

void CurvatureEnvelope::restore(Matrix points, std::int64_t refutations) {
  if (points.rows() != 3 || !points.allFinite() || refutations < 0)
    throw DataError("the stored curvature measurements do not fit", "curvature envelope",
                    "start the run anew");
  points_ = std::move(points);
  refutations_ = refutations;
}

}  // namespace thalweg
