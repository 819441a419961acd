// Named tensors in one file: the safetensors format, for models and checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// A dense array in C order: float64 or int64.
struct Tensor {
  std::vector<Index> shape;
  std::variant<std::vector<double>, std::vector<std::int64_t>> values;
};

/// The content of a safetensors file: 8-byte little-endian header length, JSON header, raw C-order
/// data (huggingface/safetensors). Sorted by name, so that the same content gives the same bytes.
class TensorFile {
 public:
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;

  void put(const std::string& name, const Vector& v);     ///< shape (n)
  void put(const std::string& name, const Matrix& m);     ///< shape (rows, cols), stored row by row
  void put(const std::string& name, double value);        ///< shape ()
  void put(const std::string& name, std::int64_t value);  ///< shape ()
  void put(const std::string& name, std::vector<std::int64_t> values);  ///< shape (n)
  bool has(const std::string& name) const;
  /// Each getter throws DataError (where: origin) when the name is missing or shape or type differ.
  Vector vector(const std::string& name) const;
  Matrix matrix(const std::string& name) const;
  double number(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  std::vector<std::int64_t> integers(const std::string& name) const;
  const std::string& text(const std::string& key) const;  ///< metadata value

  std::string origin;  ///< path for error messages; set by read()

  /// Every byte is bounds-checked; throws DataError for files that are not ours, truncated or
  /// hostile.
  static TensorFile read(const std::filesystem::path& path);
  static TensorFile parse(const std::string& bytes, const std::string& origin);
  std::string bytes() const;
  /// Writes to a temporary file in the same folder, flushes it to disk and renames: never a
  /// half-written file.
  void write(const std::filesystem::path& path) const;

 private:
  // The numbers of a tensor with elements T and this many dimensions, and its shape.
  template <class T>
  const std::vector<T>& values(const std::string& name, std::size_t dimensions,
                               const std::vector<Index>** shape = nullptr) const;
};

/// Writes text atomically (temporary file in the same folder, fsync, rename). A symbolic link keeps
/// pointing to the file; a device or pipe is written in place. Throws DataError when the path
/// cannot be written.
void write_file_atomically(const std::filesystem::path& path, const std::string& content);

}  // namespace thalweg
