#include "thalweg/data/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "data/libsvm.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// Up to a few dozen names, so that an error stays readable.
std::string list_of_names(const Table& table) {
  constexpr std::size_t shown = 30;
  const std::vector<Column>& columns = table.columns;
  std::string list;
  for (std::size_t j = 0; j < std::min(columns.size(), shown); ++j)
    list += (j == 0 ? "" : ", ") + columns[j].name;
  if (columns.size() > shown) list += fmt::format(" and {} more", columns.size() - shown);
  if (table.sparse.cols() > 0)
    list += fmt::format(", x0 to {}", sparse_column_name(table.sparse.cols() - 1));
  return list;
}

/// A decimal number without sign, all of the text.
std::optional<Index> as_index(std::string_view text) {
  Index index = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, index);
  if (parsed.ec != std::errc() || parsed.ptr != end || text[0] == '-') return std::nullopt;
  return index;
}

}  // namespace

std::string sparse_column_name(Index column) { return fmt::format("x{}", column); }

std::optional<Index> sparse_column_of(std::string_view name) {
  if (name.size() < 2 || name[0] != 'x') return std::nullopt;
  const bool padded = name[1] == '0' && name.size() > 2;
  return padded ? std::nullopt : as_index(name.substr(1));
}

std::string Table::column_name(Index column) const {
  const auto dense = static_cast<Index>(columns.size());
  return column < dense ? columns[static_cast<std::size_t>(column)].name
                        : sparse_column_name(column - dense);
}

Index Table::find(const std::string& name_or_index) const {
  for (std::size_t j = 0; j < columns.size(); ++j)
    if (columns[j].name == name_or_index) return static_cast<Index>(j);
  const auto sparse_column = sparse_column_of(name_or_index);
  if (sparse_column && *sparse_column < sparse.cols())
    return static_cast<Index>(columns.size()) + *sparse_column;
  const auto index = as_index(name_or_index);
  if (index && *index < column_count()) return *index;
  throw UsageError(fmt::format("no column '{}'", name_or_index),
                   fmt::format("the columns are {}, or 0 to {}", list_of_names(*this),
                               std::max<Index>(column_count(), 1) - 1),
                   source == "-" ? "stdin" : source);
}

std::string Table::where(Index file_row, Index column) const {
  return fmt::format("{}:{}:{}", source == "-" ? "stdin" : source, file_row, column + 1);
}

std::string own_target(const Table& table) {
  return table.is_sparse() ? table.columns.front().name : std::string();
}

Table parse_table(std::string_view bytes, const std::string& source, const CsvOptions& options) {
  if (!options.delimiter && reads_like_libsvm(bytes)) return parse_libsvm(bytes, source);
  return parse_csv(bytes, source, options);
}

Table read_table(const std::string& path, const CsvOptions& options) {
  return parse_table(read_bytes(path), path, options);
}

}  // namespace thalweg
