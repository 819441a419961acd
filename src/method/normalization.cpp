#include "thalweg/method/normalization.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg {

double Normalization::divisor(double norm) const {
  return std::pow(std::max(factor * norm + offset, threshold), exponent);
}

void Normalization::check(OptionChecker& checker) const {
  checker.require(factor > 0 && std::isfinite(factor), "factor", "be above 0 and finite", factor);
  checker.require(offset >= 0 && std::isfinite(offset), "offset", "be finite and not negative",
                  offset);
  checker.require(threshold >= 0 && std::isfinite(threshold), "threshold",
                  "be finite and not negative", threshold);
  checker.require(exponent >= 0 && exponent <= 1, "exponent", "lie in [0, 1]", exponent);
}

double normalized_descent(VectorRef x, double stepsize, const ConstVectorRef& g,
                          const ConstVectorRef& v, const std::vector<Index>& groups,
                          const Normalization& normalization) {
  double largest = 0;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const Index first = groups[k];
    const Index size = (k + 1 < groups.size() ? groups[k + 1] : x.size()) - first;
    const double divisor = normalization.divisor(v.segment(first, size).stableNorm());
    if (divisor == 0) continue;
    const double multiplier = stepsize / divisor;
    x.segment(first, size) -= multiplier * g.segment(first, size);
    largest = std::max(largest, multiplier);
  }
  return largest;
}

}  // namespace thalweg
