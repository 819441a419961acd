#include "thalweg/problem/margin_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "thalweg/core/error.hpp"

namespace thalweg {

MarginLoss::MarginLoss(std::vector<int> labels, int classes)
    : labels_(std::move(labels)), classes_(classes) {
  if (classes < 2) throw UsageError("a loss of labels needs at least two classes");
  if (labels_.empty()) throw UsageError("a loss of labels needs at least one label");
  const auto wrong = std::find_if(labels_.begin(), labels_.end(),
                                  [&](int label) { return label < 0 || label >= classes; });
  if (wrong != labels_.end())
    throw UsageError("label " + std::to_string(*wrong) + " of sample " +
                     std::to_string(wrong - labels_.begin()) + " is not in 0 .. " +
                     std::to_string(classes - 1));
}

Index MarginLoss::output_count() const {
  return static_cast<Index>(labels_.size()) * outputs_per_sample();
}

Vector MarginLoss::smallest_margins(const ConstVectorRef& y) const {
  const Index n = sample_count();
  Vector smallest(n);
  for (Index i = 0; i < n; ++i) {
    if (classes_ == 2) {
      smallest[i] = sign(i) * y[i];
      continue;
    }
    double other = -std::numeric_limits<double>::infinity();
    for (int q = 0; q < classes_; ++q)
      if (q != label(i)) other = std::max(other, y[q * n + i]);
    smallest[i] = y[label(i) * n + i] - other;
  }
  return smallest;
}

double MarginLoss::training_error(const ConstVectorRef& smallest_margins) {
  const auto wrong = (!(smallest_margins.array() > 0)).count();
  return static_cast<double>(wrong) / static_cast<double>(smallest_margins.size());
}

double MarginLoss::log_exponential(const ConstVectorRef& y, VectorRef gy) const {
  const Index n = sample_count();
  const double smallest = smallest_margins(y).minCoeff();
  double sum = 0;
  gy.setZero();
  for (Index i = 0; i < n; ++i) {
    if (classes_ == 2) {
      const double weight = std::exp(smallest - sign(i) * y[i]);
      gy[i] = -sign(i) * weight;
      sum += weight;
      continue;
    }
    const Index own = label(i) * n + i;
    for (int q = 0; q < classes_; ++q) {
      if (q == label(i)) continue;
      const double weight = std::exp(smallest - (y[own] - y[q * n + i]));
      gy[q * n + i] = weight;
      gy[own] -= weight;
      sum += weight;
    }
  }
  gy /= sum;
  return std::log(sum / static_cast<double>(n)) - smallest;
}

}  // namespace thalweg
