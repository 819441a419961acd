// Four points in the plane: the toy problem of figure 1 of
//
//   J. Wu, P. Bartlett, M. Telgarsky, B. Yu: Large stepsize gradient descent for logistic loss,
//   COLT 2024, arXiv:2402.15926.
#pragma once

#include <memory>

#include "thalweg/model/linear_model.hpp"

namespace thalweg {

/// Mean logistic loss of (1, .2), (-2, .2) in class 1 and (-1, -.2), (2, -.2) in class 0, without
/// an intercept; n = 2, margin 0.2 before rows are scaled. `ridge` as in LinearObjective.
std::shared_ptr<const LinearObjective> logistic_toy(double ridge = 0);

}  // namespace thalweg
