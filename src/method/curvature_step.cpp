#include "method/curvature_step.hpp"

namespace thalweg::detail {

std::optional<Evaluation> step_along_curvature(const Objective& problem, const ConstVectorRef& x,
                                               double value, const CurvatureAnswer& answer,
                                               double length, std::int64_t& evaluations) {
  constexpr double share = 0.25;
  for (;; length /= 2) {
    Evaluation trial = evaluate(problem, x + length * answer.direction);
    ++evaluations;
    if (trial.x == x) return std::nullopt;
    if (trial.finite() && trial.value <= value + share * answer.value * length * length / 2)
      return trial;
  }
}

}  // namespace thalweg::detail
