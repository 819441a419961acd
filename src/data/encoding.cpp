// The stored way from table columns to model inputs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "data/cells.hpp"
#include "data/sparse_columns.hpp"
#include "data/sparse_rows.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/data/dataset.hpp"

namespace thalweg {
namespace {

using nlohmann::json;

/// Where a feature comes from: a column of Table::columns, or a numbered one.
struct Position {
  Index dense = -1, numbered = -1;
};

/// Positions of the columns by name. A sparse table has every column x0, x1, ...: it does not write
/// down the last ones where they are zero. Images have those of their size.
class ColumnIndex {
 public:
  explicit ColumnIndex(const Table& table) : table_(table) {
    for (std::size_t j = 0; j < table.columns.size(); ++j)
      positions_.emplace(table.columns[j].name, static_cast<Index>(j));
  }

  Position find(const Encoding::Feature& feature) const {
    const auto found = positions_.find(feature.column);
    if (found != positions_.end()) return {.dense = found->second};
    const auto column = table_.is_numbered() ? numbered_column_of(feature.column) : std::nullopt;
    if (!column || (table_.is_packed() && *column >= table_.packed.cols()))
      throw DataError(fmt::format("column '{}', which the model needs, is missing", feature.column),
                      source_of(table_), "give a table with the columns the model was trained on");
    if (!feature.categories.empty())
      throw DataError(fmt::format("column '{}' is one of categories to the model", feature.column),
                      source_of(table_), "give the table as CSV");
    return {.numbered = *column};
  }

 private:
  const Table& table_;
  std::unordered_map<std::string_view, Index> positions_;
};

using Features = std::vector<Encoding::Feature>;

std::vector<Position> find_all(const Table& table, const Features& features) {
  const ColumnIndex columns(table);
  std::vector<Position> positions;
  positions.reserve(features.size());
  for (const Encoding::Feature& feature : features) positions.push_back(columns.find(feature));
  return positions;
}

Index width_of(const Encoding::Feature& feature) {
  return std::max<Index>(1, static_cast<Index>(feature.categories.size()));
}

/// The input that each column of a sparse table becomes.
class SparseInputs {
 public:
  SparseInputs(const SparseMatrix& table, const Features& features,
               const std::vector<Position>& positions)
      : used_(table.cols()) {
    const auto in_table = [&](const Position& p) {
      return p.numbered >= 0 && p.numbered < table.cols();
    };
    for (const Position& position : positions)
      if (in_table(position)) used_.insert(position.numbered);
    used_.count();
    inputs_.resize(static_cast<std::size_t>(used_.size()));
    Index input = 0;
    for (std::size_t k = 0; k < positions.size(); ++k) {
      if (in_table(positions[k]))
        inputs_[static_cast<std::size_t>(used_.rank(positions[k].numbered))] = input;
      input += width_of(features[k]);
    }
  }

  /// visit(input, value) for the numbers of a row that the model uses.
  template <class Visit>
  void visit_row(const SparseMatrix& table, Index row, const Visit& visit) const {
    for (SparseMatrix::InnerIterator number(table, row); number; ++number)
      if (const Index rank = used_.rank(number.col()); rank >= 0)
        visit(inputs_[static_cast<std::size_t>(rank)], number.value());
  }

