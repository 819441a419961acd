// A network with everything needed to use it on a table again: what model.safetensors holds.
#pragma once

#include <filesystem>

#include "thalweg/data/dataset.hpp"
#include "thalweg/model/network.hpp"

namespace thalweg {

struct TrainedModel {
  Network network;
  Encoding encoding;
  Vector parameters;

  /// No time, path, arguments or host go into the file: the same model gives the same bytes.
  void save(const std::filesystem::path& path) const;
  /// A file or a run folder. Throws DataError for files that are not ours, truncated or
  /// inconsistent.
  static TrainedModel load(const std::filesystem::path& path);

  /// Predictions in target units: regression (N, Q) values; classification (N, classes)
  /// probabilities. A sparse table is never made dense as a whole.
  Matrix predict(const Table& table) const;
};

}  // namespace thalweg
