// When a Gauss-Newton method need not or cannot go on.
#pragma once

#include <optional>

#include "thalweg/method/gauss_newton_model.hpp"
#include "thalweg/run/outcome.hpp"

namespace thalweg::detail {

/// converged, where the gradient is exactly zero or all that the model could still gain is lost in
/// the rounding of f.
std::optional<StopReason> stationary(GaussNewtonModel& model);

/// The verdict where no trial is left at this point: converged, where even the undamped model
/// promises no more than a hundred roundings of f; else stalled.
StopReason give_up(GaussNewtonModel& model);

}  // namespace thalweg::detail
