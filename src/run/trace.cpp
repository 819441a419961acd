#include "thalweg/run/trace.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iterator>

#include "record_fields.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/tensor_file.hpp"

namespace thalweg {
namespace {

void append(std::string& text, std::int64_t number) { text += fmt::format("{}", number); }
void append(std::string& text, bool flag) { text += flag ? '1' : '0'; }
void append(std::string& text, double number) { text += fmt::format("{:.17g}", number); }
void append(std::string& text, const std::optional<double>& number) {
  if (number) append(text, *number);
}

// The header line without its end.
std::string header() {
  std::string text;
  for (const RecordField& field : record_fields) {
    if (!text.empty()) text += ',';
    text += field.name;
  }
  return text;
}

// Reads the whole cell as a number; false when it is not one.
template <class Number>
bool parse(std::string_view cell, Number& number) {
  const char* end = cell.data() + cell.size();
  const auto [stop, code] = std::from_chars(cell.data(), end, number);
  return !cell.empty() && code == std::errc() && stop == end;
}
bool parse(std::string_view cell, bool& flag) {
  flag = cell == "1";
  return flag || cell == "0";
}
bool parse(std::string_view cell, std::optional<double>& number) {
  if (cell.empty()) return true;
  return parse(cell, number.emplace());
}

// Cuts `rest` at the first `end`; all of it when there is none.
std::string_view cut(std::string_view& rest, char end) {
  const std::size_t length = std::min(rest.find(end), rest.size());
  const std::string_view part = rest.substr(0, length);
  rest.remove_prefix(std::min(length + 1, rest.size()));
  return part;
}

StepRecord parse_row(std::string_view row, const std::string& path, std::size_t row_number) {
  StepRecord record;
  std::size_t column = 0;
  for (const RecordField& field : record_fields) {
    ++column;
    const std::string_view cell = cut(row, ',');
    with_field(record, field, [&](auto& number) {
      if (!parse(cell, number))
        throw DataError(fmt::format("\"{}\" is not a number in column '{}'", cell, field.name),
                        fmt::format("{}:{}:{}", path, row_number, column),
                        "give the trace.csv of a run, unchanged");
    });
  }
  return record;
}

}  // namespace

void write_trace_csv(const std::filesystem::path& path, const std::vector<StepRecord>& trace) {
  std::string text = header() + '\n';
  for (const StepRecord& record : trace) {
    for (const RecordField& field : record_fields) {
      if (&field != record_fields.data()) text += ',';
      with_field(record, field, [&text](const auto& number) { append(text, number); });
    }
    text += '\n';
  }
  write_file_atomically(path, text);
}

std::vector<StepRecord> read_trace_csv(const std::filesystem::path& path) {
  std::error_code code;
  std::ifstream stream(path, std::ios::binary);
  if (!stream || !std::filesystem::is_regular_file(path, code))
    throw DataError("cannot be read", path.string(), "give the trace.csv of a run");
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::string_view rest = text;
  if (cut(rest, '\n') != header())
    throw DataError("is not a trace of this version", path.string() + ":1",
                    "give the trace.csv of a run");
  std::vector<StepRecord> trace;
  while (!rest.empty())
    trace.push_back(parse_row(cut(rest, '\n'), path.string(), trace.size() + 2));
  return trace;
}

}  // namespace thalweg
