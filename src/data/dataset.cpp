#include "thalweg/data/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "data/cells.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

using Rows = std::vector<Index>;

const Column& column_at(const Table& table, Index j) {
  return table.columns[static_cast<std::size_t>(j)];
}

bool contains(const std::vector<Index>& list, Index value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

void check_fractions(const DatasetOptions& options) {
  OptionChecker checker("splits");
  checker.require(options.validation >= 0 && options.validation < 1, "validation", "lie in [0, 1)",
                  options.validation);
  checker.require(options.test >= 0 && options.test < 1, "test", "lie in [0, 1)", options.test);
  checker.require(!(options.validation + options.test >= 1),
                  "validation and test together must leave rows for training");
  checker.throw_if_any();
}

// ---- choice of columns --------------------------------------------------------------------------

/// Positions in the table.
struct Selection {
  std::vector<Index> targets, features, one_hot;
  bool is_one_hot(Index j) const { return contains(one_hot, j); }
};

std::vector<Index> find_all(const Table& table, const std::vector<std::string>& names,
                            const char* option) {
  std::vector<Index> found;
  for (const std::string& name : names) {
    const Index j = table.find(name);
    if (contains(found, j))
      throw UsageError(fmt::format("column '{}' is named twice", column_at(table, j).name),
                       "name it once", option);
    found.push_back(j);
  }
  return found;
}

void require_disjoint(const Table& table, const std::vector<Index>& a, const char* option_a,
                      const std::vector<Index>& b, const char* option_b) {
  for (const Index j : a)
    if (contains(b, j))
      throw UsageError(fmt::format("column '{}' is in both {} and {}", column_at(table, j).name,
                                   option_a, option_b),
                       "take it out of one of them");
}

Selection select_columns(const Table& table, const DatasetOptions& options) {
  if (options.targets.empty())
    throw UsageError("no target column is named", "give --target COLUMN", source_of(table));
  Selection selection;
  selection.targets = find_all(table, options.targets, "--target");
  const auto wanted = find_all(table, options.features, "--features");
  const auto unwanted = find_all(table, options.drop, "--drop");
  selection.one_hot = find_all(table, options.one_hot, "--categorical");
  require_disjoint(table, selection.targets, "--target", wanted, "--features");
  require_disjoint(table, selection.targets, "--target", unwanted, "--drop");
  require_disjoint(table, selection.targets, "--target", selection.one_hot, "--categorical");
  require_disjoint(table, wanted, "--features", unwanted, "--drop");
  require_disjoint(table, selection.one_hot, "--categorical", unwanted, "--drop");

  std::vector<char> used(table.columns.size(), wanted.empty());
  for (const Index j : wanted) used[static_cast<std::size_t>(j)] = true;
  for (const Index j : unwanted) used[static_cast<std::size_t>(j)] = false;
  for (const Index j : selection.targets) used[static_cast<std::size_t>(j)] = false;
  for (std::size_t j = 0; j < used.size(); ++j)
    if (used[j]) selection.features.push_back(static_cast<Index>(j));
  if (selection.features.empty())
    throw UsageError("no feature column is left", "keep at least one column beside the target",
                     source_of(table));
  for (const Index j : selection.one_hot)
    if (!used[static_cast<std::size_t>(j)])
      throw UsageError(fmt::format("column '{}' of --categorical is not among the features",
                                   column_at(table, j).name),
                       "add it to --features");
  return selection;
}

// ---- task ---------------------------------------------------------------------------------------

constexpr std::size_t most_integer_classes = 20;

/// The number of distinct values when all are integers and there are at most twenty, else 0.
std::size_t count_integer_classes(const Column& column) {
  std::vector<double> distinct;
  for (const double value : column.numbers) {
    if (std::isnan(value)) continue;
    if (value != std::floor(value)) return 0;
    if (std::find(distinct.begin(), distinct.end(), value) != distinct.end()) continue;
    if (distinct.size() == most_integer_classes) return 0;
    distinct.push_back(value);
  }
  return distinct.size();
}

/// A text column most of whose cells are numbers: not classes but numbers with a mistake.
bool is_mostly_numbers(const Column& column) {
  Index numbers = 0, cells = 0;
  for (const std::string& text : column.text) {
    cells += !text.empty();
    numbers += spells_number(text);
  }
  return 2 * numbers > cells;
}

Task decide_task(const Table& table, const Selection& selection, const DatasetOptions& options,
                 std::vector<std::string>& notices) {
  if (options.task == Task::classification && selection.targets.size() > 1)
    throw UsageError("classification takes one target", "name one column, or choose regression",
                     "--target");
  if (options.task != Task::automatic) return options.task;
  if (selection.targets.size() > 1) {
    notices.push_back("several targets: regression");
    return Task::regression;
  }
  const Column& target = column_at(table, selection.targets[0]);
  if (!target.numeric) {
    if (is_mostly_numbers(target)) return Task::regression;  // which then points at the mistake
    notices.push_back(fmt::format("target '{}' is text: classification", target.name));
    return Task::classification;
  }
  const std::size_t classes = count_integer_classes(target);
  if (classes == 0 || target.first_not_finite_row >= 0) {
    notices.push_back(fmt::format("target '{}' is a number: regression", target.name));
    return Task::regression;
  }
  notices.push_back(fmt::format(
      "target '{}' has {} distinct integer values: classification (--task regression otherwise)",
      target.name, classes));
  return Task::classification;
}

/// A category column: only numbers that are not finite cannot be categories.
void require_categories(const Table& table, Index column) { CategoryCells(table, column); }

void check_cells(const Table& table, const Selection& selection, Task task) {
  for (const Index j : selection.targets) {
    if (task == Task::regression)
      require_numbers(table, j, "--task classification if these are classes");
    else
      require_categories(table, j);
  }
  for (const Index j : selection.features) {
    const std::string& name = column_at(table, j).name;
    if (selection.is_one_hot(j))
      require_categories(table, j);
    else
      require_numbers(
          table, j,
          fmt::format("--categorical onehot:{0} if these are categories, or --drop {0}", name));
  }
}

// ---- missing cells ------------------------------------------------------------------------------

bool is_missing(const Column& column, Index row) {
  const auto i = static_cast<std::size_t>(row);
  return column.numeric ? std::isnan(column.numbers[i]) : column.text[i].empty();
}

[[noreturn]] void refuse_missing(const Table& table, const std::vector<Index>& columns) {
  std::vector<std::string> counts;
  Index first_row = table.rows(), first_column = 0;
  for (const Index j : columns) {
    const Column& column = column_at(table, j);
    if (column.missing == 0) continue;
    counts.push_back(fmt::format("{} in '{}'", column.missing, column.name));
    Index row = 0;
    while (!is_missing(column, row)) ++row;
    if (row < first_row) {
      first_row = row;
      first_column = j;
    }
  }
  throw DataError(fmt::format("missing cells: {}", short_list(counts)),
                  table.where(table.file_rows[static_cast<std::size_t>(first_row)], first_column),
                  "give --missing drop to leave those rows out, or --missing mean to fill in the "
                  "mean of the column");
}

/// Rows that can be used: complete ones; with Missing::mean those whose targets are there.
Rows usable_rows(const Table& table, const Selection& selection, Missing missing) {
  std::vector<Index> needed = selection.targets;
  if (missing != Missing::mean)
    needed.insert(needed.end(), selection.features.begin(), selection.features.end());
  std::erase_if(needed, [&](Index j) { return column_at(table, j).missing == 0; });
  if (missing == Missing::refuse && !needed.empty()) refuse_missing(table, needed);
  Rows rows;
  for (Index i = 0; i < table.rows(); ++i)
    if (std::none_of(needed.begin(), needed.end(),
                     [&](Index j) { return is_missing(column_at(table, j), i); }))
      rows.push_back(i);
  if (rows.size() < 2)
    throw DataError(fmt::format("{} usable row{} of {}", rows.size(), rows.size() == 1 ? "" : "s",
                                table.rows()),
                    source_of(table), "training needs at least two");
  return rows;
}

// ---- splits -------------------------------------------------------------------------------------

struct Split {
  Rows train, validation, test;
};

/// A random part of each size, by the stream "split" of the seed; rows keep their order inside.
Split split_rows(const Rows& rows, const DatasetOptions& options) {
  const auto n = static_cast<Index>(rows.size());
  const auto part = [&](double fraction) {
    return static_cast<Index>(std::llround(fraction * static_cast<double>(n)));
  };
  const Index validation = part(options.validation), test = part(options.test);
  const Index train = n - validation - test;
  if (train < 2 || (options.validation > 0 && validation == 0) || (options.test > 0 && test == 0))
    throw RefusedError(
        fmt::format("{} rows are too few for the splits: {} for training, {} for validation, {} "
                    "for test",
                    n, train, validation, test),
        "give more rows or other fractions; training needs two rows, each other part one");
  std::vector<Rows Split::*> chosen(rows.size(), &Split::train);
  const std::vector<Index> order = RandomStream(options.seed, "split").permutation(n);
  for (Index k = 0; k < validation + test; ++k)
    chosen[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])] =
        k < validation ? &Split::validation : &Split::test;
  Split split;
  for (std::size_t i = 0; i < rows.size(); ++i) (split.*chosen[i]).push_back(rows[i]);
  return split;
}