 private:
  ColumnSet used_;
  std::vector<Index> inputs_;
};

/// The column of images that each input is, -1 for inputs from elsewhere.
std::vector<Index> packed_columns(const Features& features, const std::vector<Position>& positions,
                                  Index inputs) {
  std::vector<Index> columns;
  columns.reserve(static_cast<std::size_t>(inputs));
  for (std::size_t k = 0; k < features.size(); ++k)
    columns.insert(columns.end(), static_cast<std::size_t>(width_of(features[k])),
                   positions[k].numbered);
  return columns;
}

/// Rows of a sparse table, all of whose features are sparse columns.
void gather_sparse(const SparseMatrix& table, const SparseInputs& inputs,
                   const std::vector<Index>& rows, SparseRows& result) {
  std::vector<std::pair<Index, double>> numbers;
  for (const Index row : rows) {
    numbers.clear();
    inputs.visit_row(table, row,
                     [&](Index input, double value) { numbers.emplace_back(input, value); });
    if (!std::is_sorted(numbers.begin(), numbers.end())) std::sort(numbers.begin(), numbers.end());
    for (const auto& [input, value] : numbers) result.add(input, value);
    result.end_row();
  }
}

/// Rows of any table, by blocks of bounded memory.
void gather_dense(const Encoding& encoding, const Table& table, const std::vector<Index>& rows,
                  SparseRows& result) {
  constexpr Index block_numbers = Index{1} << 20;
  const auto width = static_cast<Index>(encoding.input_names.size());
  const auto block = static_cast<std::size_t>(std::max<Index>(1, block_numbers / width));
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end =
        rows.begin() + static_cast<std::ptrdiff_t>(std::min(first + block, rows.size()));
    const Matrix raw = encoding.encode_raw(table, {begin, end});
    for (Index i = 0; i < raw.rows(); ++i) {
      for (Index j = 0; j < width; ++j) result.add(j, raw(i, j));
      result.end_row();
    }
  }
}

std::vector<Index> all_rows(const Table& table) {
  std::vector<Index> rows(static_cast<std::size_t>(table.rows()));
  std::iota(rows.begin(), rows.end(), Index{0});
  return rows;
}

[[noreturn]] void fail_missing(const Table& table, Index row, Index position) {
  throw DataError(
      fmt::format("the cell in column '{}' is missing",
                  table.columns[static_cast<std::size_t>(position)].name),
      table.where(table.file_rows[static_cast<std::size_t>(row)], position),
      "fill it, or train with --missing mean, which stores what stands in for missing cells");
}

void encode_numbers(const Table& table, const std::vector<Index>& rows,
                    const Encoding::Feature& feature, Index position, VectorRef raw) {
  require_numbers(table, position);
  const Column& column = table.columns[static_cast<std::size_t>(position)];
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double value = column.numbers[static_cast<std::size_t>(rows[i])];
    if (std::isnan(value) && !feature.may_be_missing) fail_missing(table, rows[i], position);
    raw[static_cast<Index>(i)] = std::isnan(value) ? feature.fill : value;
  }
}

[[noreturn]] void fail_unknown_category(const Table& table, const Encoding::Feature& feature,
                                        Index row, Index position, const std::string& category) {
  throw DataError(fmt::format("'{}' is not a category of column '{}' that the model knows",
                              category, feature.column),
                  table.where(table.file_rows[static_cast<std::size_t>(row)], position),
                  fmt::format("it knows {}", short_list(feature.categories)));
}

void encode_categories(const Table& table, const std::vector<Index>& rows,
                       const Encoding::Feature& feature, Index position, MatrixRef raw) {
  const CategoryCells cells(table, position);
  const CategoryIndex index(feature.categories);
  raw.setZero();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (cells.missing(rows[i])) {  // belongs to no category: all its inputs stay 0
      if (!feature.may_be_missing) fail_missing(table, rows[i], position);
      continue;
    }
    const std::string category = cells.label(rows[i]);
    const Index k = index.find(category);
    if (k < 0) fail_unknown_category(table, feature, rows[i], position, category);
    raw(static_cast<Index>(i), k) = 1;
  }
}

const char* name_of(Task task) {
  return task == Task::classification ? "classification" : "regression";
}

// A member of a JSON object with the wanted type, or DataError.
template <class T>
T member(const json& object, const char* key, const std::string& origin) {
  try {
    return object.at(key).get<T>();
  } catch (const json::exception&) {
    throw DataError(fmt::format("the encoding has no usable '{}'", key), origin,
                    "the file is damaged or was not written by thalweg");
  }
}

using Strings = std::vector<std::string>;

