#include "preflight/separability_equal_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "thalweg/core/random.hpp"
#include "thalweg/linalg/minimum_norm_point.hpp"

namespace thalweg::separability {
namespace {

using Group = std::vector<Index>;

bool labels_differ(const MarginLoss& loss, const Group& group) {
  return std::any_of(group.begin(), group.end(),
                     [&](Index sample) { return loss.label(sample) != loss.label(group.front()); });
}

// Samples whose first output along a random direction agrees to rounding: equal rows are among
// them, and hardly any others.
std::vector<Group> candidates(const MarginRows& margins) {
  RandomStream random(0, "separability-equal-rows");  // a fixed stream: preflight is deterministic
  const Vector direction = random.normal_vector(margins.dimension());
  const Vector y = margins.outputs(direction);
  const double rounding = 2 * linalg::product_rounding(margins.dimension()) * direction.norm();
  Group order(static_cast<std::size_t>(margins.samples()));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(),
            [&](Index a, Index b) { return std::pair(y[a], a) < std::pair(y[b], b); });

  std::vector<Group> groups;
  for (const Index sample : order) {
    const bool close = !groups.empty() && y[sample] - y[groups.back().back()] <=
                                              rounding * margins.output_row_norm(sample);
    if (!close) groups.emplace_back();
    groups.back().push_back(sample);
  }
  std::erase_if(groups, [&](const Group& group) { return !labels_differ(margins.loss(), group); });
  return groups;
}

// FNV-1a over the bits of the numbers, 0 and -0 alike.
std::uint64_t hash(const Matrix& rows) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const double number : rows.reshaped()) {
    h ^= std::bit_cast<std::uint64_t>(number + 0.0);
    h *= 0x100000001b3u;
    h ^= h >> 32;
  }
  return h;
}

// Appends the samples of one candidate group that truly agree with one of another class.
void collect(const MarginRows& margins, const Group& group, std::vector<Index>& conflict) {
  std::vector<std::pair<std::uint64_t, Index>> hashed;
  for (const Index sample : group) hashed.emplace_back(hash(margins.sample_rows(sample)), sample);
  std::sort(hashed.begin(), hashed.end());
  for (std::size_t i = 0; i < hashed.size();) {
    const Matrix first = margins.sample_rows(hashed[i].second);
    Group equal;
    const std::uint64_t key = hashed[i].first;
    for (; i < hashed.size() && hashed[i].first == key; ++i)
      if (margins.sample_rows(hashed[i].second) == first) equal.push_back(hashed[i].second);
    if (labels_differ(margins.loss(), equal))
      conflict.insert(conflict.end(), equal.begin(), equal.end());
  }
}

}  // namespace

std::vector<Index> equal_rows_of_different_classes(const MarginRows& margins) {
  std::vector<Index> conflict;
  for (const Group& group : candidates(margins)) collect(margins, group, conflict);
  std::sort(conflict.begin(), conflict.end());
  return conflict;
}

}  // namespace thalweg::separability
