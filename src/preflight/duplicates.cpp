#include <algorithm>
#include <numeric>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

// Three-way comparison of two rows, number by number; 0 equals -0.
int compare_rows(const ConstMatrixRef& table, Index a, Index b) {
  for (Index c = 0; c < table.cols(); ++c) {
    if (table(a, c) < table(b, c)) return -1;
    if (table(a, c) > table(b, c)) return 1;
  }
  return 0;
}

bool targets_differ(const ConstMatrixRef& targets, const std::vector<Index>& group) {
  return std::any_of(group.begin() + 1, group.end(), [&](Index sample) {
    return compare_rows(targets, group.front(), sample) != 0;
  });
}

// Sum of squared distances from the mean of the group.
double group_spread(const ConstMatrixRef& targets, const std::vector<Index>& group) {
  Eigen::RowVectorXd mean = Eigen::RowVectorXd::Zero(targets.cols());
  for (const Index sample : group) mean += targets.row(sample);
  mean /= static_cast<double>(group.size());
  double spread = 0;
  for (const Index sample : group) spread += (targets.row(sample) - mean).squaredNorm();
  return spread;
}

}  // namespace

DuplicateReport find_duplicates(const ConstMatrixRef& inputs, const ConstMatrixRef& targets) {
  if (inputs.rows() != targets.rows())
    throw UsageError("inputs and targets need one row per sample each");
  // Sorted by rows, equal ones are neighbours; equal rows keep the order of the table.
  std::vector<Index> order(static_cast<std::size_t>(inputs.rows()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return compare_rows(inputs, a, b) < 0; });

  DuplicateReport report;
  std::vector<Index> group;
  for (std::size_t i = 0; i < order.size();) {
    group.clear();
    const Index first = order[i];
    while (i < order.size() && compare_rows(inputs, first, order[i]) == 0)
      group.push_back(order[i++]);
    ++report.distinct;
    if (!targets_differ(targets, group)) continue;
    report.conflicting += static_cast<Index>(group.size());
    report.spread += group_spread(targets, group);
  }
  return report;
}

}  // namespace thalweg
