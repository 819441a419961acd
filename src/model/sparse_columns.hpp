// A sparse table by columns, in blocks of rows whose outputs fit the first-level cache.
//
// Rows of a sparse table are short and of all lengths, so that loops over one row end in a
// mispredicted branch each; the runs of one column in a block of rows are longer, and neither
// reading outputs through them nor adding to outputs has a chain of dependent operations.
#pragma once

#include <cstdint>
#include <vector>

#include "thalweg/core/sparse.hpp"
#include "thalweg/core/types.hpp"

namespace thalweg {

class SparseColumns {
 public:
  static constexpr Index block_rows = 2048;

  explicit SparseColumns(const SparseMatrix& table);

  /// Whether the runs of this table are long enough to pay.
  static bool pays(const SparseMatrix& table);

  /// z += X_b w for the block of rows that begins at `first`, a multiple of block_rows.
  void add_products(Index first, const double* w, double* z) const;
  /// sums += X_b' u.
  void add_adjoint(Index first, const double* u, double* sums) const;

 private:
  template <class Visit>
  void for_runs(Index first, Visit visit) const;

  Index columns_;
  std::vector<Index> start_;        // of the run of column j in block b, at b * columns + j
  std::vector<std::uint16_t> row_;  // within the block
  std::vector<double> value_;       // empty: all are 1
};

}  // namespace thalweg
