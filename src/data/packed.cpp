#include "thalweg/data/packed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace thalweg {
namespace {

/// Reads the big-endian T at an address.
template <class T, class Bits>
struct Reader {
  static_assert(sizeof(T) == sizeof(Bits));
  static constexpr Index bytes = sizeof(T);
  double operator()(const char* p) const {
    std::uint64_t bits = 0;
    for (Index k = 0; k < bytes; ++k) bits = bits << 8 | static_cast<unsigned char>(p[k]);
    return static_cast<double>(std::bit_cast<T>(static_cast<Bits>(bits)));
  }
};

/// visit(reader) with the reader of a type, so that no loop over numbers asks for the type.
template <class Visit>
auto with_reader(PackedMatrix::Type type, const Visit& visit) {
  using Type = PackedMatrix::Type;
  switch (type) {
    case Type::int8: return visit(Reader<std::int8_t, std::uint8_t>());
    case Type::int16: return visit(Reader<std::int16_t, std::uint16_t>());
    case Type::int32: return visit(Reader<std::int32_t, std::uint32_t>());
    case Type::float32: return visit(Reader<float, std::uint32_t>());
    case Type::float64: return visit(Reader<double, std::uint64_t>());
    case Type::uint8: break;
  }
  return visit(Reader<std::uint8_t, std::uint8_t>());
}

}  // namespace

Index PackedMatrix::bytes_of(Type type) {
  return with_reader(type, [](auto reader) { return reader.bytes; });
}

double PackedMatrix::operator()(Index row, Index column) const {
  return with_reader(layout_.type,
                     [&](auto read) { return read(row_begin(row) + column * read.bytes); });
}

void PackedMatrix::unpack_row(Index row, VectorRef numbers) const {
  with_reader(layout_.type, [&](auto read) {
    const char* p = row_begin(row);
    for (Index j = 0; j < cols(); ++j, p += read.bytes) numbers[j] = read(p);
  });
}

void PackedMatrix::gather(const std::vector<Index>& rows, const std::vector<Index>& columns,
                          MatrixRef matrix) const {
  // Rows lie together in the file and columns in the matrix: blocks of rows that stay in the cache.
  constexpr Index block = 32;
  const auto row_count = static_cast<Index>(rows.size());
  with_reader(layout_.type, [&](auto read) {
    for (Index first = 0; first < row_count; first += block) {
      const Index end = std::min(first + block, row_count);
      for (std::size_t j = 0; j < columns.size(); ++j) {
        if (columns[j] < 0) continue;
        for (Index i = first; i < end; ++i)
          matrix(i, static_cast<Index>(j)) =
              read(row_begin(rows[static_cast<std::size_t>(i)]) + columns[j] * read.bytes);
      }
    }
  });
}

std::optional<std::pair<Index, Index>> PackedMatrix::find_not_finite() const {
  if (layout_.type != Type::float32 && layout_.type != Type::float64) return std::nullopt;
  for (Index i = 0; i < rows(); ++i)
    for (Index j = 0; j < cols(); ++j)
      if (!std::isfinite((*this)(i, j))) return std::pair(i, j);
  return std::nullopt;
}

}  // namespace thalweg