// ---- scaling ------------------------------------------------------------------------------------

struct Scaling {
  double mean = 0, scale = 1;
};

/// Mean and population standard deviation. Values are first divided by a power of two near the
/// largest, which is exact and keeps sums and squares inside double.
Scaling scaling_of(const ConstVectorRef& values) {
  const double largest = values.cwiseAbs().maxCoeff();
  if (largest == 0) return {};
  const double unit = std::scalbn(1.0, std::clamp(std::ilogb(largest), -1000, 1000));
  const Vector scaled = values / unit;
  const double mean = scaled.mean();
  const double scale = unit * std::sqrt((scaled.array() - mean).square().mean());
  return {unit * mean, scale > 0 && std::isfinite(scale) ? scale : 1.0};
}

void fit_scaling(const Matrix& raw, bool standardize, Vector& mean, Vector& scale) {
  mean = Vector::Zero(raw.cols());
  scale = Vector::Ones(raw.cols());
  if (!standardize) return;
  for (Index j = 0; j < raw.cols(); ++j) {
    const Scaling scaling = scaling_of(raw.col(j));
    mean[j] = scaling.mean;
    scale[j] = scaling.scale;
  }
}

// ---- encoding of the training rows --------------------------------------------------------------

/// A numeric feature, or nothing when it is constant on the rows.
std::optional<Encoding::Feature> fit_numeric(const Column& column, const Rows& rows) {
  double smallest = std::numeric_limits<double>::infinity(), largest = -smallest;
  std::vector<double> present;
  for (const Index row : rows) {
    const double value = column.numbers[static_cast<std::size_t>(row)];
    if (std::isnan(value)) continue;
    smallest = std::min(smallest, value);
    largest = std::max(largest, value);
    present.push_back(value);
  }
  if (!(smallest < largest)) return std::nullopt;
  const Eigen::Map<const Vector> values(present.data(), static_cast<Index>(present.size()));
  return Encoding::Feature{column.name, {}, scaling_of(values).mean, false};
}

