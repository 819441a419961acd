// Steps whose length depends on a gradient norm: normalization and clipping, of all parameters
// together or group by group.
#pragma once

#include <string_view>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/types.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// h(s) = max(A s + delta, C)^beta for a gradient norm s: what a step is divided by. C > 0 clips
/// (below A s + delta = C the step is that of plain descent), C = 0 normalizes.
struct Normalization {
  double factor = 1;     ///< A > 0
  double offset = 0;     ///< delta >= 0, objective / parameter
  double threshold = 0;  ///< C >= 0, objective / parameter
  double exponent = 1;   ///< beta in [0, 1]

  double divisor(double norm) const;
  /// Notes every violated range under the names factor, offset, threshold and exponent.
  void check(OptionChecker& checker) const;
};

/// x_k -= stepsize g_k / h(|v_k|) for every group k of parameters, where h > 0: a zero gradient
/// moves nothing. `groups` holds the first parameter of each group, ascending from 0; v (n) is the
/// vector whose norms are used, often g itself. Returns stepsize / h, the largest of the groups'.
double normalized_descent(VectorRef x, double stepsize, const ConstVectorRef& g,
                          const ConstVectorRef& v, const std::vector<Index>& groups,
                          const Normalization& normalization);

}  // namespace thalweg
