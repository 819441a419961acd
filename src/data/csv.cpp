// CSV after RFC 4180, in one pass over the bytes.
//
// Columns begin as numbers. The first cell that is not one turns its column into text from there
// on; a second pass over the rows above, once for all such columns, fetches what had been read as
// numbers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>

#include "data/number.hpp"
#include "data/utf8.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {
namespace {

constexpr double missing_value = std::numeric_limits<double>::quiet_NaN();

bool ends_line(char c) { return c == '\n' || c == '\r'; }

/// One cell as it stands in the file.
struct Cell {
  std::string_view content;  ///< between the quotes, or trimmed of blanks
  bool doubled_quotes = false;

  std::string text() const {
    if (!doubled_quotes) return std::string(content);
    std::string plain;
    for (std::size_t i = 0; i < content.size(); ++i) {
      plain += content[i];
      if (content[i] == '"') ++i;  // the quote's double
    }
    return plain;
  }
};

/// Walks over the records and cells of a table.
class Scanner {
 public:
  Scanner(std::string_view bytes, char delimiter, const std::string& source)
      : position_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        delimiter_(delimiter),
        source_(source) {}

  /// Moves to the start of the next record that is not blank; false at the end of the table.
  bool next_record() {
    for (;;) {
      ++record_;
      const char* p = position_;
      while (p != end_ && *p == ' ') ++p;
      if (p == end_) return false;
      if (!ends_line(*p)) return true;
      position_ = p;
      skip_line_end();
    }
  }

  /// Reads the number at the position when it fills its cell and is finite; leaves the position
  /// otherwise.
  bool number(double& value) {
    const char* const stop = parse_number(position_, end_, value);
    if (stop == nullptr || !ends_cell(stop) || !std::isfinite(value)) return false;
    position_ = stop;
    return true;
  }

  /// Reads any cell; `column` (0-based) is for messages.
  Cell cell(std::size_t column) {
    const char* const start = skip_blanks(position_);
    if (start != end_ && *start == '"') return quoted_cell(start, column);
    const char* stop = start;
    while (!ends_cell(stop)) ++stop;
    position_ = stop;
    while (stop != start && is_blank(stop[-1])) --stop;
    return {{start, static_cast<std::size_t>(stop - start)}, false};
  }

  /// After a cell: true when the record ended, and then the position is behind its line end.
  bool record_ended() {
    if (position_ != end_ && *position_ == delimiter_) {
      ++position_;
      return false;
    }
    if (position_ != end_) skip_line_end();
    return true;
  }

  /// 1-based, blank lines counted, so that it is the row a spreadsheet shows.
  Index record() const { return record_; }

  [[noreturn]] void fail(std::size_t column, std::string problem, std::string remedy) const {
    throw DataError(std::move(problem), fmt::format("{}:{}:{}", source_, record_, column + 1),
                    std::move(remedy));
  }

 private:
  bool is_blank(char c) const { return (c == ' ' || c == '\t') && c != delimiter_; }
  bool ends_cell(const char* p) const { return p == end_ || *p == delimiter_ || ends_line(*p); }

  const char* skip_blanks(const char* p) const {
    while (p != end_ && is_blank(*p)) ++p;
    return p;
  }

  void skip_line_end() {
    const bool carriage_return = *position_++ == '\r';
    if (carriage_return && position_ != end_ && *position_ == '\n') ++position_;
  }

  Cell quoted_cell(const char* opening, std::size_t column) {
    const char* const start = opening + 1;
    bool doubled_quotes = false;
    const char* p = start;
    for (;; p += 2) {
      p = std::find(p, end_, '"');
      if (p == end_)
        fail(column, "the quote that opens here is never closed",
             "close it, or double it (\"\") where it belongs to the text");
      if (p + 1 == end_ || p[1] != '"') break;
      doubled_quotes = true;
    }
    position_ = skip_blanks(p + 1);
    if (!ends_cell(position_))
      fail(column, "there is text behind the closing quote",
           "double (\"\") every quote that belongs to the text");
    return {{start, static_cast<std::size_t>(p - start)}, doubled_quotes};
  }