/// The numbers of features that are columns x<number> without categories, all filled or none: as
/// those of a sparse table, of which there may be more than a JSON text should hold.
std::optional<std::vector<std::int64_t>> numbered_columns(const Features& features) {
  std::vector<std::int64_t> columns;
  for (const Encoding::Feature& feature : features) {
    const auto column = numbered_column_of(feature.column);
    if (!column || !feature.categories.empty() ||
        feature.may_be_missing != features.front().may_be_missing)
      return std::nullopt;
    columns.push_back(*column);
  }
  return columns;
}

Features numbered_features(const std::vector<std::int64_t>& columns, const json& description,
                           const std::string& origin) {
  const bool may_be_missing = member<bool>(description, "may_be_missing", origin);
  Features features;
  features.reserve(columns.size());
  for (const std::int64_t column : columns) {
    if (column < 0) throw DataError("a column of the encoding has no number", origin);
    features.push_back({numbered_column_name(column), {}, 0, may_be_missing});
  }
  return features;
}

json describe(const Features& features) {
  json list = json::array();
  for (const Encoding::Feature& feature : features)
    list.push_back({{"column", feature.column},
                    {"categories", feature.categories},
                    {"may_be_missing", feature.may_be_missing}});
  return list;
}

Features parse_features(const json& description, const std::string& origin) {
  const json list = member<json>(description, "features", origin);
  if (!list.is_array()) throw DataError("the features of the encoding are no list", origin);
  Features features;
  for (const json& feature : list)
    features.push_back({member<std::string>(feature, "column", origin),
                        member<Strings>(feature, "categories", origin), 0,
                        member<bool>(feature, "may_be_missing", origin)});
  return features;
}

bool has_duplicates(const Features& features) {
  std::unordered_set<std::string_view> names;
  for (const Encoding::Feature& feature : features)
    if (!names.insert(feature.column).second) return true;
  return false;
}

void require_consistent(const Encoding& encoding, const std::string& origin) {
  Index inputs = 0;
  bool finite = true;
  for (const auto& feature : encoding.features) {
    inputs += feature.categories.empty() ? 1 : static_cast<Index>(feature.categories.size());
    finite = finite && std::isfinite(feature.fill);
  }
  const bool classes = encoding.task == Task::classification;
  const auto targets = static_cast<Index>(encoding.targets.size());
  const bool consistent =
      finite && !has_duplicates(encoding.features) && inputs > 0 &&
      inputs == static_cast<Index>(encoding.input_names.size()) &&
      encoding.input_mean.size() == inputs && encoding.input_scale.size() == inputs &&
      encoding.input_mean.allFinite() && encoding.input_scale.allFinite() &&
      (encoding.input_scale.array() > 0).all() && targets > 0 &&
      (classes
           ? targets == 1 && encoding.classes.size() >= 2
           : encoding.classes.empty() && encoding.target_mean.size() == targets &&
                 encoding.target_scale.size() == targets && encoding.target_mean.allFinite() &&
                 encoding.target_scale.allFinite() && (encoding.target_scale.array() > 0).all());
  if (!consistent)
    throw DataError("the parts of the encoding contradict each other", origin,
                    "the file is damaged or was not written by thalweg");
}

}  // namespace

Index Encoding::outputs() const {
  if (task != Task::classification) return static_cast<Index>(targets.size());
  return classes.size() == 2 ? 1 : static_cast<Index>(classes.size());
}

Matrix Encoding::encode_raw(const Table& table, const std::vector<Index>& rows) const {
  const std::vector<Position> positions = find_all(table, features);
  Matrix raw =
      Matrix::Zero(static_cast<Index>(rows.size()), static_cast<Index>(input_names.size()));
  Index input = 0;
  for (std::size_t k = 0; k < features.size(); ++k) {
    const Index width = width_of(features[k]);
    const Index column = positions[k].dense;
    if (column >= 0 && features[k].categories.empty())
      encode_numbers(table, rows, features[k], column, raw.col(input));
    else if (column >= 0)
      encode_categories(table, rows, features[k], column, raw.middleCols(input, width));
    input += width;
  }
  if (table.is_packed())
    table.packed.gather(rows, packed_columns(features, positions, raw.cols()), raw);
  if (!table.is_sparse()) return raw;
  const SparseInputs inputs(table.sparse, features, positions);
  for (Index i = 0; i < raw.rows(); ++i)
    inputs.visit_row(table.sparse, rows[static_cast<std::size_t>(i)],
                     [&](Index j, double value) { raw(i, j) = value; });
  return raw;
}

