// A step along negative curvature, shortened until f falls.
#pragma once

#include <optional>

#include "method/first_order.hpp"
#include "thalweg/method/curvature_check.hpp"

namespace thalweg::detail {

/// The point x + t v, v the direction of the answer, t the first of length, length/2, ... with
/// f <= value - c t^2 / 8, c = -answer.value > 0: a quarter of what the quadratic model promises,
/// where the cubic bound leaves a third at the length 2 c / rho, and more than rounding. Absent
/// where there is no such t. Adds to `evaluations`.
std::optional<Evaluation> step_along_curvature(const Objective& problem, const ConstVectorRef& x,
                                               double value, const CurvatureAnswer& answer,
                                               double length, std::int64_t& evaluations);

}  // namespace thalweg::detail
