#include "data/sparse_rows.hpp"

#include <algorithm>
#include <limits>

#include "thalweg/core/error.hpp"

namespace thalweg {

void SparseRows::reserve(std::size_t numbers) {
  columns_.reserve(numbers);
  values_.reserve(numbers);
}

void SparseRows::end_row() {
  constexpr std::size_t most = std::numeric_limits<int>::max();
  if (values_.size() > most)
    throw DataError("there are more than 2^31 - 1 numbers that are not zero", source_,
                    "give fewer rows or columns");
  row_ends_.push_back(static_cast<int>(values_.size()));
}

SparseMatrix SparseRows::matrix(Index columns) const {
  SparseMatrix matrix(static_cast<Index>(row_ends_.size()), columns);
  matrix.resizeNonZeros(static_cast<Index>(values_.size()));
  std::copy(values_.begin(), values_.end(), matrix.valuePtr());
  std::copy(columns_.begin(), columns_.end(), matrix.innerIndexPtr());
  std::copy(row_ends_.begin(), row_ends_.end(), matrix.outerIndexPtr() + 1);
  return matrix;
}

}  // namespace thalweg
