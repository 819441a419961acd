// Files of images made in memory, by the layouts that their authors publish.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "thalweg/core/random.hpp"

namespace thalweg {

/// The lowest `count` bytes, the highest first.
inline std::string big_endian(std::uint64_t bits, int count) {
  std::string bytes;
  for (int k = count - 1; k >= 0; --k) bytes += static_cast<char>(bits >> (8 * k) & 0xFF);
  return bytes;
}

inline std::string idx_header(unsigned char type, const std::vector<std::uint32_t>& sizes) {
  std::string bytes = {'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  for (const std::uint32_t size : sizes) bytes += big_endian(size, 4);
  return bytes;
}

inline std::string random_bytes(std::size_t count, RandomStream& random) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

/// Unsigned bytes.
inline std::string idx_file(const std::vector<std::uint32_t>& sizes, const std::string& numbers) {
  return idx_header(0x08, sizes) + numbers;
}

}  // namespace thalweg
