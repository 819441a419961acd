// Stepsizes of gradient descent on a logistic problem that has a minimum.
//
//   S. Meng, A. Orvieto, D. Y. Cao, C. De Sa: Gradient descent on logistic regression with
//   non-separable data and large step sizes, arXiv:2406.05033.
#pragma once

#include "thalweg/problem/composite_objective.hpp"

namespace thalweg {

/// The stepsize beyond which gradient descent leaves the minimum: 2 over the sharpness there.
struct CriticalStep {
  double stepsize = 0;         ///< 2 / sharpness
  double sharpness = 0;        ///< largest eigenvalue of the Hessian at the minimum
  double gradient_norm = 0;    ///< there
  bool minimum_found = false;  ///< false: the numbers belong to no minimum
};

}  // namespace thalweg
