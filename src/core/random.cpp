#include "thalweg/core/random.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>
#include <numeric>

namespace thalweg {
namespace {

// FNV-1a: a fixed, documented hash, since std::hash differs between libraries.
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : text) {
    h ^= static_cast<unsigned char>(c);
    h *= 1099511628211ULL;
  }
  return h;
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view name) {
  // The key of the stream is itself drawn by Philox from (seed, name), so that near seeds give
  // unrelated keys.
  const std::uint64_t h = hash(name);
  const r123::Philox4x32::ctr_type counter = {
      {static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(h >> 32), 0, 0}};
  const r123::Philox4x32::key_type seed_key = {
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}};
  const auto block = r123::Philox4x32()(counter, seed_key);
  key_ = block[0] | (static_cast<std::uint64_t>(block[1]) << 32);
}

std::uint64_t RandomStream::next() {
  // One Philox block per draw: simple to seek, and never the bottleneck here.
  const r123::Philox4x32::ctr_type counter = {
      {static_cast<std::uint32_t>(position_), static_cast<std::uint32_t>(position_ >> 32), 0, 1}};
  const r123::Philox4x32::key_type key = {
      {static_cast<std::uint32_t>(key_), static_cast<std::uint32_t>(key_ >> 32)}};
  ++position_;
  const auto block = r123::Philox4x32()(counter, key);
  return block[0] | (static_cast<std::uint64_t>(block[1]) << 32);
}

double RandomStream::uniform() {
  return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53;  // the half keeps 0 and 1 out
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

std::uint64_t RandomStream::below(std::uint64_t n) {
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // rejection keeps it unbiased
  std::uint64_t draw = next();
  while (draw >= limit) draw = next();
  return draw % n;
}

std::vector<Index> RandomStream::permutation(Index n) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  return order;
}

Vector RandomStream::normal_vector(Index n) {
  Vector v(n);
  for (Index i = 0; i < n; ++i) v[i] = normal();
  return v;
}

}  // namespace thalweg