  const char* position_;
  const char* end_;
  char delimiter_;
  const std::string& source_;
  Index record_ = 0;
};

// ---- encoding ---------------------------------------------------------------------------------

std::string location_of(std::string_view bytes, std::size_t offset, char delimiter,
                        const std::string& source) {
  Index row = 1, column = 1;
  bool quoted = false;
  char previous = '\0';
  for (const char c : bytes.substr(0, offset)) {
    if (c == '"') quoted = !quoted;
    const bool ends_with_previous = c == '\n' && previous == '\r';  // CRLF is one line end
    previous = c;
    if (quoted || ends_with_previous) continue;
    if (ends_line(c)) {
      ++row;
      column = 1;
    } else if (c == delimiter) {
      ++column;
    }
  }
  return fmt::format("{}:{}:{}", source, row, column);
}

// ---- delimiter and header -----------------------------------------------------------------------

constexpr std::size_t sampled_records = 20;
constexpr std::array<char, 3> delimiters = {'\t', ';', ','};  // the rarer in text first

/// Counts of each candidate outside quotes, for each of the first records.
std::vector<std::array<int, 3>> count_delimiters(std::string_view bytes) {
  std::vector<std::array<int, 3>> counts;
  std::array<int, 3> current{};
  bool quoted = false, blank = true;
  for (std::size_t i = 0; i <= bytes.size() && counts.size() < sampled_records; ++i) {
    const char c = i < bytes.size() ? bytes[i] : '\n';
    if (c == '"') quoted = !quoted;
    if (quoted && i < bytes.size()) continue;
    if (ends_line(c)) {
      if (!blank) counts.push_back(current);
      current = {};
      blank = true;
      continue;
    }
    blank = blank && c == ' ';
    for (std::size_t k = 0; k < delimiters.size(); ++k) current[k] += c == delimiters[k];
  }
  return counts;
}

/// The candidate that every sampled record has equally often; failing that, the most frequent one
/// of the first record. Tab and semicolon go before comma, which may be a decimal comma.
char detect_delimiter(std::string_view bytes) {
  const auto counts = count_delimiters(bytes);
  if (counts.empty()) return ',';
  for (std::size_t k = 0; k < delimiters.size(); ++k) {
    const bool constant = std::all_of(counts.begin(), counts.end(),
                                      [&](const auto& c) { return c[k] == counts[0][k]; });
    if (counts[0][k] > 0 && constant) return delimiters[k];
  }
  std::size_t most = delimiters.size() - 1;
  for (std::size_t k = 0; k < delimiters.size(); ++k)
    if (counts[0][k] > counts[0][most]) most = k;
  return delimiters[most];
}

/// A whole cell as a number; inf, nan and numbers outside double are numbers that are not finite.
bool is_number(std::string_view text, double& value) {
  const char* const end = text.data() + text.size();
  if (parse_number(text.data(), end, value) == end && !text.empty()) return true;
  if (!reads_not_finite(text)) return false;
  value = std::numeric_limits<double>::infinity();
  return true;
}

using Record = std::vector<std::string>;

std::vector<Record> sample_records(Scanner scanner) {
  std::vector<Record> records;
  while (records.size() <= sampled_records && scanner.next_record()) {
    Record record;
    do {
      record.push_back(scanner.cell(record.size()).text());
    } while (!scanner.record_ended());
    records.push_back(std::move(record));
  }
  return records;
}

bool has_numbers_below(const std::vector<Record>& records, std::size_t column) {
  double value;
  for (std::size_t i = 1; i < records.size(); ++i)
    if (column < records[i].size() && !records[i][column].empty())
      return is_number(records[i][column], value);
  return false;
}

/// The first record is a header when it has no number at all, or when most of its cells are text
/// and text stands above numbers.
bool detect_header(const std::vector<Record>& records) {
  double value;
  std::size_t numbers = 0, texts = 0, texts_above_numbers = 0;
  for (std::size_t j = 0; j < records[0].size(); ++j) {
    if (records[0][j].empty()) continue;
    const bool number = is_number(records[0][j], value);
    numbers += number;
    texts += !number;
    texts_above_numbers += !number && has_numbers_below(records, j);
  }
  return texts > 0 && (numbers == 0 || (texts > numbers && texts_above_numbers > 0));
}

// ---- the table ----------------------------------------------------------------------------------

class TableReader {
 public:
  TableReader(std::string_view bytes, char delimiter, const std::string& source)
      : scanner_(bytes, delimiter, source), delimiter_(delimiter), source_(source) {
    const std::vector<Record> sample = sample_records(scanner_);
    if (sample.empty()) throw DataError("the file is empty", source, "it needs a header and rows");
    header_found_ = detect_header(sample);
    name_columns(sample[0]);
    if (header_found_) skip_header();
    reserve(bytes);
  }

