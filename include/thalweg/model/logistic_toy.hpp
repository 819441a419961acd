// Four points in the plane: the toy problem of figure 1 of
//
//   J. Wu, P. Bartlett, M. Telgarsky, B. Yu: Large stepsize gradient descent for logistic loss,
//   COLT 2024, arXiv:2402.15926.
#pragma once

#include <memory>
#include <vector>

#include "thalweg/model/linear_model.hpp"

namespace thalweg {

/// The labels of the four points: 1, 1, 0, 0.
std::vector<int> logistic_toy_labels();
/// (1, .2), (-2, .2) in class 1 and (-1, -.2), (2, -.2) in class 0, without an intercept: n = 2,
/// and margin 0.2 before rows are scaled. `loss` is one of those labels; `ridge` as in
/// LinearObjective.
std::shared_ptr<const LinearObjective> logistic_toy(std::shared_ptr<const OutputLoss> loss,
                                                    double ridge = 0);
/// With the mean logistic loss.
std::shared_ptr<const LinearObjective> logistic_toy();

}  // namespace thalweg
