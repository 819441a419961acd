#include "data/selection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "data/cells.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

bool contains(const std::vector<Index>& list, Index value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::vector<Index> find_all(const Table& table, const std::vector<std::string>& names,
                            const char* option) {
  std::vector<Index> found;
  for (const std::string& name : names) {
    const Index j = table.find(name);
    if (contains(found, j))
      throw UsageError(fmt::format("column '{}' is named twice", table.column_name(j)),
                       "name it once", option);
    found.push_back(j);
  }
  return found;
}

void require_disjoint(const Table& table, const std::vector<Index>& a, const char* option_a,
                      const std::vector<Index>& b, const char* option_b) {
  for (const Index j : a)
    if (contains(b, j))
      throw UsageError(
          fmt::format("column '{}' is in both {} and {}", table.column_name(j), option_a, option_b),
          "take it out of one of them");
}

/// The named targets, or the one that the format carries.
std::vector<Index> select_targets(const Table& table, const DatasetOptions& options) {
  if (!options.targets.empty()) return find_all(table, options.targets, "--target");
  const std::string own = own_target(table);
  if (own.empty())
    throw UsageError("no target column is named", "give --target COLUMN", source_of(table));
  return {table.find(own)};
}

void select_dense_features(const Table& table, const std::vector<Index>& wanted,
                           const std::vector<Index>& unwanted, Selection& selection) {
  std::vector<char> used(table.columns.size(), wanted.empty());
  for (const Index j : wanted) used[static_cast<std::size_t>(j)] = true;
  for (const Index j : unwanted) used[static_cast<std::size_t>(j)] = false;
  for (const Index j : selection.targets) used[static_cast<std::size_t>(j)] = false;
  for (std::size_t j = 0; j < used.size(); ++j)
    if (used[j]) selection.features.push_back(static_cast<Index>(j));
  for (const Index j : selection.one_hot)
    if (!used[static_cast<std::size_t>(j)])
      throw UsageError(fmt::format("column '{}' of --categorical is not among the features",
                                   table.column_name(j)),
                       "add it to --features");
}

void select_numbered_features(const Table& table, const std::vector<Index>& wanted,
                              const std::vector<Index>& unwanted, Selection& selection) {
  if (selection.targets != std::vector<Index>{table.find(own_target(table))})
    throw UsageError(fmt::format("the target of {} data is '{}'", table.format, own_target(table)),
                     "leave --target out", "--target");
  if (!selection.one_hot.empty())
    throw UsageError(fmt::format("columns of {} data hold numbers, not categories", table.format),
                     "write one feature per category, or give the table as CSV", "--categorical");
  const auto labels = static_cast<Index>(table.columns.size());
  for (const Index j : wanted) selection.numbered_wanted.push_back(j - labels);
  for (const Index j : unwanted) selection.numbered_unwanted.push_back(j - labels);
  std::sort(selection.numbered_wanted.begin(), selection.numbered_wanted.end());
  std::sort(selection.numbered_unwanted.begin(), selection.numbered_unwanted.end());
}

}  // namespace

bool Selection::is_one_hot(Index j) const { return contains(one_hot, j); }

bool Selection::uses_numbered(Index j) const {
  const auto listed = [j](const std::vector<Index>& list) {
    return std::binary_search(list.begin(), list.end(), j);
  };
  return numbered_wanted.empty() ? !listed(numbered_unwanted) : listed(numbered_wanted);
}

Index Selection::numbered_count(const Table& table) const {
  return numbered_wanted.empty()
             ? table.numbered_count() - static_cast<Index>(numbered_unwanted.size())
             : static_cast<Index>(numbered_wanted.size());
}

Selection select_columns(const Table& table, const DatasetOptions& options) {
  require_labels(table);
  Selection selection;
  selection.targets = select_targets(table, options);
  const auto wanted = find_all(table, options.features, "--features");
  const auto unwanted = find_all(table, options.drop, "--drop");
  selection.one_hot = find_all(table, options.one_hot, "--categorical");
  require_disjoint(table, selection.targets, "--target", wanted, "--features");
  require_disjoint(table, selection.targets, "--target", unwanted, "--drop");
  require_disjoint(table, selection.targets, "--target", selection.one_hot, "--categorical");
  require_disjoint(table, wanted, "--features", unwanted, "--drop");
  require_disjoint(table, selection.one_hot, "--categorical", unwanted, "--drop");
  if (table.is_numbered())
    select_numbered_features(table, wanted, unwanted, selection);
  else
    select_dense_features(table, wanted, unwanted, selection);
  if (selection.features.empty() && selection.numbered_count(table) == 0)
    throw UsageError("no feature column is left", "keep at least one column beside the target",
                     source_of(table));
  return selection;
}

}  // namespace thalweg
