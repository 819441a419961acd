// Sparse tables, built row by row. Private.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "thalweg/core/sparse.hpp"
#include "thalweg/core/types.hpp"

namespace thalweg {

class SparseRows {
 public:
  /// source: FILE for messages.
  explicit SparseRows(std::string source) : source_(std::move(source)) {}
  void reserve(std::size_t numbers);
  /// Columns ascend within a row; zeros are left out.
  void add(Index column, double value) {
    if (value == 0) return;
    columns_.push_back(static_cast<int>(column));
    values_.push_back(value);
  }
  void end_row();  ///< throws DataError when there are too many numbers for one table
  SparseMatrix matrix(Index columns) const;

 private:
  std::string source_;
  std::vector<int> columns_;    // of each number
  std::vector<double> values_;  // row by row
  std::vector<int> row_ends_;   // how many numbers the rows up to and with each one have
};

}  // namespace thalweg
