// Text with random damage, for readers that must take any bytes.
#pragma once

#include <string>

#include "thalweg/core/random.hpp"

namespace thalweg {

/// `bytes` after 1 to `most` random deletions, insertions, copies, cuts and changed bytes;
/// `that_matter` are bytes worth inserting.
inline std::string mutated_text(std::string bytes, const std::string& that_matter,
                                std::uint64_t most, RandomStream& random) {
  for (auto k = 1 + random.below(most); k > 0; --k) {
    const auto at = static_cast<std::size_t>(random.below(bytes.size() + 1));
    const auto length = static_cast<std::size_t>(random.below(8));
    const char byte = that_matter[random.below(that_matter.size())];
    switch (random.below(5)) {
      case 0: bytes.erase(at, length); break;
      case 1: bytes.insert(at, length, byte); break;
      case 2: bytes.insert(at, bytes.substr(random.below(bytes.size() + 1), 4 * length)); break;
      case 3: bytes.resize(at); break;
      default:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random.below(256));
    }
  }
  return bytes;
}

}  // namespace thalweg
