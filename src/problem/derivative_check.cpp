#include "thalweg/problem/derivative_check.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace thalweg {

TaylorSlope taylor_slope(const std::function<double(double)>& remainder, double length,
                         double rounding) {
  TaylorSlope result;
  std::vector<double> slopes;
  double previous = 0;
  constexpr double ratio = 0.31622776601683794;  // half a decade
  double h = 0.1 * length;
  for (int k = 0; k <= 12; ++k, h *= ratio) {
    const double r = remainder(h);
    if (!std::isfinite(r)) {
      previous = 0;
      continue;
    }
    result.largest_remainder = std::max(result.largest_remainder, r);
    if (r <= rounding) break;
    if (previous > 0) slopes.push_back(std::log(r / previous) / std::log(ratio));
    previous = r;
  }
  if (slopes.empty()) return result;
  // The median: large h are not yet asymptotic, the smallest ones touch rounding.
  std::nth_element(slopes.begin(), slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() / 2),
                   slopes.end());
  result.slope = slopes[slopes.size() / 2];
  return result;
}

}  // namespace thalweg
