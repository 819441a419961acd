// Stepsizes of gradient descent on linear models of classes: the safe one, and where the classes
// are not separable the one beyond which the minimum is left.
//
//   S. Meng, A. Orvieto, D. Y. Cao, C. De Sa: Gradient descent on logistic regression with
//   non-separable data and large step sizes, arXiv:2406.05033.
#pragma once

#include "thalweg/model/linear_model.hpp"

namespace thalweg {

/// The stepsize beyond which gradient descent leaves the minimum: 2 over the sharpness there.
struct CriticalStep {
  double stepsize = 0;         ///< 2 / sharpness
  double sharpness = 0;        ///< largest eigenvalue of the Hessian at the minimum
  double gradient_norm = 0;    ///< there
  bool minimum_found = false;  ///< false: the numbers belong to no minimum
};

/// Finds the minimum by trust-region Newton from zero, and the sharpness there by Lanczos. A
/// problem without a minimum ends with minimum_found = false.
CriticalStep measure_critical_step(const LinearObjective& problem);

/// 1 / beta with beta an upper bound of the Hessian norm anywhere: the curvature bound of the loss
/// times the largest eigenvalue of J'J / N, plus the ridge. No step up to twice it raises the
/// value. Absent where the curvature of the loss is not bounded.
std::optional<double> safe_stepsize(const LinearObjective& problem);

}  // namespace thalweg
