// The promise made before the first step.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "thalweg/core/assumption.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {

/// What is promised; absent fields are not promised.
struct Forecast {
  double initial_loss = 0;
  std::optional<double> target_loss;
  std::optional<double>
      floor;  ///< where the target cannot be promised: the loss that can be reached
  std::optional<double>
      flow_time;  ///< where the adapted flow ends under the rank condition: its option flow-time,
                  ///< s* = (N/2) ln(C0 / target) unless given; absent for the tau rule
  std::optional<double> steps;
  std::optional<double> seconds;
  /// Work of one step, in full gradients that take about as long: flops in large matrix products
  /// and factorizations count a fifth.
  std::optional<double> step_gradients;
  std::optional<double> bytes;
  bool claims_global_minimum =
      false;  ///< the target loss at a proved lower bound is promised (exit code 7 if refuted)
  bool claims_second_order = false;  ///< a point of second order is what the method ends at
  bool claims_rate = false;  ///< the loss at every flow time, or the bound below, is promised
  /// Large-step methods: ln of a proved bound on the loss of the best point when the steps are
  /// taken.
  std::optional<double> log_loss_bound;
  /// large-step: tau, the step by which the stable phase has begun.
  std::optional<double> transition_bound;
  // normalized on the full f with a fixed gamma: sublinear (with the power of the number of steps),
  // linear or finite, and the gap above the minimum below which steps may climb.
  std::optional<std::string> regime;
  std::optional<double> exponent, step_floor;
  /// Sampled methods: sample evaluations after which a first-order target is reached on average.
  std::optional<double> samples;
  bool claims_separates = false;  ///< the bound forces every margin above 0
  std::vector<Assumption> assumptions;
};

}  // namespace thalweg