SparseMatrix Encoding::encode_sparse(const Table& table, const std::vector<Index>& rows) const {
  const std::vector<Position> positions = find_all(table, features);
  const bool all_sparse =
      table.is_sparse() && std::all_of(positions.begin(), positions.end(),
                                       [](const Position& p) { return p.numbered >= 0; });
  SparseRows result(source_of(table));
  if (all_sparse)
    gather_sparse(table.sparse, SparseInputs(table.sparse, features, positions), rows, result);
  else
    gather_dense(*this, table, rows, result);
  return result.matrix(static_cast<Index>(input_names.size()));
}

SparseMatrix Encoding::encode_sparse(const Table& table) const {
  return encode_sparse(table, all_rows(table));
}

Matrix Encoding::standardized(Matrix raw) const {
  raw.rowwise() -= input_mean.transpose();
  raw.array().rowwise() /= input_scale.transpose().array();
  return raw;
}

Matrix Encoding::encode(const Table& table) const {
  return standardized(encode_raw(table, all_rows(table)));
}

void Encoding::save(TensorFile& file) const {
  json description = {{"task", name_of(task)}, {"targets", targets}, {"classes", classes}};
  if (auto columns = numbered_columns(features)) {
    file.put("encoding.columns", std::move(*columns));
    description["may_be_missing"] = features.front().may_be_missing;
  } else {
    description["input_names"] = input_names;
    description["features"] = describe(features);
  }
  file.metadata["encoding"] = description.dump();
  Vector fill(static_cast<Index>(features.size()));
  for (std::size_t j = 0; j < features.size(); ++j) fill[static_cast<Index>(j)] = features[j].fill;
  file.put("encoding.fill", fill);
  file.put("encoding.input_mean", input_mean);
  file.put("encoding.input_scale", input_scale);
  file.put("encoding.target_mean", target_mean);
  file.put("encoding.target_scale", target_scale);
}

Encoding Encoding::load(const TensorFile& file) {
  const json description = json::parse(file.text("encoding"), nullptr, false);
  const std::string& origin = file.origin;
  Encoding encoding;
  encoding.targets = member<Strings>(description, "targets", origin);
  encoding.classes = member<Strings>(description, "classes", origin);
  const auto task = member<std::string>(description, "task", origin);
  if (task != "classification" && task != "regression")
    throw DataError(fmt::format("unknown task '{}'", task), origin);
  encoding.task = task == "classification" ? Task::classification : Task::regression;
  if (file.has("encoding.columns")) {
    encoding.features = numbered_features(file.integers("encoding.columns"), description, origin);
    for (const Feature& feature : encoding.features) encoding.input_names.push_back(feature.column);
  } else {
    encoding.features = parse_features(description, origin);
    encoding.input_names = member<Strings>(description, "input_names", origin);
  }
  const Vector fill = file.vector("encoding.fill");
  if (fill.size() != static_cast<Index>(encoding.features.size()))
    throw DataError("the features of the encoding contradict each other", origin);
  for (std::size_t j = 0; j < encoding.features.size(); ++j)
    encoding.features[j].fill = fill[static_cast<Index>(j)];
  encoding.input_mean = file.vector("encoding.input_mean");
  encoding.input_scale = file.vector("encoding.input_scale");
  encoding.target_mean = file.vector("encoding.target_mean");
  encoding.target_scale = file.vector("encoding.target_scale");
  require_consistent(encoding, origin);
  return encoding;
}

}  // namespace thalweg
