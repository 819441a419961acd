#include "thalweg/data/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/cells.hpp"
#include "data/column_summary.hpp"
#include "data/selection.hpp"
#include "data/split.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using Rows = std::vector<Index>;

constexpr std::size_t most_dropped_names = 1000;

const Column& column_at(const Table& table, Index j) {
  return table.columns[static_cast<std::size_t>(j)];
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

// ---- scaling ------------------------------------------------------------------------------------

struct Scaling {
  double mean = 0, scale = 1;
};

/// What numbers are divided by: their deviation, where they vary.
double scale_of(double deviation) {
  return deviation > 0 && std::isfinite(deviation) ? deviation : 1.0;
}

/// Mean and population standard deviation, by units that keep sums and squares inside double.
Scaling scaling_of(const ConstVectorRef& values) {
  const double largest = values.cwiseAbs().maxCoeff();
  if (largest == 0) return {};
  const double unit = unit_of(largest);
  const Vector scaled = values / unit;
  const double mean = scaled.mean();
  return {unit * mean, scale_of(unit * std::sqrt((scaled.array() - mean).square().mean()))};
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

void fit_dense_features(const Table& table, const Selection& selection, const Rows& rows,
                        const DatasetOptions& options, Dataset& dataset) {
  Encoding& encoding = dataset.encoding;
  for (const Index j : selection.features) {
    const Column& column = column_at(table, j);
    auto feature =
        selection.is_one_hot(j) ? fit_one_hot(table, j, rows) : fit_numeric(column, rows);
    if (!feature) {
      dataset.dropped_columns.push_back(column.name);
      continue;
    }
    feature->may_be_missing = options.missing == Missing::mean;
    if (feature->categories.empty()) encoding.input_names.push_back(column.name);
    for (const std::string& category : feature->categories)
      encoding.input_names.push_back(column.name + "=" + category);
    encoding.features.push_back(std::move(*feature));
  }
  fit_scaling(encoding.encode_raw(table, rows), options.standardize, encoding.input_mean,
              encoding.input_scale);
  dataset.dropped_column_count = static_cast<Index>(dataset.dropped_columns.size());
  dataset.dropped_columns.resize(std::min(dataset.dropped_columns.size(), most_dropped_names));
}

/// Names the columns that are selected but not among the kept ones (ascending).
void note_dropped(const Table& table, const Selection& selection,
                  const std::vector<ColumnSummary>& kept, Dataset& dataset) {
  const Index count = selection.numbered_count(table) - static_cast<Index>(kept.size());
  dataset.dropped_column_count = count;
  const std::size_t named = std::min(static_cast<std::size_t>(count), most_dropped_names);
  auto next_kept = kept.begin();
  for (Index j = 0; dataset.dropped_columns.size() < named; ++j) {
    if (next_kept != kept.end() && next_kept->column == j)
      ++next_kept;
    else if (selection.uses_numbered(j))
      dataset.dropped_columns.push_back(numbered_column_name(j));
  }
}

void fit_numbered_features(const Table& table, const Selection& selection, const Rows& rows,
                           const DatasetOptions& options, Dataset& dataset) {
  std::vector<ColumnSummary> kept = table.is_sparse() ? summarize_columns(table.sparse, rows)
                                                      : summarize_columns(table.packed, rows);
  std::erase_if(kept, [&](const ColumnSummary& column) {
    return !selection.uses_numbered(column.column) || !(column.smallest < column.largest);
  });
  note_dropped(table, selection, kept, dataset);
  Encoding& encoding = dataset.encoding;
  encoding.input_mean = Vector::Zero(static_cast<Index>(kept.size()));
  encoding.input_scale = Vector::Ones(static_cast<Index>(kept.size()));
  encoding.input_names.reserve(kept.size());
  encoding.features.reserve(kept.size());
  for (const ColumnSummary& column : kept) {
    const auto input = static_cast<Index>(encoding.features.size());
    if (options.standardize) {
      encoding.input_mean[input] = column.mean;
      encoding.input_scale[input] = scale_of(column.deviation);
    }
    encoding.input_names.push_back(numbered_column_name(column.column));
    encoding.features.push_back(
        {encoding.input_names.back(), {}, column.mean, options.missing == Missing::mean});
  }
}

void fit_features(const Table& table, const Selection& selection, const Rows& rows,
                  const DatasetOptions& options, Dataset& dataset) {
  if (table.is_numbered())
    fit_numbered_features(table, selection, rows, options, dataset);
  else
    fit_dense_features(table, selection, rows, options, dataset);
  if (dataset.encoding.features.empty())
    throw DataError("every feature is constant on the training rows", source_of(table),
                    "training needs a column that varies");
  if (dataset.dropped_column_count > 0)
    dataset.notices.push_back(
        fmt::format("constant on the training rows and left out: {}",
                    short_list(dataset.dropped_columns,
                               static_cast<std::size_t>(dataset.dropped_column_count))));
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

/// Numbers that take little room in their file may take much as dense ones.
void require_fits(const Table& table, const Encoding& encoding, Index rows, double memory_limit) {
  const double bytes =
      sizeof(double) * static_cast<double>(rows) * static_cast<double>(encoding.inputs());
  if (memory_limit <= 0 || bytes <= memory_limit) return;
  throw RefusedError(
      fmt::format("{} rows of {} inputs take {:.3g} GB as dense numbers, and the limit is {:.3g} "
                  "GB",
                  rows, encoding.inputs(), bytes / 1e9, memory_limit / 1e9),
      table.is_sparse() ? "choose --model linear, which leaves the table sparse, or keep fewer "
                          "columns with --features or --drop"
                        : "give fewer images, or keep fewer columns with --features or --drop",
      source_of(table));
}

Part make_part(const Table& table, const Selection& selection, const Encoding& encoding,
               bool keep_sparse, Rows rows) {
  Part part;
  if (keep_sparse && table.is_sparse())
    part.sparse = encoding.encode_sparse(table, rows);
  else
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
  Strata strata = one_stratum(static_cast<Index>(rows.size()));
  if (encoding.task == Task::classification) {
    encoding.classes = class_labels(table, selection.targets[0], rows);
    strata = strata_of(label_indices(table, selection.targets[0], rows, encoding.classes),
                       encoding.classes.size());
  }

  Split split = split_rows(rows, strata, options);
  fit_features(table, selection, split.train, options, dataset);
  if (encoding.task == Task::regression)
    fit_scaling(raw_targets(table, selection, split.train), options.standardize,
                encoding.target_mean, encoding.target_scale);
  if (options.validation > 0) drop_unseen_categories(table, encoding, split.validation, dataset);
  if (options.test > 0) drop_unseen_categories(table, encoding, split.test, dataset);

  if (table.is_packed() || (table.is_sparse() && !options.keep_sparse))
    require_fits(table, encoding, static_cast<Index>(rows.size()), options.memory_limit);
  const auto part = [&](Rows& of_part) {
    return make_part(table, selection, encoding, options.keep_sparse, std::move(of_part));
  };
  dataset.train = part(split.train);
  dataset.validation = part(split.validation);
  dataset.test = part(split.test);
  return dataset;
}

}  // namespace thalweg
