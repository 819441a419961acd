// The measured side of self-bounding regularity: norms of second and third derivatives against the
// value, and the smallest nondecreasing functions above them.
#pragma once

#include <cstdint>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// Measured triples (value, |H|, |D^3 f|) and their running upper envelopes
///
///     rho(f) = safety * max { norm_i : f_i <= f },    below all values: that of the lowest one,
///
/// the smallest nondecreasing (isotonic) functions above the points, times a safety factor. A
/// measurement above the envelope refutes it; adding it refits. Norms are lower estimates, since
/// they are found by iteration: hence the factor.
class CurvatureEnvelope {
 public:
  static constexpr double usual_safety = 1.5;
  explicit CurvatureEnvelope(double safety = usual_safety);  ///< UsageError unless >= 1

  /// Adds a measurement and returns whether it refuted one of the envelopes. Numbers that are not
  /// finite are not kept. An empty envelope is not refuted.
  bool add(double value, double hessian_norm, double third_derivative);
  /// The same where only a curvature along a step was seen, which refutes the envelope: refitted to
  /// `usual_safety` times it.
  bool add_secant(double value, double curvature);

  bool empty() const { return points_.cols() == 0; }
  Index size() const { return points_.cols(); }
  double hessian_norm(double value) const;      ///< infinite where empty
  double third_derivative(double value) const;  ///< infinite where empty
  double safety() const { return safety_; }
  std::int64_t refutations() const { return refutations_; }

  /// (3, k): value, |H|, |D^3 f|, ascending in value; what a checkpoint stores.
  const Matrix& points() const { return points_; }
  void restore(Matrix points, std::int64_t refutations);

 private:
  double above(Index row, double value) const;
  void insert(double value, double hessian_norm, double third_derivative);

  double safety_;
  std::int64_t refutations_ = 0;
  Matrix points_;
};

}  // namespace thalweg
