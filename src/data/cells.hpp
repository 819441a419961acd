// Cells of a table as numbers or as categories, with the errors of cells that are neither.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/data/table.hpp"

namespace thalweg {

/// The path for messages.
std::string source_of(const Table& table);

/// The first twenty of the names, separated by commas; `count` is that of all, where the list has
/// not got them all.
std::string short_list(const std::vector<std::string>& names, std::size_t count = 0);

/// Throws DataError at the first cell of the column that is not a finite number or missing.
/// `other_use`, in the remedy, tells how a column of text can be used after all; may be empty.
void require_numbers(const Table& table, Index column, const std::string& other_use = {});

/// Whether the whole text is a number, finite or not in double.
bool spells_number(const std::string& text);

/// The shortest decimal text that reads back as the value.
std::string shortest(double value);

/// A column read as categories: text as it stands, numbers by value, so that 1 and 1.0 are one
/// category.
class CategoryCells {
 public:
  /// Throws DataError where a number is not finite.
  CategoryCells(const Table& table, Index column);
  bool missing(Index row) const;
  std::string label(Index row) const;  ///< of a cell that is not missing

 private:
  const Column& column_;
};

/// Positions of category labels: by text, else by the number they spell.
class CategoryIndex {
 public:
  explicit CategoryIndex(const std::vector<std::string>& labels);
  Index find(const std::string& label) const;  ///< -1 when unknown

 private:
  std::map<std::string, Index> by_text_;
  std::map<double, Index> by_value_;
};

/// The labels in sort order: by value when all are numbers, else by bytes; no duplicates.
std::vector<std::string> sorted_labels(std::vector<std::string> labels);

}  // namespace thalweg
