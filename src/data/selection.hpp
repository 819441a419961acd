// Which columns of a table are targets and which are features. Private.
#pragma once

#include <vector>

#include "thalweg/data/dataset.hpp"

namespace thalweg {

/// Positions in the table.
struct Selection {
  std::vector<Index> targets, one_hot;
  std::vector<Index> features;  ///< of Table::columns, ascending
  /// Of the numbered columns, which are too many to list: those wanted, or else all but those
  /// unwanted.
  std::vector<Index> numbered_wanted, numbered_unwanted;

  bool is_one_hot(Index j) const;
  bool uses_numbered(Index j) const;
  Index numbered_count(const Table& table) const;
};

/// Throws UsageError for unknown or contradictory columns.
Selection select_columns(const Table& table, const DatasetOptions& options);

}  // namespace thalweg
