// What methods that leave saddles take from the curvature bound, and what they promise.
#pragma once

#include "work.hpp"

namespace thalweg::plan {

/// Fills eps and the constants of perturbations that the user left open, and says why.
void choose_saddle_options(const ProblemSize& size, const Preflight& preflight, double eps,
                           Plan& plan);

/// Adds the claim of second order, with the assumptions behind it.
void forecast_saddles(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                      Forecast& forecast);

}  // namespace thalweg::plan
