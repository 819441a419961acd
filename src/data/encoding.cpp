// The stored way from table columns to model inputs.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>

#include "data/cells.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/data/dataset.hpp"

namespace thalweg {
namespace {

using nlohmann::json;

/// Positions of the columns by name.
class ColumnIndex {
 public:
  explicit ColumnIndex(const Table& table) : table_(table) {
    for (std::size_t j = 0; j < table.columns.size(); ++j)
      positions_.emplace(table.columns[j].name, static_cast<Index>(j));
  }
  Index find(const std::string& name) const {
    const auto found = positions_.find(name);
    if (found != positions_.end()) return found->second;
    throw DataError(fmt::format("column '{}', which the model needs, is missing", name),
                    source_of(table_), "give a table with the columns the model was trained on");
  }

 private:
  const Table& table_;
  std::unordered_map<std::string_view, Index> positions_;
};

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
      finite && inputs > 0 && inputs == static_cast<Index>(encoding.input_names.size()) &&
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
  Matrix raw(static_cast<Index>(rows.size()), static_cast<Index>(input_names.size()));
  const ColumnIndex columns(table);
  Index input = 0;
  for (const Feature& feature : features) {
    const Index position = columns.find(feature.column);
    if (feature.categories.empty()) {
      encode_numbers(table, rows, feature, position, raw.col(input++));
    } else {
      const auto width = static_cast<Index>(feature.categories.size());
      encode_categories(table, rows, feature, position, raw.middleCols(input, width));
      input += width;
    }
  }
  return raw;
}

Matrix Encoding::standardized(Matrix raw) const {
  raw.rowwise() -= input_mean.transpose();
  raw.array().rowwise() /= input_scale.transpose().array();
  return raw;
}

Matrix Encoding::encode(const Table& table) const {
  std::vector<Index> all_rows(static_cast<std::size_t>(table.rows()));
  std::iota(all_rows.begin(), all_rows.end(), Index{0});
  return standardized(encode_raw(table, all_rows));
}

void Encoding::save(TensorFile& file) const {
  json description = {{"input_names", input_names},
                      {"task", name_of(task)},
                      {"targets", targets},
                      {"classes", classes},
                      {"features", json::array()}};
  Vector fill(static_cast<Index>(features.size()));
  for (std::size_t j = 0; j < features.size(); ++j) {
    fill[static_cast<Index>(j)] = features[j].fill;
    description["features"].push_back({{"column", features[j].column},
                                       {"categories", features[j].categories},
                                       {"may_be_missing", features[j].may_be_missing}});
  }
  file.metadata["encoding"] = description.dump();
  file.put("encoding.fill", fill);
  file.put("encoding.input_mean", input_mean);
  file.put("encoding.input_scale", input_scale);
  file.put("encoding.target_mean", target_mean);
  file.put("encoding.target_scale", target_scale);
}

Encoding Encoding::load(const TensorFile& file) {
  using Strings = std::vector<std::string>;
  const json description = json::parse(file.text("encoding"), nullptr, false);
  const std::string& origin = file.origin;
  Encoding encoding;
  encoding.input_names = member<Strings>(description, "input_names", origin);
  encoding.targets = member<Strings>(description, "targets", origin);
  encoding.classes = member<Strings>(description, "classes", origin);
  const auto task = member<std::string>(description, "task", origin);
  if (task != "classification" && task != "regression")
    throw DataError(fmt::format("unknown task '{}'", task), origin);
  encoding.task = task == "classification" ? Task::classification : Task::regression;
  const Vector fill = file.vector("encoding.fill");
  const json features = member<json>(description, "features", origin);
  if (!features.is_array() || static_cast<Index>(features.size()) != fill.size())
    throw DataError("the features of the encoding contradict each other", origin);
  for (std::size_t j = 0; j < features.size(); ++j)
    encoding.features.push_back({member<std::string>(features[j], "column", origin),
                                 member<Strings>(features[j], "categories", origin),
                                 fill[static_cast<Index>(j)],
                                 member<bool>(features[j], "may_be_missing", origin)});
  encoding.input_mean = file.vector("encoding.input_mean");
  encoding.input_scale = file.vector("encoding.input_scale");
  encoding.target_mean = file.vector("encoding.target_mean");
  encoding.target_scale = file.vector("encoding.target_scale");
  require_consistent(encoding, origin);
  return encoding;
}

}  // namespace thalweg
