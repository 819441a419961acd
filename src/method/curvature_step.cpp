#include "method/curvature_step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace thalweg::detail {

std::optional<Evaluation> step_along_curvature(const Objective& problem, const ConstVectorRef& x,
                                               double value, const CurvatureAnswer& answer,
                                               double length, std::int64_t& evaluations) {
  constexpr double share = 0.25;
  // What rounding could have made is no gain.
  const double least = 64 * std::numeric_limits<double>::epsilon() * std::abs(value);
  if (!std::isfinite(length)) return std::nullopt;
  for (;; length /= 2) {
    Evaluation trial = evaluate(problem, x + length * answer.direction);
    ++evaluations;
    if (trial.x == x) return std::nullopt;
    const double gain = std::max(-share * answer.value * length * length / 2, least);
    if (trial.finite() && trial.value < value - gain) return trial;
  }
}

}  // namespace thalweg::detail
