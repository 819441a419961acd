// Tables of text and number columns, read from CSV or LIBSVM text.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/sparse.hpp"
#include "thalweg/core/types.hpp"

namespace thalweg {

/// One column. A column all of whose non-empty cells are numbers is numeric; the others keep their
/// text. An empty cell is a missing cell.
struct Column {
  std::string name;
  bool numeric = true;
  std::vector<double> numbers;    ///< numeric columns: one per row, NaN where the cell is empty
  std::vector<std::string> text;  ///< text columns: one per row, "" where the cell is empty
  Index missing = 0;              ///< number of empty cells
  /// Text columns: file row of the first cell that is not a number, for messages.
  Index first_text_row = -1;
  /// Numeric columns: file row and text of the first cell that reads inf, nan or a number outside
  /// double; -1 when all are finite. Such a column is an error where it is used as numbers.
  Index first_not_finite_row = -1;
  std::string first_not_finite;
};

/// A table as read. Rows are data rows; file_row(i) is the 1-based line of row i in the file, for
/// messages.
struct Table {
  std::string source;  ///< path as given, or "-" for stdin; empty for a table made in memory
  bool header_found = true;
  char delimiter = ',';
  std::vector<Column> columns;
  /// Feature columns of a LIBSVM file, (rows, columns): column j is named x<j>, LIBSVM index j + 1.
  /// `columns` then holds the labels alone, as "label". Empty for tables of other formats. Zeros
  /// are not stored.
  SparseMatrix sparse;
  std::vector<Index>
      file_rows;  ///< (rows), 1-based file row (record number, the header being row 1)

  Index rows() const { return static_cast<Index>(file_rows.size()); }
  bool is_sparse() const { return sparse.rows() > 0; }
  /// `columns`, then the columns of `sparse`; so that index k of a LIBSVM table is its index k.
  Index column_count() const { return static_cast<Index>(columns.size()) + sparse.cols(); }
  std::string column_name(Index column) const;
  /// Index of a column by name or 0-based index text; throws UsageError that lists the names.
  Index find(const std::string& name_or_index) const;
  /// FILE:ROW:COLUMN for messages, from a file row and a 0-based column.
  std::string where(Index file_row, Index column) const;
};

/// Name of a column of Table::sparse, "x<column>", and back; absent for any other name.
std::string sparse_column_name(Index column);
std::optional<Index> sparse_column_of(std::string_view name);

/// The target of a format that carries its labels; empty for CSV.
std::string own_target(const Table& table);

struct CsvOptions {
  std::optional<char> delimiter;  ///< detected among , ; tab when absent
};

/// Reads CSV: RFC 4180 with quotes, UTF-8 BOM, LF or CRLF, gzip (by content), "-" for stdin.
/// Columns without a header are named x0, x1, ... Throws DataError with file, row, column and
/// remedy for anything that cannot be used: see docs/data.md for the list.
Table read_csv(const std::string& path, const CsvOptions& options = {});
Table parse_csv(std::string_view bytes, const std::string& source, const CsvOptions& options = {});

/// LIBSVM text: a label and index:value pairs per line, indices from 1, ascending; '#' begins a
/// comment. Throws DataError with the position of the field in its line as column.
Table parse_libsvm(std::string_view bytes, const std::string& source);
/// LIBSVM where the first line with more than a label reads like it, else CSV. A given delimiter
/// means CSV.
Table parse_table(std::string_view bytes, const std::string& source,
                  const CsvOptions& options = {});
Table read_table(const std::string& path, const CsvOptions& options = {});

/// The bytes of a file ("-": stdin), gunzipped when they are gzip. Throws DataError.
std::string read_bytes(const std::string& path);

}  // namespace thalweg