  Table read() {
    const Scanner start = scanner_;
    while (scanner_.next_record()) read_record();
    if (file_rows_.empty())
      throw DataError("there is a header and no data", source_ + ":1:1",
                      "add rows below the header");
    fetch_text_above(start);
    drop_unnamed_last_column();
    check_names();
    Table table;
    table.header_found = header_found_;
    table.delimiter = delimiter_;
    table.columns = std::move(columns_);
    table.file_rows = std::move(file_rows_);
    return table;
  }

 private:
  void name_columns(const Record& first) {
    columns_.resize(first.size());
    text_begin_.assign(first.size(), 0);
    for (std::size_t j = 0; j < first.size(); ++j)
      columns_[j].name = header_found_ && !first[j].empty() ? first[j] : fmt::format("x{}", j);
    last_column_unnamed_ = header_found_ && first.back().empty();
  }

  void skip_header() {
    scanner_.next_record();
    for (std::size_t j = 0;; ++j) {
      scanner_.cell(j);
      if (scanner_.record_ended()) return;
    }
  }

  // At most one row per line, and at least one byte per cell: never more than 8 bytes per byte.
  void reserve(std::string_view bytes) {
    const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n')) + 1;
    const std::size_t rows = std::min(lines, bytes.size() / columns_.size() + 1);
    file_rows_.reserve(rows);
    for (Column& column : columns_) column.numbers.reserve(rows);
  }

  void read_record() {
    std::size_t j = 0;
    do {
      if (j == columns_.size()) fail_too_many();
      Column& column = columns_[j];
      double value;
      if (column.numeric && scanner_.number(value)) {
        column.numbers.push_back(value);
      } else {
        add_cell(j);
      }
      ++j;
    } while (!scanner_.record_ended());
    if (j < columns_.size()) fail_too_few(j);
    file_rows_.push_back(scanner_.record());
  }

  // Any cell that is not simply a finite number.
  void add_cell(std::size_t j) {
    Column& column = columns_[j];
    const Cell cell = scanner_.cell(j);
    if (cell.content.empty()) ++column.missing;
    if (column.numeric && cell.content.empty()) {
      column.numbers.push_back(missing_value);
    } else if (double value; column.numeric && is_number(cell.content, value)) {
      column.numbers.push_back(value);
      if (!std::isfinite(value) && column.first_not_finite_row < 0) note_not_finite(column, cell);
    } else {
      if (column.numeric) turn_into_text(j);
      column.text.push_back(cell.text());
    }
  }

  void note_not_finite(Column& column, const Cell& cell) const {
    column.first_not_finite_row = scanner_.record();
    column.first_not_finite = cell.text();
  }

