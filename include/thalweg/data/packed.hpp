// Numbers as a file of images holds them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// A (rows, cols) matrix in the bytes of a file: big-endian numbers of one type, row by row, with a
/// fixed number of bytes from one row to the next. A pixel takes one byte, where Matrix takes
/// eight.
class PackedMatrix {
 public:
  enum class Type { uint8, int8, int16, int32, float32, float64 };
  struct Layout {
    Type type = Type::uint8;
    Index rows = 0, cols = 0;
    Index offset = 0;  ///< of the first number of a row from the start of the row, in bytes
    Index stride = 0;  ///< from row to row, in bytes
  };

  PackedMatrix() = default;
  /// Copies `bytes`, which hold rows * stride bytes.
  PackedMatrix(std::string_view bytes, const Layout& layout) : bytes_(bytes), layout_(layout) {}

  Index rows() const { return layout_.rows; }
  Index cols() const { return layout_.cols; }
  double operator()(Index row, Index column) const;
  /// numbers (cols): those of a row.
  void unpack_row(Index row, VectorRef numbers) const;
  /// matrix (rows.size(), columns.size()): column j is column columns[j] on the given rows, and
  /// stays as it is where columns[j] is -1.
  void gather(const std::vector<Index>& rows, const std::vector<Index>& columns,
              MatrixRef matrix) const;
  /// (row, column) of the first number that is inf or nan.
  std::optional<std::pair<Index, Index>> find_not_finite() const;

  static Index bytes_of(Type type);  ///< of one number

 private:
  const char* row_begin(Index row) const {
    return bytes_.data() + row * layout_.stride + layout_.offset;
  }

  std::string bytes_;
  Layout layout_;
};

}  // namespace thalweg
