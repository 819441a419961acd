// What losses of stacked outputs with (N, Q) targets share.
#pragma once

#include "thalweg/problem/output_loss.hpp"

namespace thalweg::detail {

/// Targets as one vector, entry q N + i.
inline Eigen::Map<const Vector> stacked(const Matrix& targets) {
  return {targets.data(), targets.size()};
}
/// The targets of a batch, stacked like its outputs.
Vector stacked(const Matrix& targets, Batch batch);
/// The sum over the outputs of every sample, (b), of what is stacked output by output, (b Q).
Vector sample_sums(const Vector& of_outputs, Index outputs);
/// Throws UsageError for no targets, or targets that are not finite.
void require_targets(const Matrix& targets);
/// Block diagonal root of a diagonal matrix, from the roots of its entries (m), in the layout of
/// Linearization::normal.
Matrix diagonal_root(const Vector& root, Index samples, Index outputs);

}  // namespace thalweg::detail
