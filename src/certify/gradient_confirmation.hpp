// A gradient held against differences of values.
#pragma once

#include "thalweg/core/assumption.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// Whether differences of values confirm the gradient g (n) at x: passes where the error is at most
/// a tenth of max(eps, |g|), fails where it exceeds that by more than the differences are known to.
/// Costs four values, two of which make about a gradient.
Assumption compare_with_values(const Objective& problem, const ConstVectorRef& x, const Vector& g,
                               double eps);

}  // namespace thalweg
