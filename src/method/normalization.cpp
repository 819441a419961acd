#include "thalweg/method/normalization.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg {

double Normalization::divisor(double norm) const {
  return std::pow(std::max(factor * norm + offset, threshold), exponent);
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
