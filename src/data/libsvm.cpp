// LIBSVM text (the format of svm-light and of the LIBSVM tools), in one pass over the bytes:
//
//   row     = label { blanks index ":" value } [ "#" comment ]
//   index   = digits, from 1, ascending within the row; features that are not named are zero
#include "data/libsvm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "data/number.hpp"
#include "data/sparse_rows.hpp"
#include "data/utf8.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {
namespace {

constexpr const char* label_name = "label";
constexpr std::uint64_t largest_index = std::numeric_limits<int>::max() - 1;

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool ends_row(char c) { return c == '\n' || c == '\r' || c == '#'; }

/// Walks over the rows and fields of a table.
class Scanner {
 public:
  explicit Scanner(std::string_view bytes)
      : position_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// Moves to the first field of the next row that has one; false at the end of the table.
  bool next_row() {
    for (;;) {
      ++row_;
      field_ = 0;
      if (next_field()) return true;
      if (position_ == end_) return false;
      skip_line();
    }
  }

  /// Moves to the next field of the row; false, and nothing moves, at its end.
  bool next_field() {
    while (position_ != end_ && is_blank(*position_)) ++position_;
    if (position_ == end_ || ends_row(*position_)) return false;
    ++field_;
    return true;
  }

  /// Behind the last field of a row.
  void skip_line() {
    while (position_ != end_ && *position_ != '\n' && *position_ != '\r') ++position_;
    if (position_ == end_) return;
    const bool carriage_return = *position_++ == '\r';
    if (carriage_return && position_ != end_ && *position_ == '\n') ++position_;
  }

  /// The field at the position as text; the position stays.
  std::string_view text() const {
    const char* stop = position_;
    while (!ends_field(stop)) ++stop;
    return {position_, static_cast<std::size_t>(stop - position_)};
  }
  void skip_field() { position_ += text().size(); }

  /// Reads a number that fills the rest of its field and is finite; else the position stays.
  bool number(double& value) {
    if (position_ != end_ && is_digit(*position_) && ends_field(position_ + 1)) {
      value = *position_++ - '0';  // most often 1: a feature that is there
      return true;
    }
    const char* const stop = parse_number(position_, end_, value);
    if (stop == nullptr || !ends_field(stop) || !std::isfinite(value)) return false;
    position_ = stop;
    return true;
  }

  /// Reads "digits:"; indices that are too large come out as some number above the largest. Else
  /// the position stays.
  bool index(std::uint64_t& index) {
    const char* p = position_;
    index = 0;
    for (; p != end_ && is_digit(*p); ++p)
      if (index <= largest_index) index = 10 * index + static_cast<unsigned>(*p - '0');
    if (p == position_ || p == end_ || *p != ':') return false;
    position_ = p + 1;
    return true;
  }

  Index row() const { return row_; }      ///< 1-based, as an editor counts lines
  Index field() const { return field_; }  ///< 1-based position in the row

 private:
  bool ends_field(const char* p) const { return p == end_ || is_blank(*p) || ends_row(*p); }

