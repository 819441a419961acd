// From a table to numbers a model can train on: choice of columns, missing cells, one-hot, classes,
// splits, scaling.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/core/tensor_file.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {

enum class Task { automatic, regression, classification };
enum class Missing { refuse, drop, mean };

struct DatasetOptions {
  /// By name or 0-based index; empty: own_target(table), required where there is none.
  std::vector<std::string> targets;
  std::vector<std::string> features;  ///< empty: all but targets
  std::vector<std::string> drop;
  std::vector<std::string> one_hot;  ///< text or numeric columns to encode one-hot
  Task task = Task::automatic;
  Missing missing = Missing::refuse;
  bool standardize = true;
  /// Keep the inputs of a sparse table sparse (Part::sparse); else they are made dense.
  bool keep_sparse = false;
  double memory_limit =
      0;  ///< bytes that a sparse table or images may take as dense numbers; 0: no limit
  double validation = 0, test = 0;  ///< fractions in [0, 1), sum < 1
  std::uint64_t seed = 0;
};

/// How table columns become model inputs and model outputs become target values; stored with the
/// model.
struct Encoding {
  struct Feature {
    std::string column;  ///< name in the table
    std::vector<std::string>
        categories;   ///< one-hot: the categories in order, one input each; else empty
    double fill = 0;  ///< value for a missing cell (mean of the training rows)
    bool may_be_missing = false;
  };
  std::vector<Feature> features;
  std::vector<std::string> input_names;  ///< (D): column, or column=category
  Vector input_mean,
      input_scale;  ///< (D): input = (raw - mean) / scale; 0 and 1 without standardization
  Task task = Task::regression;
  std::vector<std::string> targets;
  Vector target_mean, target_scale;  ///< (Q), regression: target = mean + scale * output
  std::vector<std::string>
      classes;  ///< classification: labels in sort order (numeric, else by bytes)

  Index inputs() const { return input_mean.size(); }
  /// Outputs of the model: targets of a regression, 1 for two classes, else the number of classes.
  Index outputs() const;

  /// Encodes the features of any table that has the columns (by name; extra ones are ignored). In a
  /// sparse table columns beyond its last one are zero. Throws DataError.
  Matrix encode(const Table& table) const;
  /// Raw inputs (rows, D) of any table, zeros left out, for models that take mean and scale
  /// themselves.
  SparseMatrix encode_sparse(const Table& table) const;
  SparseMatrix encode_sparse(const Table& table, const std::vector<Index>& rows) const;
  /// The features of some rows before standardization, (rows, D).
  Matrix encode_raw(const Table& table, const std::vector<Index>& rows) const;
  Matrix standardized(Matrix raw) const;  ///< (raw - mean) / scale, column by column
  void save(TensorFile& file) const;
  static Encoding load(const TensorFile& file);
};

/// Standardized inputs and targets of one part of the split.
struct Part {
  Matrix inputs;  ///< (N, D); empty where the table is sparse and stays so
  /// Sparse tables: raw inputs (N, D), input = (raw - mean) / scale of the encoding; else empty.
  SparseMatrix sparse;
  Matrix targets;           ///< (N, Q), standardized; empty for classification
  Matrix raw_targets;       ///< (N, Q), original units; empty for classification
  std::vector<int> labels;  ///< classification: class indices
  std::vector<Index> rows;  ///< row in the table
  Index size() const { return static_cast<Index>(rows.size()); }
  bool is_sparse() const { return sparse.cols() > 0; }
};

struct Dataset {
  Encoding encoding;
  Part train, validation, test;
  Index table_rows = 0;
  Index dropped_rows = 0;
  /// Constant on the training rows: kept out with a warning. The first thousand.
  std::vector<std::string> dropped_columns;
  Index dropped_column_count = 0;    ///< all of them
  std::vector<std::string> notices;  ///< what was decided and is worth announcing
};

/// Chooses columns, treats missing cells, splits (seeded), standardizes by the training rows.
/// Throws UsageError for unknown or contradictory columns, DataError for cells that cannot be used,
/// RefusedError for too few rows and for too little memory.
Dataset make_dataset(const Table& table, const DatasetOptions& options);

/// Regression and classification metrics in original units.
struct Metrics {
  std::optional<double> rmse, mae, r2, accuracy, cross_entropy;
};
/// outputs (N, Q) of the model on part.inputs.
Metrics evaluate(const Encoding& encoding, const Part& part, const Matrix& outputs);

}  // namespace thalweg