/// A one-hot feature, or nothing when all rows are of one category.
std::optional<Encoding::Feature> fit_one_hot(const Table& table, Index j, const Rows& rows) {
  const CategoryCells cells(table, j);
  std::vector<std::string> labels;
  bool any_missing = false;
  for (const Index row : rows) {
    if (cells.missing(row))
      any_missing = true;
    else
      labels.push_back(cells.label(row));
  }
  labels = sorted_labels(std::move(labels));
  if (labels.size() + any_missing < 2) return std::nullopt;
  return Encoding::Feature{column_at(table, j).name, std::move(labels), 0, false};
}

void fit_features(const Table& table, const Selection& selection, const Rows& rows, Missing missing,
                  Dataset& dataset) {
  Encoding& encoding = dataset.encoding;
  for (const Index j : selection.features) {
    const Column& column = column_at(table, j);
    auto feature =
        selection.is_one_hot(j) ? fit_one_hot(table, j, rows) : fit_numeric(column, rows);
    if (!feature) {
      dataset.dropped_columns.push_back(column.name);
      continue;
    }
    feature->may_be_missing = missing == Missing::mean;
    if (feature->categories.empty()) encoding.input_names.push_back(column.name);
    for (const std::string& category : feature->categories)
      encoding.input_names.push_back(column.name + "=" + category);
    encoding.features.push_back(std::move(*feature));
  }
  if (encoding.features.empty())
    throw DataError("every feature is constant on the training rows", source_of(table),
                    "training needs a column that varies");
  if (!dataset.dropped_columns.empty())
    dataset.notices.push_back(fmt::format("constant on the training rows and left out: {}",
                                          short_list(dataset.dropped_columns)));
}

