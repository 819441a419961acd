// The two-point problem: one parameter, and a rare sample that outweighs the frequent ones.
//
//     f(w) = E (w - a)^2 / 2,      a = 10 with probability 1/5, a = -1 with probability 4/5
//
// as a mean over five samples. The minimiser is the mean 6/5, f there half the variance, 9.68. A
// stochastic step that divides the gradient of a sample by the norm of the same gradient counts
// signs, and goes to the median -1 instead; divided by the norm of an independent sample's gradient
// it keeps its mean direction. After
//
//   Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou, arXiv:2410.14054, TMLR 2025.
#pragma once

#include <memory>

#include "thalweg/model/linear_model.hpp"

namespace thalweg {

/// n = 1, N = 5: the first sample is the rare one.
std::shared_ptr<const LinearObjective> two_point();
Vector two_point_start();      ///< w = 5
double two_point_minimizer();  ///< 6/5

}  // namespace thalweg
