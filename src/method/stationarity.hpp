// When a Gauss-Newton method need not or cannot go on.
#pragma once

#include <optional>

#include "thalweg/method/gauss_newton_model.hpp"
#include "thalweg/run/outcome.hpp"

namespace thalweg::detail {

/// converged, where the gradient is exactly zero or all that the model could still gain is lost in
/// the rounding of f.
std::optional<StopReason> stationary(GaussNewtonModel& model);

/// The verdict after a rejected trial that cannot be shortened any further: its prediction is lost
/// in the rounding of f, or the step in that of x. converged, where even `largest_prediction`, the
/// largest decrease predicted at this point, is within a hundred roundings; else stalled.
std::optional<StopReason> exhausted(const GaussNewtonModel& model, double prediction,
                                    double largest_prediction, double step_norm, double x_norm);

}  // namespace thalweg::detail
