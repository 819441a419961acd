#include "thalweg/data/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// Up to a few dozen names, so that an error stays readable.
std::string list_of_names(const std::vector<Column>& columns) {
  constexpr std::size_t shown = 30;
  std::string list;
  for (std::size_t j = 0; j < std::min(columns.size(), shown); ++j)
    list += (j == 0 ? "" : ", ") + columns[j].name;
  if (columns.size() > shown) list += fmt::format(" and {} more", columns.size() - shown);
  return list;
}

}  // namespace

Index Table::find(const std::string& name_or_index) const {
  for (std::size_t j = 0; j < columns.size(); ++j)
    if (columns[j].name == name_or_index) return static_cast<Index>(j);
  std::size_t index = 0;
  const char* const end = name_or_index.data() + name_or_index.size();
  const auto parsed = std::from_chars(name_or_index.data(), end, index);
  if (parsed.ec == std::errc() && parsed.ptr == end && index < columns.size())
    return static_cast<Index>(index);
  throw UsageError(fmt::format("no column '{}'", name_or_index),
                   fmt::format("the columns are {}, or 0 to {}", list_of_names(columns),
                               columns.empty() ? 0 : columns.size() - 1),
                   source == "-" ? "stdin" : source);
}

std::string Table::where(Index file_row, Index column) const {
  return fmt::format("{}:{}:{}", source == "-" ? "stdin" : source, file_row, column + 1);
}

}  // namespace thalweg