  void turn_into_text(std::size_t j) {
    Column& column = columns_[j];
    column.numeric = false;
    column.first_text_row = scanner_.record();
    column.first_not_finite_row = -1;
    column.first_not_finite.clear();
    column.text.reserve(column.numbers.capacity());
    column.text.resize(column.numbers.size());
    column.numbers = {};
    text_begin_[j] = column.text.size();
  }

  // The cells of text columns that had been read as numbers before the first text.
  void fetch_text_above(Scanner scanner) {
    const std::size_t rows = *std::max_element(text_begin_.begin(), text_begin_.end());
    for (std::size_t i = 0; i < rows; ++i) {
      scanner.next_record();
      std::size_t j = 0;
      do {
        const Cell cell = scanner.cell(j);
        if (i < text_begin_[j]) columns_[j].text[i] = cell.text();
        ++j;
      } while (!scanner.record_ended());
    }
  }

  // Some programs end every line, the header too, with a delimiter.
  void drop_unnamed_last_column() {
    const bool empty = columns_.back().missing == static_cast<Index>(file_rows_.size());
    if (last_column_unnamed_ && empty && columns_.size() > 1) columns_.pop_back();
  }

  void check_names() const {
    std::unordered_map<std::string_view, std::size_t> seen;
    for (std::size_t j = 0; j < columns_.size(); ++j) {
      const auto [first, is_new] = seen.emplace(columns_[j].name, j);
      if (is_new) continue;
      throw DataError(fmt::format("column name '{}' is already that of column {}", columns_[j].name,
                                  first->second + 1),
                      fmt::format("{}:1:{}", source_, j + 1), "give every column its own name");
    }
  }

  [[noreturn]] void fail_too_many() {
    std::size_t count = columns_.size();
    do {
      scanner_.cell(count++);
    } while (!scanner_.record_ended());
    fail_ragged(columns_.size(), count);
  }
  [[noreturn]] void fail_too_few(std::size_t count) const { fail_ragged(count, count); }
  [[noreturn]] void fail_ragged(std::size_t column, std::size_t count) const {
    scanner_.fail(column,
                  fmt::format("{} cell{} where the first row has {}", count, count == 1 ? "" : "s",
                              columns_.size()),
                  fmt::format("complete the row, or quote cells that contain '{}'",
                              delimiter_ == '\t' ? "a tab" : std::string(1, delimiter_)));
  }

  Scanner scanner_;
  char delimiter_;
  const std::string& source_;
  bool header_found_ = false, last_column_unnamed_ = false;
  std::vector<Column> columns_;
  std::vector<std::size_t> text_begin_;  // text columns: rows before it are still to be fetched
  std::vector<Index> file_rows_;
};

void check_delimiter(char delimiter) {
  constexpr std::string_view part_of_cells = "\"+-._\n\r";
  const bool alphanumeric =
      is_digit(delimiter) || static_cast<unsigned char>((delimiter | 0x20) - 'a') < 26;
  if (alphanumeric || delimiter == '\0' || part_of_cells.find(delimiter) != std::string_view::npos)
    throw UsageError(fmt::format("'{}' cannot separate columns", delimiter),
                     "use a comma, a semicolon, a tab or another character that no cell needs",
                     "--delimiter");
}

}  // namespace

Table parse_csv(std::string_view bytes, const std::string& source, const CsvOptions& options) {
  if (options.delimiter) check_delimiter(*options.delimiter);
  const std::string shown = source == "-" ? "stdin" : source;
  bytes = without_byte_order_mark(bytes);
  const char delimiter = options.delimiter.value_or(detect_delimiter(bytes));
  require_utf8(bytes, shown,
               [&](std::size_t offset) { return location_of(bytes, offset, delimiter, shown); });
  Table table = TableReader(bytes, delimiter, shown).read();
  table.source = source;
  return table;
}

Table read_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_bytes(path), path, options);
}

}  // namespace thalweg
