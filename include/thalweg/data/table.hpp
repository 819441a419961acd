// Tables of text and number columns, read from CSV, LIBSVM text, IDX or CIFAR-10.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/sparse.hpp"
#include "thalweg/core/types.hpp"
#include "thalweg/data/packed.hpp"

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
/// messages; of images it counts them from 1.
struct Table {
  std::string source;          ///< path as given, or "-" for stdin; empty for one made in memory
  std::string format = "CSV";  ///< or "LIBSVM", "IDX", "CIFAR-10"
  bool header_found = true;
  char delimiter = ',';
  std::vector<Column> columns;
  /// The features of formats that number them: column j is named x<j>. Those of LIBSVM text are in
  /// `sparse`, (rows, columns), its index j + 1 being column j, zeros not stored; those of images
  /// in `packed`. `columns` then holds the labels alone, as "label", or nothing.
  SparseMatrix sparse;
  PackedMatrix packed;
  std::vector<Index> sample_shape;  ///< of images: sizes of one, the last running fastest
  std::vector<Index>
      file_rows;  ///< (rows), 1-based file row (record number, the header being row 1)

  Index rows() const { return static_cast<Index>(file_rows.size()); }
  bool is_sparse() const { return sparse.rows() > 0; }
  bool is_packed() const { return packed.rows() > 0; }
  bool is_numbered() const { return is_sparse() || is_packed(); }
  Index numbered_count() const { return sparse.cols() + packed.cols(); }
  /// `columns`, then the numbered ones; so that index k of a LIBSVM table is its index k.
  Index column_count() const { return static_cast<Index>(columns.size()) + numbered_count(); }
  std::string column_name(Index column) const;
  /// Index of a column by name or 0-based index text; throws UsageError that lists the names.
  Index find(const std::string& name_or_index) const;
  /// FILE:ROW:COLUMN for messages, from a file row and a 0-based column.
  std::string where(Index file_row, Index column) const;
};

/// Name of a numbered column, "x<column>", and back; absent for any other name.
std::string numbered_column_name(Index column);
std::optional<Index> numbered_column_of(std::string_view name);

/// The target of a format that carries its labels; empty for CSV, and for images without labels.
std::string own_target(const Table& table);
/// Throws where images have no labels: UsageError, or DataError where they are labels themselves.
void require_labels(const Table& table);

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

/// The labels that belong to images: an IDX file of one dimension.
struct LabelFile {
  std::string_view bytes;
  std::string source;  ///< for messages
};
/// IDX, the format of MNIST: unsigned bytes, or another type of numbers; 1 to 4 dimensions, of
/// which the first counts samples. Throws DataError for what cannot be understood, for another
/// number of bytes than announced, and for labels that do not belong to the samples.
Table parse_idx(std::string_view bytes, const std::string& source,
                const std::optional<LabelFile>& labels = {});
/// CIFAR-10, binary version: records of a label byte and 3 x 32 x 32 bytes. Throws DataError.
Table parse_cifar(std::string_view bytes, const std::string& source);

/// Images where the bytes are; LIBSVM where the first line with more than a label reads like it;
/// else CSV. A given delimiter means CSV. Throws UsageError for labels that belong to no IDX file.
Table parse_table(std::string_view bytes, const std::string& source, const CsvOptions& options = {},
                  const std::optional<LabelFile>& labels = {});
/// `labels`: path of a LabelFile; empty: none.
Table read_table(const std::string& path, const CsvOptions& options = {},
                 const std::string& labels = {});

/// The bytes of a file ("-": stdin), gunzipped when they are gzip. Throws DataError.
std::string read_bytes(const std::string& path);

}  // namespace thalweg
