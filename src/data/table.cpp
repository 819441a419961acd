#include "thalweg/data/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "data/cells.hpp"
#include "data/images.hpp"
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
  if (table.is_numbered())
    list += fmt::format("{}x0 to {}", list.empty() ? "" : ", ",
                        numbered_column_name(table.numbered_count() - 1));
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

std::string numbered_column_name(Index column) { return fmt::format("x{}", column); }

std::optional<Index> numbered_column_of(std::string_view name) {
  if (name.size() < 2 || name[0] != 'x') return std::nullopt;
  const bool padded = name[1] == '0' && name.size() > 2;
  return padded ? std::nullopt : as_index(name.substr(1));
}

std::string Table::column_name(Index column) const {
  const auto dense = static_cast<Index>(columns.size());
  return column < dense ? columns[static_cast<std::size_t>(column)].name
                        : numbered_column_name(column - dense);
}

Index Table::find(const std::string& name_or_index) const {
  for (std::size_t j = 0; j < columns.size(); ++j)
    if (columns[j].name == name_or_index) return static_cast<Index>(j);
  const auto numbered = numbered_column_of(name_or_index);
  if (numbered && *numbered < numbered_count())
    return static_cast<Index>(columns.size()) + *numbered;
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
  return table.is_numbered() && !table.columns.empty() ? table.columns.front().name : std::string();
}

void require_labels(const Table& table) {
  if (!table.is_packed() || !table.columns.empty()) return;
  if (table.sample_shape.empty())
    throw DataError("one number per sample: labels, and no images", source_of(table),
                    "give the images as DATA, and this file with --labels");
  throw UsageError("the images have no labels", "give --labels FILE", source_of(table));
}

Table parse_table(std::string_view bytes, const std::string& source, const CsvOptions& options,
                  const std::optional<LabelFile>& labels) {
  const bool is_idx = !options.delimiter && (begins_like_idx(bytes) || (labels && bytes.empty()));
  const bool is_cifar =
      !options.delimiter && !is_whole_idx(bytes) && reads_like_cifar(bytes, source);
  if (labels && (!is_idx || is_cifar))
    throw UsageError(
        "labels in a file of their own belong to images in an IDX file, which this is "
        "not",
        is_cifar ? "leave --labels out: CIFAR-10 has them with the images"
                 : "leave --labels out, and name the target with --target",
        source == "-" ? "stdin" : source);
  if (is_cifar) return parse_cifar(bytes, source);
  if (is_idx) return parse_idx(bytes, source, labels);
  if (!options.delimiter && reads_like_libsvm(bytes)) return parse_libsvm(bytes, source);
  return parse_csv(bytes, source, options);
}

Table read_table(const std::string& path, const CsvOptions& options, const std::string& labels) {
  const std::string bytes = read_bytes(path);
  if (labels.empty()) return parse_table(bytes, path, options);
  const std::string label_bytes = read_bytes(labels);
  return parse_table(bytes, path, options, LabelFile{label_bytes, labels});
}

}  // namespace thalweg
