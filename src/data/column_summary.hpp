// What the numbered columns of a table are like on the rows that are trained on. Private.
#pragma once

#include <vector>

#include "thalweg/core/sparse.hpp"
#include "thalweg/core/types.hpp"
#include "thalweg/data/packed.hpp"

namespace thalweg {

/// What one column is like on some rows, its zeros counted in.
struct ColumnSummary {
  Index column = 0;
  double smallest = 0, largest = 0;
  double mean = 0, deviation = 0;  ///< population standard deviation
};

/// The columns that are not zero on all of the rows, ascending. Nothing here needs a number per
/// column of the table.
std::vector<ColumnSummary> summarize_columns(const SparseMatrix& table,
                                             const std::vector<Index>& rows);
/// All columns.
std::vector<ColumnSummary> summarize_columns(const PackedMatrix& table,
                                             const std::vector<Index>& rows);

/// A power of two near the largest magnitude of some values, not 0. Values divided by it keep their
/// digits, and sums of their squares stay inside double.
double unit_of(double largest);

}  // namespace thalweg
