// Pairs of classes of well-known tables as linear classification problems: standardized, with a
// constant column. The tables are those of Debian's python3-sklearn, not part of this project.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "thalweg/data/table.hpp"
#include "thalweg/method/large_step_theory.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg::separable_tables {

struct Pair {
  const char* name;
  const char* file;
  int first, second;  ///< the classes; the second one is positive
};

inline constexpr Pair iris_0_1{"iris_0_1", "iris.csv", 0, 1};
inline constexpr Pair wine_0_1{"wine_0_1", "wine_data.csv", 0, 1};
inline constexpr Pair wine_1_2{"wine_1_2", "wine_data.csv", 1, 2};
inline constexpr Pair digits_0_1{"digits_0_1", "digits.csv.gz", 0, 1};
inline constexpr Pair digits_1_7{"digits_1_7", "digits.csv.gz", 1, 7};
inline constexpr Pair digits_3_8{"digits_3_8", "digits.csv.gz", 3, 8};
inline constexpr Pair iris_1_2{"iris_1_2", "iris.csv", 1, 2};  ///< not separable

/// THALWEG_SKLEARN_DATA, or where Debian puts the tables.
inline std::filesystem::path folder() {
  const char* given = std::getenv("THALWEG_SKLEARN_DATA");
  return given ? given : "/usr/lib/python3/dist-packages/sklearn/datasets/data";
}

inline bool present(const Pair& pair) { return std::filesystem::exists(folder() / pair.file); }

/// Rows of numbers; a first line of another length is a title.
inline std::vector<std::vector<double>> read_rows(const std::filesystem::path& path) {
  std::istringstream lines(read_bytes(path.string()));
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(lines, line);) {
    std::vector<double> row;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');)
      row.push_back(std::strtod(cell.c_str(), nullptr));
    rows.push_back(std::move(row));
  }
  // The titles of iris and wine name the classes: "150,4,setosa,...".
  if (rows.front().front() == static_cast<double>(rows.size() - 1)) rows.erase(rows.begin());
  return rows;
}

inline Matrix standardized(const Matrix& raw) {
  const Matrix centred = raw.rowwise() - raw.colwise().mean();
  const Eigen::RowVectorXd spread = (centred.array().square().colwise().mean()).sqrt();
  std::vector<Index> varying;
  for (Index k = 0; k < raw.cols(); ++k)
    if (spread[k] > 0) varying.push_back(k);
  return (centred.array().rowwise() / spread.array())(Eigen::all, varying);
}

inline std::shared_ptr<const LinearObjective> problem(const Pair& pair) {
  std::vector<std::vector<double>> kept;
  std::vector<int> labels;
  for (auto& row : read_rows(folder() / pair.file)) {
    const int label = static_cast<int>(row.back());
    if (label != pair.first && label != pair.second) continue;
    row.pop_back();
    kept.push_back(std::move(row));
    labels.push_back(label == pair.second ? 1 : 0);
  }
  Matrix raw(static_cast<Index>(kept.size()), static_cast<Index>(kept.front().size()));
  for (Index i = 0; i < raw.rows(); ++i)
    for (Index k = 0; k < raw.cols(); ++k)
      raw(i, k) = kept[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)];
  return std::make_shared<LinearObjective>(
      std::make_shared<LinearModel>(standardized(raw), LinearModel::Options{}),
      std::make_shared<CrossEntropyLoss>(std::move(labels), 2));
}

/// What the theory needs: the proved lower bound of the margin, R and n.
inline SeparableRows rows_of(const LinearObjective& objective) {
  const auto at_zero = objective.model().linearize(Vector::Zero(objective.dimension()));
  const auto report =
      measure_separability(*at_zero, dynamic_cast<const MarginLoss&>(objective.loss()));
  return {report.margin_lower, report.row_norm, objective.sample_count()};
}

}  // namespace thalweg::separable_tables
