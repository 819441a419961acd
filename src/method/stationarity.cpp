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

// What the model could still gain: exactly where singular values are known, else with as little
// damping as the factorization bears.
double promised_decrease(GaussNewtonModel& model) {
  if (const auto attainable = model.attainable_decrease()) return *attainable;
  const double largest = model.largest_eigenvalue();
  for (const double relative : {1e-12, 1e-8, 1e-4}) {
    const ModelStep step = model.step(relative * largest);
    if (step.solved) return step.predicted_decrease();
  }
  return std::abs(model.value());
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

StopReason give_up(GaussNewtonModel& model) {
  const double promised = promised_decrease(model), limit = 100 * model.rounding();
  if (promised <= limit)
    return relative_reduction(Outcome::converged, promised, limit, model.value());
  auto reason = relative_reduction(Outcome::stalled, promised, limit, model.value());
  reason.advice =
      "no step that can be represented decreases the objective although its model promises it: "
      "check the Jacobian, or start elsewhere";
  return reason;
}

}  // namespace thalweg::detail
