#include "model/stacked_targets.hpp"

#include "thalweg/core/error.hpp"

namespace thalweg::detail {

Vector stacked(const Matrix& targets, Batch batch) {
  const auto count = static_cast<Index>(batch.size());
  Vector chosen(count * targets.cols());
  for (Index q = 0; q < targets.cols(); ++q)
    for (Index k = 0; k < count; ++k)
      chosen[q * count + k] = targets(batch[static_cast<std::size_t>(k)], q);
  return chosen;
}

Vector sample_sums(const Vector& of_outputs, Index outputs) {
  const Index samples = of_outputs.size() / outputs;
  return Eigen::Map<const Matrix>(of_outputs.data(), samples, outputs).rowwise().sum();
}

void require_targets(const Matrix& targets) {
  if (targets.size() == 0) throw UsageError("a loss needs at least one row and column of targets");
  if (!targets.allFinite()) throw UsageError("targets of a loss must be finite");
}

Matrix diagonal_root(const Vector& root, Index samples, Index outputs) {
  Matrix s = Matrix::Zero(samples * outputs, outputs);
  for (Index q = 0; q < outputs; ++q)
    s.col(q).segment(q * samples, samples) = root.segment(q * samples, samples);
  return s;
}

}  // namespace thalweg::detail
