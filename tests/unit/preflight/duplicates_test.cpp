#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

TEST(FindDuplicates, CountsGroupsConflictsAndSpread) {
  Matrix inputs(6, 2), targets(6, 1);
  inputs << 1, 2, 3, 4, 1, 2, 5, 6, 3, 4, 1, 2;
  targets << 1, 7, 2, 0, 7, 6;  // (1,2): 1, 2, 6, mean 3; (3,4): 7, 7
  const DuplicateReport report = find_duplicates(inputs, targets);
  EXPECT_EQ(report.distinct, 3);
  EXPECT_EQ(report.conflicting, 3);
  EXPECT_NEAR(report.spread, 4 + 1 + 9, 1e-14);
}

TEST(FindDuplicates, AGroupWithOneOddTargetConflictsAsAWhole) {
  Matrix inputs = Matrix::Ones(4, 1), targets(4, 2);
  targets << 1, 0, 1, 0, 1, 0, 1, 4;
  const DuplicateReport report = find_duplicates(inputs, targets);
  EXPECT_EQ(report.distinct, 1);
  EXPECT_EQ(report.conflicting, 4);
  EXPECT_NEAR(report.spread, 3 * 1 + 9, 1e-14);
}

TEST(FindDuplicates, ZeroEqualsMinusZeroAndNearIsNotEqual) {
  Matrix inputs(3, 1), targets(3, 1);
  inputs << 0.0, -0.0, 1e-300;
  targets << 1, 2, 3;
  EXPECT_EQ(find_duplicates(inputs, targets).distinct, 2);
}

TEST(FindDuplicates, RefusesTablesOfDifferentLength) {
  EXPECT_THROW(find_duplicates(Matrix::Zero(3, 1), Matrix::Zero(2, 1)), UsageError);
}

RC_GTEST_PROP(FindDuplicates, AgreesWithAMapOfRows,
              (const std::vector<std::pair<int, int>>& rows)) {
  RC_PRE(!rows.empty());
  const Index n = static_cast<Index>(rows.size());
  Matrix inputs(n, 1), targets(n, 1);
  std::map<double, std::vector<double>> groups;
  for (Index i = 0; i < n; ++i) {
    inputs(i, 0) = rows[static_cast<std::size_t>(i)].first % 4;
    targets(i, 0) = rows[static_cast<std::size_t>(i)].second % 3;
    groups[inputs(i, 0)].push_back(targets(i, 0));
  }
  Index conflicting = 0;
  double spread = 0;
  for (const auto& [key, values] : groups) {
    const Eigen::Map<const Vector> t(values.data(), static_cast<Index>(values.size()));
    if (t.maxCoeff() > t.minCoeff()) conflicting += t.size();
    spread += (t.array() - t.mean()).square().sum();
  }
  const DuplicateReport report = find_duplicates(inputs, targets);
  RC_ASSERT(report.distinct == static_cast<Index>(groups.size()));
  RC_ASSERT(report.conflicting == conflicting);
  RC_ASSERT(std::abs(report.spread - spread) <= 1e-12 * (1 + spread));
}

}  // namespace
}  // namespace thalweg
