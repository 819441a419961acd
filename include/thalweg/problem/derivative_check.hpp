// Checks of derivatives by the slope of the Taylor remainder over a range of steps, not by one
// difference.
#pragma once

#include <functional>
#include <optional>

#include "thalweg/core/types.hpp"

namespace thalweg {

struct TaylorSlope {
  /// Slope of ln(remainder) in ln(h), fitted where the remainder is above rounding; absent where it
  /// never is.
  std::optional<double> slope;
  double largest_remainder = 0;  ///< over the range, relative to `scale`
};

/// remainder(h) is sampled at h = 1e-1 ... 1e-7 times `length`; entries at or below `rounding` are
/// left out.
TaylorSlope taylor_slope(const std::function<double(double h)>& remainder, double length,
                         double rounding);

}  // namespace thalweg
