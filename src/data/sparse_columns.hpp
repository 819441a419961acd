// Columns of sparse tables, of which most may be empty: nothing here needs a number per column.
// Private.
#pragma once

#include <cstdint>
#include <vector>

#include "thalweg/core/sparse.hpp"
#include "thalweg/core/types.hpp"

namespace thalweg {

/// A set of columns that finds the rank of each at once: one bit per column of the table, and one
/// count per 64 of them.
class ColumnSet {
 public:
  explicit ColumnSet(Index columns);
  void insert(Index column);
  void count();  ///< once, after all are in
  Index size() const { return size_; }
  Index rank(Index column) const;      ///< members below the column; -1 when it is no member
  std::vector<Index> members() const;  ///< ascending

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> before_;  // members in the words before each one
  Index size_ = 0;
};

/// What one column is like on some rows, its zeros counted in.
struct ColumnSummary {
  Index column = 0;
  double smallest = 0, largest = 0;
  double mean = 0, deviation = 0;  ///< population standard deviation
};

/// The columns that are not zero on all of the rows, ascending.
std::vector<ColumnSummary> summarize_columns(const SparseMatrix& table,
                                             const std::vector<Index>& rows);

/// A power of two near the largest magnitude of some values, not 0. Values divided by it keep their
/// digits, and sums of their squares stay inside double.
double unit_of(double largest);

}  // namespace thalweg
