// IDX, the format of MNIST (LeCun, Cortes and Burges, "The MNIST database"), big-endian:
//
//   file = 00 00 type dimensions { size, 4 bytes } { number, the last dimension running fastest }
//
// The first dimension counts samples; the others are one sample.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include "data/cells.hpp"
#include "data/images.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/data/table.hpp"

namespace thalweg {
namespace {

using Type = PackedMatrix::Type;

constexpr std::size_t most_dimensions = 4;

std::optional<Type> type_of(char code) {
  switch (code) {
    case 0x08: return Type::uint8;
    case 0x09: return Type::int8;
    case 0x0B: return Type::int16;
    case 0x0C: return Type::int32;
    case 0x0D: return Type::float32;
    case 0x0E: return Type::float64;
    default: return std::nullopt;
  }
}

bool begins_with_two_zeros(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\0' && bytes[1] == '\0';
}

struct Idx {
  Type type = Type::uint8;
  std::vector<Index> sizes;
  std::string_view numbers;  ///< all that follows the header

  Index samples() const { return sizes.front(); }
  std::vector<Index> sample_shape() const { return {sizes.begin() + 1, sizes.end()}; }
  Index sample_size() const {
    return std::accumulate(sizes.begin() + 1, sizes.end(), Index{1}, std::multiplies<>());
  }
  std::string describe_sizes() const { return fmt::format("{}", fmt::join(sizes, " x ")); }
};

/// Whether the sizes announce as many numbers as follow; what would overflow announces more.
bool fits(const Idx& idx) {
  const auto available = static_cast<Index>(idx.numbers.size());
  Index announced = PackedMatrix::bytes_of(idx.type);
  for (const Index size : idx.sizes) {
    if (size == 0 || announced > available / size) return false;
    announced *= size;
  }
  return announced == available;
}

/// Throws DataError.
Idx read_header(std::string_view bytes, const std::string& shown) {
  constexpr const char* again = "copy or download the file again";
  if (bytes.empty()) throw DataError("the file is empty", shown, again);
  if (!begins_with_two_zeros(bytes))
    throw DataError("this is no IDX file: it does not begin with two zero bytes", shown,
                    "give a file of the format of MNIST, plain or gzip");
  if (bytes.size() < 4) throw DataError("the file ends within its header", shown, again);
  Idx idx;
  const auto type = type_of(bytes[2]);
  if (!type)
    throw DataError(
        fmt::format("0x{:02x} is no type of numbers of IDX", static_cast<unsigned char>(bytes[2])),
        shown, "the types are 0x08, 0x09, 0x0b, 0x0c, 0x0d and 0x0e");
  idx.type = *type;
  const auto dimensions = static_cast<std::size_t>(static_cast<unsigned char>(bytes[3]));
  if (dimensions == 0 || dimensions > most_dimensions)
    throw DataError(fmt::format("an IDX file of {} dimensions", dimensions), shown,
                    fmt::format("give one of 1 to {}, the samples first", most_dimensions));
  if (bytes.size() < 4 + 4 * dimensions)
    throw DataError("the file ends within its header", shown, again);
  for (std::size_t k = 0; k < dimensions; ++k) {
    Index size = 0;
    for (const char byte : bytes.substr(4 + 4 * k, 4))
      size = 256 * size + static_cast<unsigned char>(byte);
    idx.sizes.push_back(size);
  }
  idx.numbers = bytes.substr(4 + 4 * dimensions);
  return idx;
}

/// Throws DataError.
Idx read_idx(std::string_view bytes, const std::string& shown) {
  Idx idx = read_header(bytes, shown);
  if (std::find(idx.sizes.begin(), idx.sizes.end(), 0) != idx.sizes.end())
    throw DataError(
        fmt::format("the header announces {} numbers, that is none", idx.describe_sizes()), shown,
        "give a file with samples");
  const Index width = PackedMatrix::bytes_of(idx.type);
  if (!fits(idx))
    throw DataError(
        fmt::format("the header announces {} numbers of {} byte{}, and {} bytes follow",
                    idx.describe_sizes(), width, width == 1 ? "" : "s", idx.numbers.size()),
        shown, "copy or download the file again: something is missing or too much");
  return idx;
}

/// (samples, numbers of a sample); refuses what is not finite.
PackedMatrix pack(const Idx& idx, const std::string& shown, Index first_column) {
  const Index stride = idx.sample_size() * PackedMatrix::bytes_of(idx.type);
  PackedMatrix packed(idx.numbers, {.type = idx.type,
                                    .rows = idx.samples(),
                                    .cols = idx.sample_size(),
                                    .offset = 0,
                                    .stride = stride});
  if (const auto at = packed.find_not_finite())
    throw DataError("a number that is not finite",
                    fmt::format("{}:{}:{}", shown, at->first + 1, at->second + first_column),
                    "correct it, or leave the sample out");
  return packed;
}

/// Labels as a column. Throws DataError.
Column read_labels(const LabelFile& file, const Table& images) {
  const std::string& shown = file.source;
  if (!begins_with_two_zeros(file.bytes) && !file.bytes.empty())
    throw DataError("the labels are no IDX file", shown,
                    "give the IDX file of one dimension that belongs to the images");
  const Idx idx = read_idx(file.bytes, shown);
  if (idx.sizes.size() != 1)
    throw DataError(
        fmt::format("an IDX file of {}, where labels have one dimension", idx.describe_sizes()),
        shown, "give the images as DATA, and their labels with --labels");
  if (idx.samples() != images.rows())
    throw DataError(fmt::format("{} labels, and {} has {} samples", idx.samples(),
                                source_of(images), images.rows()),
                    shown, "give the labels that belong to these images");
  const PackedMatrix packed = pack(idx, shown, 1);
  std::vector<double> labels(static_cast<std::size_t>(packed.rows()));
  for (Index i = 0; i < packed.rows(); ++i) labels[static_cast<std::size_t>(i)] = packed(i, 0);
  return label_column(std::move(labels));
}

}  // namespace

bool begins_like_idx(std::string_view bytes) {
  constexpr unsigned char end_of_codes = 0x10;
  return begins_with_two_zeros(bytes) &&
         (bytes.size() == 2 || static_cast<unsigned char>(bytes[2]) < end_of_codes);
}

bool has_idx_magic(std::string_view bytes) {
  return begins_with_two_zeros(bytes) && bytes.size() >= 4 && type_of(bytes[2]) && bytes[3] > 0 &&
         static_cast<std::size_t>(bytes[3]) <= most_dimensions;
}

bool is_whole_idx(std::string_view bytes) {
  if (!has_idx_magic(bytes)) return false;
  try {
    return fits(read_header(bytes, {}));
  } catch (const DataError&) {  // it ends within the header
    return false;
  }
}

Table parse_idx(std::string_view bytes, const std::string& source,
                const std::optional<LabelFile>& labels) {
  Table table;
  table.source = source;
  const std::string shown = source_of(table);
  const Idx idx = read_idx(bytes, shown);
  table.format = "IDX";
  table.header_found = false;
  table.packed = pack(idx, shown, labels ? 2 : 1);
  table.sample_shape = idx.sample_shape();
  table.file_rows = count_rows(idx.samples());
  if (labels) table.columns.push_back(read_labels(*labels, table));
  return table;
}

}  // namespace thalweg
