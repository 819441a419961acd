#include <cmath>

#include "thalweg/data/dataset.hpp"

namespace thalweg {
namespace {

/// Mean over the targets of 1 - |residual|^2 / |target - mean|^2; absent when none varies.
std::optional<double> coefficient_of_determination(const Matrix& residual, const Matrix& target) {
  double sum = 0;
  Index count = 0;
  for (Index k = 0; k < target.cols(); ++k) {
    const double variation = (target.col(k).array() - target.col(k).mean()).square().sum();
    if (!(variation > 0)) continue;
    sum += 1 - residual.col(k).squaredNorm() / variation;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

Metrics regression_metrics(const Encoding& encoding, const Part& part, const Matrix& outputs) {
  Matrix residual = outputs;
  residual.array().rowwise() *= encoding.target_scale.transpose().array();
  residual.rowwise() += encoding.target_mean.transpose();
  residual -= part.raw_targets;
  Metrics metrics;
  metrics.rmse = std::sqrt(residual.array().square().mean());
  metrics.mae = residual.cwiseAbs().mean();
  metrics.r2 = coefficient_of_determination(residual, part.raw_targets);
  return metrics;
}

/// ln(1 + exp(z)) without overflow.
double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

Metrics two_class_metrics(const Part& part, const Matrix& outputs) {
  double correct = 0, loss = 0;
  for (Index i = 0; i < part.size(); ++i) {
    const bool second = part.labels[static_cast<std::size_t>(i)] == 1;
    const double margin = outputs(i, 0);
    correct += (margin > 0) == second;
    loss += softplus(second ? -margin : margin);
  }
  const auto n = static_cast<double>(part.size());
  Metrics metrics;
  metrics.accuracy = correct / n;
  metrics.cross_entropy = loss / n;
  return metrics;
}

Metrics many_class_metrics(const Part& part, const Matrix& outputs) {
  double correct = 0, loss = 0;
  for (Index i = 0; i < part.size(); ++i) {
    const Index label = part.labels[static_cast<std::size_t>(i)];
    Index chosen;
    const double largest = outputs.row(i).maxCoeff(&chosen);
    correct += chosen == label;
    loss += std::log((outputs.row(i).array() - largest).exp().sum()) + largest - outputs(i, label);
  }
  const auto n = static_cast<double>(part.size());
  Metrics metrics;
  metrics.accuracy = correct / n;
  metrics.cross_entropy = loss / n;
  return metrics;
}

}  // namespace

Metrics evaluate(const Encoding& encoding, const Part& part, const Matrix& outputs) {
  if (part.size() == 0) return {};
  if (encoding.task != Task::classification) return regression_metrics(encoding, part, outputs);
  return encoding.outputs() == 1 ? two_class_metrics(part, outputs)
                                 : many_class_metrics(part, outputs);
}

}  // namespace thalweg
