// The best Hessian that a problem has to offer.
#pragma once

#include <memory>

#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// The Hessian at x, where the gradient is given, (n) each:
///
///     TwiceDifferentiable                            its own
///     CompositeObjective of a twice differentiable   J' H_L J + sum_i (dL/dy_i) d2 y_i / dx2 +
///     model                                          ridge I, exact, two gradients per product
///     else                                           forward differences of gradients
///
/// The problem must outlive it.
std::unique_ptr<Hessian> hessian_at(const Objective& problem, const ConstVectorRef& x,
                                    const ConstVectorRef& gradient);

/// Whether that is exact to rounding, no differences.
bool has_exact_hessian(const Objective& problem);

}  // namespace thalweg
