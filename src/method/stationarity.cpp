#include "method/stationarity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace thalweg::detail {
namespace {

// `decrease` and `threshold` relative to the value, which may itself be zero.
StopReason relative_reduction(Outcome outcome, double decrease, double threshold, double value) {
  const double scale = std::max(std::abs(value), std::numeric_limits<double>::min());
  return {.outcome = outcome,
          .criterion = "relative-reduction",
          .measured = decrease / scale,
          .threshold = threshold / scale,
          .advice = {}};
}

}  // namespace

std::optional<StopReason> stationary(GaussNewtonModel& model) {
  if (model.gradient().isZero(0))
    return StopReason{.outcome = Outcome::converged,
                      .criterion = "zero-gradient",
                      .measured = 0.0,
                      .threshold = 0.0,
                      .advice = {}};
  const auto attainable = model.attainable_decrease();
  if (!attainable || *attainable > model.rounding()) return std::nullopt;
  return relative_reduction(Outcome::converged, *attainable, model.rounding(), model.value());
}

StopReason give_up(const GaussNewtonModel& model, double largest_prediction) {
  const double limit = 100 * model.rounding();
  if (largest_prediction <= limit)
    return relative_reduction(Outcome::converged, largest_prediction, limit, model.value());
  auto reason = relative_reduction(Outcome::stalled, largest_prediction, limit, model.value());
  reason.advice =
      "no step that can be represented decreases the objective although its model promises it: "
      "check the Jacobian, or start elsewhere";
  return reason;
}

}  // namespace thalweg::detail
