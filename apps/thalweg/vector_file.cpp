#include "vector_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>

#include "thalweg/core/error.hpp"
#include "thalweg/data/table.hpp"
#include "words.hpp"

namespace thalweg::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "npy numbers are read as they lie");

const char* const csv_remedy = "write one number per line; a header line is allowed";
const char* const npy_remedy = "save a one-dimensional float64 array with numpy.save";
constexpr std::string_view npy_magic = "\x93NUMPY";

// ---- CSV

std::string trimmed(std::string text) {
  const char* const blanks = " \t\r";
  text.erase(0, std::min(text.find_first_not_of(blanks), text.size()));
  text.erase(text.find_last_not_of(blanks) + 1);
  return text;
}

Vector parse_column(const std::string& bytes, const std::string& path) {
  std::vector<double> values;
  std::size_t row = 0;
  for (const std::string& line : split(bytes, '\n')) {
    ++row;
    const std::string cell = trimmed(line);
    if (cell.empty()) continue;
    const std::optional<double> value = parse_number(cell);
    if (!value && row == 1) continue;  // the header
    if (!value || !std::isfinite(*value))
      throw DataError(fmt::format("\"{}\" is not a finite number", cell.substr(0, 40)),
                      fmt::format("{}:{}:1", path, row), csv_remedy);
    values.push_back(*value);
  }
  return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

// ---- npy: magic, version, header length, a Python literal, raw numbers (NumPy format 1.0 to 3.0)

/// What stands after 'key': in the header literal.
std::string header_value(const std::string& header, const std::string& key,
                         const std::string& path) {
  const std::size_t at = header.find("'" + key + "':");
  if (at == std::string::npos) throw DataError("the .npy header has no " + key, path, npy_remedy);
  return trimmed(header.substr(at + key.size() + 3));
}

Index count_of_shape(const std::string& shape, const std::string& path) {
  const std::size_t close = shape.find(')');
  if (shape.empty() || shape[0] != '(' || close == std::string::npos)
    throw DataError("the .npy shape cannot be read", path, npy_remedy);
  Index count = 1;
  int longer_than_one = 0;
  for (const std::string& part : split(shape.substr(1, close - 1), ',')) {
    if (trimmed(part).empty()) continue;
    const std::optional<std::int64_t> extent = parse_integer(trimmed(part));
    if (!extent || *extent < 0 || *extent > (std::int64_t{1} << 40))
      throw DataError("the .npy shape cannot be read", path, npy_remedy);
    longer_than_one += *extent > 1 ? 1 : 0;
    if (longer_than_one > 1) throw DataError("the .npy array is not a vector", path, npy_remedy);
    count *= *extent;
  }
  return count;
}

template <class Number>
Vector numbers_at(const std::string& bytes, std::size_t offset, Index count,
                  const std::string& path) {
  const std::size_t available = bytes.size() - offset;
  if (static_cast<std::size_t>(count) > available / sizeof(Number))
    throw DataError("the .npy file is truncated", path, npy_remedy);
  Vector values(count);
  for (Index i = 0; i < count; ++i) {
    Number number;
    std::memcpy(&number, bytes.data() + offset + static_cast<std::size_t>(i) * sizeof(Number),
                sizeof(Number));
    values[i] = static_cast<double>(number);
  }
  if (!values.allFinite())
    throw DataError("the .npy array holds a number that is not finite", path, npy_remedy);
  return values;
}

Vector parse_npy(const std::string& bytes, const std::string& path) {
  const std::size_t length_at = npy_magic.size() + 2;
  const bool long_header = bytes.size() > length_at && bytes[npy_magic.size()] > 1;
  const std::size_t length_size = long_header ? 4 : 2;
  std::uint32_t header_length = 0;
  if (bytes.size() < length_at + length_size)
    throw DataError("the .npy file is truncated", path, npy_remedy);
  std::memcpy(&header_length, bytes.data() + length_at, length_size);
  const std::size_t start = length_at + length_size;
  if (header_length > bytes.size() - start)
    throw DataError("the .npy file is truncated", path, npy_remedy);
  const std::string header = bytes.substr(start, header_length);
  const std::size_t offset = start + header_length;
  const Index count = count_of_shape(header_value(header, "shape", path), path);
  const std::string type = header_value(header, "descr", path).substr(0, 5);
  if (type == "'<f8'") return numbers_at<double>(bytes, offset, count, path);
  if (type == "'<f4'") return numbers_at<float>(bytes, offset, count, path);
  if (type == "'<i8'") return numbers_at<std::int64_t>(bytes, offset, count, path);
  if (type == "'<i4'") return numbers_at<std::int32_t>(bytes, offset, count, path);
  throw DataError("the .npy numbers are of an unknown type " + type, path, npy_remedy);
}

}  // namespace

Vector read_vector(const std::string& path) {
  const std::string bytes = read_bytes(path);
  const bool npy = bytes.compare(0, npy_magic.size(), npy_magic) == 0;
  return npy ? parse_npy(bytes, path) : parse_column(bytes, path);
}

}  // namespace thalweg::cli
