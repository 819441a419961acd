#include "thalweg/core/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace thalweg {
namespace {

// Philox 4x32-10 as its paper states it (Salmon, Moraes, Dror, Shaw, SC 2011), written here anew.
using Words = std::array<std::uint32_t, 4>;
Words philox(Words c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0], b = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(a)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
std::uint32_t high(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }

TEST(Philox, MatchesTheAuthorsKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, 0, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, ones, ones),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(RandomStream, IsPhiloxOfPositionKeyedBySeedAndName) {
  const std::uint64_t seed = 0x123456789abcdef0ULL, name = fnv1a("batch");
  const Words key = philox({low(name), high(name), 0, 0}, low(seed), high(seed));
  RandomStream stream(seed, "batch");
  for (std::uint64_t position = 0; position < 50; ++position) {
    EXPECT_EQ(stream.position(), position);
    const Words block = philox({low(position), high(position), 0, 1}, key[0], key[1]);
    const std::uint64_t bits = block[0] | (std::uint64_t{block[1]} << 32);
    EXPECT_EQ(stream.uniform(), (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53);
  }
}

TEST(RandomStream, GoesOnFromASavedPosition) {
  RandomStream stream(3, "split"), copy(3, "split");
  for (int i = 0; i < 10; ++i) stream.normal();
  copy.seek(stream.position());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(copy.normal(), stream.normal());
}

TEST(RandomStream, SeedsAndNamesGiveDifferentStreams) {
  std::set<double> first;
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    for (const char* name : {"a", "b", "initialization"})
      first.insert(RandomStream(seed, name).uniform());
  EXPECT_EQ(first.size(), 300u);
}

// Moments of n draws lie within 5 standard errors: a false alarm once in 1.7 million each, and the
// seed is fixed.
TEST(RandomStream, UniformAndNormalHaveTheirMoments) {
  constexpr int n = 200000;
  const double error = 5 / std::sqrt(double(n));
  RandomStream stream(1, "moments");
  double mean = 0, square = 0, fourth = 0, uniform = 0;
  for (int i = 0; i < n; ++i) {
    const double z = stream.normal(), u = stream.uniform();
    ASSERT_GT(u, 0);
    ASSERT_LT(u, 1);
    mean += z / n;
    square += z * z / n;
    fourth += z * z * z * z / n;
    uniform += u / n;
  }
  EXPECT_NEAR(mean, 0, error);
  EXPECT_NEAR(square, 1, error * std::sqrt(2.0));
  EXPECT_NEAR(fourth, 3, error * std::sqrt(96.0));
  EXPECT_NEAR(uniform, 0.5, error / std::sqrt(12.0));
}

// Pearson's statistic with 6 degrees of freedom exceeds 40 once in 2.2 million.
TEST(RandomStream, BelowIsUniform) {
  constexpr int n = 70000;
  std::array<int, 7> counts{};
  RandomStream stream(1, "below");
  for (int i = 0; i < n; ++i) ++counts.at(stream.below(7));
  double statistic = 0;
  for (const int count : counts) statistic += std::pow(count - n / 7.0, 2) / (n / 7.0);
  EXPECT_LT(statistic, 40);
  EXPECT_EQ(stream.below(1), 0u);
}

TEST(RandomStream, PermutationsHoldEveryIndexOnce) {
  RandomStream stream(1, "permutation");
  for (const Index n : {0, 1, 2, 100}) {
    const auto order = stream.permutation(n);
    EXPECT_EQ(order.size(), static_cast<std::size_t>(n));
    const std::set<Index> values(order.begin(), order.end());
    EXPECT_EQ(values.size(), order.size());
    if (n > 0) {
      EXPECT_EQ(*values.rbegin(), n - 1);
    }
  }
}

}  // namespace
}  // namespace thalweg
