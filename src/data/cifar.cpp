// CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009), binary
// version:
//
//   file = { record },  record = label, then 32 x 32 bytes of red, of green and of blue
//
// Batches behind each other are one batch.
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "data/cells.hpp"
#include "data/images.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

constexpr Index colors = 3, side = 32;
constexpr Index pixels = colors * side * side, record_bytes = 1 + pixels;
constexpr unsigned char largest_label = 9;

bool are_whole_records(std::string_view bytes) {
  return !bytes.empty() && bytes.size() % record_bytes == 0;
}

Index count_records(std::string_view bytes) {
  return static_cast<Index>(bytes.size()) / record_bytes;
}

unsigned char label_of(std::string_view bytes, Index record) {
  return static_cast<unsigned char>(bytes[static_cast<std::size_t>(record * record_bytes)]);
}

/// The first record that does not begin with a label.
std::optional<Index> find_wrong_label(std::string_view bytes) {
  for (Index i = 0; i < count_records(bytes); ++i)
    if (label_of(bytes, i) > largest_label) return i;
  return std::nullopt;
}

[[noreturn]] void fail_size(std::string_view bytes, const std::string& shown) {
  const bool two_labels = bytes.size() % (record_bytes + 1) == 0;
  throw DataError(
      bytes.empty()
          ? "the file is empty"
          : fmt::format("{} bytes, where CIFAR-10 has {} per image", bytes.size(), record_bytes),
      shown,
      two_labels && !bytes.empty() ? "CIFAR-100, which has two labels per image, is not read"
                                   : "copy or download the binary version of CIFAR-10 again");
}

}  // namespace

bool reads_like_cifar(std::string_view bytes, const std::string& source) {
  const bool named = source.ends_with(".bin") || source.ends_with(".bin.gz");
  const bool no_text = bytes.find('\0') != std::string_view::npos;
  if (are_whole_records(bytes) && !find_wrong_label(bytes)) return named || no_text;
  return named && no_text && !has_idx_magic(bytes);
}

Table parse_cifar(std::string_view bytes, const std::string& source) {
  Table table;
  table.source = source;
  table.format = "CIFAR-10";
  table.header_found = false;
  const std::string shown = source_of(table);
  if (!are_whole_records(bytes)) fail_size(bytes, shown);
  if (const auto record = find_wrong_label(bytes))
    throw DataError(fmt::format("label {}, where CIFAR-10 has 0 to {}", label_of(bytes, *record),
                                largest_label),
                    fmt::format("{}:{}:1", shown, *record + 1),
                    "give the binary version of CIFAR-10");
  const Index records = count_records(bytes);
  std::vector<double> labels;
  for (Index i = 0; i < records; ++i) labels.push_back(label_of(bytes, i));
  table.columns.push_back(label_column(std::move(labels)));
  table.packed = PackedMatrix(bytes, {.type = PackedMatrix::Type::uint8,
                                      .rows = records,
                                      .cols = pixels,
                                      .offset = 1,
                                      .stride = record_bytes});
  table.sample_shape = {colors, side, side};
  table.file_rows = count_rows(records);
  return table;
}

}  // namespace thalweg