/// The model refuses categories it has not seen; held-back rows with one are left out likewise.
void drop_unseen_categories(const Table& table, const Encoding& encoding, Rows& rows,
                            Dataset& dataset) {
  const std::size_t before = rows.size();
  for (const Encoding::Feature& feature : encoding.features) {
    if (feature.categories.empty()) continue;
    const CategoryCells cells(table, table.find(feature.column));
    const CategoryIndex index(feature.categories);
    std::erase_if(rows,
                  [&](Index i) { return !cells.missing(i) && index.find(cells.label(i)) < 0; });
  }
  const auto dropped = static_cast<Index>(before - rows.size());
  if (dropped == 0) return;
  dataset.dropped_rows += dropped;
  dataset.notices.push_back(
      fmt::format("{} held-back rows have a category that no training row has: left out", dropped));
  if (rows.empty())
    throw RefusedError("every row of a held-back part has a category that no training row has",
                       "give more rows, another --seed, or leave that column out with --drop");
}

// ---- targets ------------------------------------------------------------------------------------

Matrix raw_targets(const Table& table, const Selection& selection, const Rows& rows) {
  Matrix raw(static_cast<Index>(rows.size()), static_cast<Index>(selection.targets.size()));
  for (Index k = 0; k < raw.cols(); ++k) {
    const Column& column = column_at(table, selection.targets[static_cast<std::size_t>(k)]);
    for (Index i = 0; i < raw.rows(); ++i)
      raw(i, k) = column.numbers[static_cast<std::size_t>(rows[static_cast<std::size_t>(i)])];
  }
  return raw;
}

std::vector<std::string> class_labels(const Table& table, Index target, const Rows& rows) {
  const CategoryCells cells(table, target);
  std::vector<std::string> labels;
  for (const Index row : rows) labels.push_back(cells.label(row));
  labels = sorted_labels(std::move(labels));
  if (labels.size() < 2)
    throw DataError(fmt::format("every row of target '{}' is of class '{}'",
                                column_at(table, target).name, labels[0]),
                    table.where(table.file_rows[static_cast<std::size_t>(rows[0])], target),
                    "a classification needs two classes");
  return labels;
}

std::vector<int> label_indices(const Table& table, Index target, const Rows& rows,
                               const std::vector<std::string>& classes) {
  const CategoryCells cells(table, target);
  const CategoryIndex index(classes);
  std::vector<int> labels;
  for (const Index row : rows) labels.push_back(static_cast<int>(index.find(cells.label(row))));
  return labels;
}

Part make_part(const Table& table, const Selection& selection, const Encoding& encoding,
               Rows rows) {
  Part part;
  part.inputs = encoding.standardized(encoding.encode_raw(table, rows));
  if (encoding.task == Task::classification) {
    part.labels = label_indices(table, selection.targets[0], rows, encoding.classes);
  } else {
    part.raw_targets = raw_targets(table, selection, rows);
    part.targets = part.raw_targets.rowwise() - encoding.target_mean.transpose();
    part.targets.array().rowwise() /= encoding.target_scale.transpose().array();
  }
  part.rows = std::move(rows);
  return part;
}

}  // namespace

Dataset make_dataset(const Table& table, const DatasetOptions& options) {
  check_fractions(options);
  const Selection selection = select_columns(table, options);
  Dataset dataset;
  dataset.table_rows = table.rows();
  Encoding& encoding = dataset.encoding;
  encoding.task = decide_task(table, selection, options, dataset.notices);
  for (const Index j : selection.targets) encoding.targets.push_back(column_at(table, j).name);
  check_cells(table, selection, encoding.task);

  const Rows rows = usable_rows(table, selection, options.missing);
  dataset.dropped_rows = table.rows() - static_cast<Index>(rows.size());
  if (dataset.dropped_rows > 0)
    dataset.notices.push_back(fmt::format("{} of {} rows have missing cells and are left out",
                                          dataset.dropped_rows, table.rows()));
  if (encoding.task == Task::classification)
    encoding.classes = class_labels(table, selection.targets[0], rows);

  Split split = split_rows(rows, options);
  fit_features(table, selection, split.train, options.missing, dataset);
  fit_scaling(encoding.encode_raw(table, split.train), options.standardize, encoding.input_mean,
              encoding.input_scale);
  if (encoding.task == Task::regression)
    fit_scaling(raw_targets(table, selection, split.train), options.standardize,
                encoding.target_mean, encoding.target_scale);
  if (options.validation > 0) drop_unseen_categories(table, encoding, split.validation, dataset);
  if (options.test > 0) drop_unseen_categories(table, encoding, split.test, dataset);

  dataset.train = make_part(table, selection, encoding, std::move(split.train));
  dataset.validation = make_part(table, selection, encoding, std::move(split.validation));
  dataset.test = make_part(table, selection, encoding, std::move(split.test));
  return dataset;
}

}  // namespace thalweg
