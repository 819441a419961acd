#include "data/cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "data/number.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

std::optional<double> as_number(std::string_view text) {
  double value;
  const char* const end = text.data() + text.size();
  if (text.empty() || parse_number(text.data(), end, value) != end) return std::nullopt;
  return value;
}

bool stands_for_missing(const std::string& text) {
  static const std::array<std::string_view, 12> words = {
      "NA", "N/A", "n/a", "na", "?", "-", "--", ".", "null", "NULL", "None", "none"};
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool has_decimal_comma(std::string text) {
  const auto comma = text.find(',');
  if (comma == std::string::npos) return false;
  text[comma] = '.';
  return as_number(text).has_value();
}

std::string remedy_for_text(const Table& table, const std::string& text,
                            const std::string& other_use) {
  if (has_decimal_comma(text)) {
    std::string number = text;
    number[number.find(',')] = '.';
    const char* const or_delimiter = table.delimiter == ',' ? ", or give --delimiter ';'" : "";
    return fmt::format("a decimal comma? write {}{}", number, or_delimiter);
  }
  if (stands_for_missing(text))
    return "leave the cell empty where the value is missing, and choose --missing drop or mean";
  return other_use.empty() ? "correct it" : "correct it, or give " + other_use;
}

}  // namespace

std::string source_of(const Table& table) { return table.source == "-" ? "stdin" : table.source; }

std::string short_list(const std::vector<std::string>& names, std::size_t count) {
  constexpr std::size_t shown = 20;
  count = std::max(count, names.size());
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), shown); ++i)
    list += (i == 0 ? "" : ", ") + names[i];
  if (count > shown) list += fmt::format(" and {} more", count - shown);
  return list;
}

void require_numbers(const Table& table, Index index, const std::string& other_use) {
  const Column& column = table.columns[static_cast<std::size_t>(index)];
  if (!column.numeric) {
    const auto row =
        std::find(table.file_rows.begin(), table.file_rows.end(), column.first_text_row) -
        table.file_rows.begin();
    const std::string& text = column.text[static_cast<std::size_t>(row)];
    throw DataError(fmt::format("\"{}\" is not a number in column '{}'", text, column.name),
                    table.where(column.first_text_row, index),
                    remedy_for_text(table, text, other_use));
  }
  if (column.first_not_finite_row >= 0)
    throw DataError(fmt::format("\"{}\" is not a finite number in column '{}'",
                                column.first_not_finite, column.name),
                    table.where(column.first_not_finite_row, index),
                    "correct it, or leave the cell empty and choose --missing drop or mean");
}

bool spells_number(const std::string& text) { return as_number(text).has_value(); }

std::string shortest(double value) { return fmt::format("{}", value == 0 ? 0.0 : value); }

CategoryCells::CategoryCells(const Table& table, Index column)
    : column_(table.columns[static_cast<std::size_t>(column)]) {
  if (column_.numeric) require_numbers(table, column);
}

bool CategoryCells::missing(Index row) const {
  const auto i = static_cast<std::size_t>(row);
  return column_.numeric ? std::isnan(column_.numbers[i]) : column_.text[i].empty();
}

std::string CategoryCells::label(Index row) const {
  const auto i = static_cast<std::size_t>(row);
  return column_.numeric ? shortest(column_.numbers[i]) : column_.text[i];
}

CategoryIndex::CategoryIndex(const std::vector<std::string>& labels) {
  for (std::size_t k = 0; k < labels.size(); ++k) {
    by_text_.emplace(labels[k], static_cast<Index>(k));
    if (const auto value = as_number(labels[k])) by_value_.emplace(*value, static_cast<Index>(k));
  }
}

Index CategoryIndex::find(const std::string& label) const {
  if (const auto found = by_text_.find(label); found != by_text_.end()) return found->second;
  const auto value = as_number(label);
  if (!value) return -1;
  const auto found = by_value_.find(*value);
  return found == by_value_.end() ? -1 : found->second;
}

std::vector<std::string> sorted_labels(std::vector<std::string> labels) {
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  const auto is_number = [](const std::string& label) { return as_number(label).has_value(); };
  if (std::all_of(labels.begin(), labels.end(), is_number))
    std::stable_sort(labels.begin(), labels.end(), [](const std::string& a, const std::string& b) {
      return *as_number(a) < *as_number(b);
    });
  return labels;
}

}  // namespace thalweg