  const char* position_;
  const char* end_;
  Index row_ = 0, field_ = 0;
};

std::string location_of(std::string_view bytes, std::size_t offset, const std::string& source) {
  Index row = 1, field = 0;
  bool inside = false;
  char previous = '\0';
  for (const char c : bytes.substr(0, offset)) {
    const bool line_end = c == '\n' || c == '\r';
    if (line_end && !(c == '\n' && previous == '\r')) ++row;
    if (line_end) field = 0;
    const bool now_inside = !line_end && !is_blank(c);
    field += now_inside && !inside;
    inside = now_inside;
    previous = c;
  }
  return fmt::format("{}:{}:{}", source, row, field + !inside);
}

// ---- the table ----------------------------------------------------------------------------------

bool is_whole_number(std::string_view text) {
  double value;
  const char* const end = text.data() + text.size();
  return parse_number(text.data(), end, value) == end;
}

/// Finite or not.
bool reads_as_number(std::string_view text) {
  return is_whole_number(text) || reads_not_finite(text);
}

class TableReader {
 public:
  TableReader(std::string_view bytes, const std::string& source)
      : scanner_(bytes), source_(source), rows_(source) {
    rows_.reserve(static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), ':')));
  }

  Table read() {
    while (scanner_.next_row()) read_row();
    if (file_rows_.empty())
      throw DataError("the file is empty", source_, "it needs rows of a label and index:value");
    Table table;
    table.format = "LIBSVM";
    table.header_found = false;
    table.delimiter = ' ';
    table.sparse = rows_.matrix(column_count_);
    label_.name = label_name;
    table.columns.push_back(std::move(label_));
    table.file_rows = std::move(file_rows_);
    return table;
  }

 private:
  void read_row() {
    read_label();
    std::uint64_t previous = 0;
    while (scanner_.next_field()) previous = read_pair(previous);
    rows_.end_row();
    file_rows_.push_back(scanner_.row());
    scanner_.skip_line();
  }

  void read_label() {
    double label;
    if (!scanner_.number(label)) {
      const std::string_view text = scanner_.text();
      if (!reads_as_number(text)) fail_label(text);
      note_not_finite(text);
      label = std::numeric_limits<double>::infinity();
      scanner_.skip_field();
    }
    label_.numbers.push_back(label);
  }

  // An error where labels are used; prediction does without them.
  void note_not_finite(std::string_view text) {
    if (label_.first_not_finite_row >= 0) return;
    label_.first_not_finite_row = scanner_.row();
    label_.first_not_finite = text;
  }

  /// Returns the index, which has to be above the previous one of the row.
  std::uint64_t read_pair(std::uint64_t previous) {
    std::uint64_t index;
    double value;
    if (!scanner_.index(index)) fail_pair(scanner_.text());
    if (index > largest_index || index <= previous) fail_index(index, previous);
    if (!scanner_.number(value)) fail_value(scanner_.text(), index);
    column_count_ = std::max(column_count_, static_cast<Index>(index));
    rows_.add(static_cast<Index>(index) - 1, value);
    return index;
  }

  [[noreturn]] void fail(std::string problem, std::string remedy) const {
    throw DataError(std::move(problem),
                    fmt::format("{}:{}:{}", source_, scanner_.row(), scanner_.field()),
                    std::move(remedy));
  }
  [[noreturn]] void fail_label(std::string_view text) const {
    if (text.find(':') != std::string_view::npos)
      fail("the row has no label", "begin it with its label, or with 0 where that is unknown");
    if (text.find(',') != std::string_view::npos)
      fail(fmt::format("\"{}\" is not one label", text),
           "give one label per row; several per row are not supported");
    fail(fmt::format("the label \"{}\" is not a number", text), "number the classes");
  }
  [[noreturn]] void fail_pair(std::string_view text) const {
    if (text.substr(0, 4) == "qid:")
      fail(fmt::format("\"{}\": ranking by queries is not supported", text),
           "remove the qid fields to train on the rows one by one");
    fail(fmt::format("\"{}\" is not index:value", text),
         "write each feature as index:value, without blanks around the colon");
  }
  [[noreturn]] void fail_index(std::uint64_t index, std::uint64_t previous) const {
    if (index > largest_index)
      fail(fmt::format("the index is above the largest one, {}", largest_index),
           "number the features from 1 without gaps");
    if (index == 0) fail("index 0, where indices begin at 1", "add 1 to every index");
    if (index == previous)
      fail(fmt::format("index {} is there twice in this row", index), "keep one of the two");
    fail(fmt::format("index {} comes behind index {}", index, previous),
         "sort the indices of each row in ascending order");
  }
  [[noreturn]] void fail_value(std::string_view text, std::uint64_t index) const {
    if (text.empty())
      fail(fmt::format("the value of index {} is missing", index),
           "write it, or leave out index and colon where the value is zero");
    fail(fmt::format("\"{}\", the value of index {}, is not a {}number", text, index,
                     reads_as_number(text) ? "finite " : ""),
         "correct it");
  }

  Scanner scanner_;
  const std::string& source_;
  Column label_;
  SparseRows rows_;
  Index column_count_ = 0;
  std::vector<Index> file_rows_;
};

}  // namespace

bool reads_like_libsvm(std::string_view bytes) {
  Scanner scanner(without_byte_order_mark(bytes));
  while (scanner.next_row()) {
    if (!reads_as_number(scanner.text())) return false;
    scanner.skip_field();
    Index pairs = 0;
    for (; scanner.next_field(); scanner.skip_field()) {
      std::uint64_t index;
      if (scanner.text().substr(0, 4) == "qid:") return true;  // refused with a word on it
      pairs += scanner.index(index) && reads_as_number(scanner.text());
    }
    if (scanner.field() > 1) return 2 * pairs >= scanner.field() - 1;
    scanner.skip_line();
  }
  return false;
}

Table parse_libsvm(std::string_view bytes, const std::string& source) {
  const std::string shown = source == "-" ? "stdin" : source;
  bytes = without_byte_order_mark(bytes);
  require_utf8(bytes, shown, [&](std::size_t offset) { return location_of(bytes, offset, shown); });
  Table table = TableReader(bytes, shown).read();
  table.source = source;
  return table;
}

}  // namespace thalweg
