// Counter-based random streams: every stream is named from one seed, so that independence and
// repeatability are facts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// A stream of random numbers from Philox 4x32-10 (Salmon et al., SC 2011), keyed by (seed, name).
/// Streams with different names are independent. The position is the whole state: save it, restore
/// it, and the stream goes on. The distributions are ours, since those of the standard library
/// differ between implementations.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name);

  double uniform();                      ///< in the open interval (0, 1), 53 bits
  double normal();                       ///< mean 0, variance 1 (Box-Muller, one value per call)
  std::uint64_t below(std::uint64_t n);  ///< uniform in 0 .. n-1, without bias; n > 0
  std::vector<Index> permutation(Index n);
  Vector normal_vector(Index n);

  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

 private:
  std::uint64_t next();  // 64 random bits, advances the position by one

  std::uint64_t key_;
  std::uint64_t position_ = 0;
};

}  // namespace thalweg
