// What the diagnosis of a plateau measures at a point, within a budget.
#pragma once

#include <optional>

#include "thalweg/certify/plateau.hpp"

namespace thalweg {

/// The best of the steps tried along a direction.
struct LineGain {
  double gain = 0;    ///< f(x) - f(x + length d), >= 0
  double length = 0;  ///< |step|; 0: none lowers the value
};

struct ProbedCurvature {
  double smallest = 0, largest = 0;  ///< Ritz values
  double lower = 0;                ///< lambda_min >= lower with probability 0.999; may be -infinity
  double error = 0;                ///< of the values, by rounding or differences
  double effective_dimension = 0;  ///< trace over largest, from one random vector
  Vector vector = {};              ///< (n), of the smallest
};

struct ProbedNoise {
  double deviation = 0;             ///< root of E |xi|^2
  std::optional<double> rise = {};  ///< eta^2 E xi'H xi / 2, per update
  double fall = 0;                  ///< eta |g|^2 - eta^2 g'Hg / 2, per update, where rise is known
};

/// Measures at one point and counts what that costs.
class PlateauProbe {
 public:
  PlateauProbe(const Objective& problem, const ConstVectorRef& x, const PlateauContext& context);

  bool finite() const;
  double value() const { return value_; }
  double gradient_norm() const { return gradient_norm_; }
  double gap() const { return gap_; }
  double spent() const { return spent_; }

  LineGain along_gradient();
  std::optional<ProbedCurvature> curvature();  ///< absent: not affordable, or not finite
  LineGain along(const Vector& direction);     ///< of unit length, or its opposite
  /// Absent: no batches, or not affordable.
  std::optional<ProbedNoise> noise();
  /// Rank here, probes, and rank nearby, where it is lower here. Absent: nothing to lose.
  struct Rank {
    Index here = 0, nearby = 0, probes = 0;
  };
  std::optional<Rank> lost_rank();

 private:
  double left() const { return context_.gradients - spent_; }
  double value_at(const Vector& direction, double length);
  LineGain search(const Vector& direction, double first_length);
  const Hessian& hessian();
  void apply(const ConstVectorRef& v, VectorRef hv);

  const Objective& problem_;
  const Vector x_;
  const PlateauContext& context_;
  Vector gradient_;
  double value_ = 0, gradient_norm_ = 0, gap_ = 0, spent_ = 0;
  bool exact_ = false;
  std::unique_ptr<Hessian> hessian_;
};

}  // namespace thalweg
