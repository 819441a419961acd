// A small network that starts with all hidden units equal.
//
//     y(x) = sum_k c_k tanh(w_k'x + b_k) + c_0,      loss 1/(2N) sum (y(x_i) - t_i)^2
//
// Equal units have equal gradients: a gradient method keeps them equal, up to rounding, and ends at
// the best network with one unit in their place. Parting the units is no first-order change there,
// and where it lowers the loss in second order that point is a strict saddle. The targets come from
// a network of the same width, so that the minimum is 0.
#pragma once

#include <cstdint>
#include <memory>

#include "thalweg/model/network.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace thalweg {

struct SymmetricNetworkOptions {
  Index samples = 200;  ///< N >= 1
  Index inputs = 2;     ///< D >= 1
  Index hidden = 4;     ///< units, >= 1
  std::uint64_t seed = 0;
  void validate() const;  ///< throws UsageError naming every violated range
};

struct SymmetricNetwork {
  Network network;
  std::shared_ptr<const CompositeObjective> objective;
  Vector truth;  ///< parameters behind the targets, (n): a global minimum
  Vector start;  ///< (n)
};

/// Drawn from RandomStream(seed, "symmetric-network") in this order, all N(0, 1): inputs (N, D) by
/// columns; the parameters of the network behind the targets, its last bias 0; one hidden unit,
/// its D weights, bias and output weight c, which every unit of the start is, with c / hidden.
SymmetricNetwork symmetric_network(const SymmetricNetworkOptions& options);

}  // namespace thalweg
