#include "data/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

/// How many of `count` rows each stratum gives: in proportion to the sizes, by largest remainders,
/// and none more than its room. The room of all together is enough.
std::vector<Index> share_out(Index count, const std::vector<Index>& sizes,
                             const std::vector<Index>& room) {
  const Index total = std::accumulate(sizes.begin(), sizes.end(), Index{0});
  std::vector<Index> shares(sizes.size());
  std::vector<std::size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Index left = count;
  for (const std::size_t k : order) {
    shares[k] = std::min(count * sizes[k] / total, room[k]);
    left -= shares[k];
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return count * sizes[a] % total > count * sizes[b] % total;
  });
  while (left > 0) {
    std::erase_if(order, [&](std::size_t k) { return shares[k] == room[k]; });
    for (auto k = order.begin(); k != order.end() && left > 0; ++k, --left) ++shares[*k];
  }
  return shares;
}

[[noreturn]] void refuse_splits(Index rows, Index train, Index validation, Index test,
                                const Strata& strata) {
  const bool classes = strata.kept_for_training > 0;
  throw RefusedError(
      fmt::format("{} rows are too few for the splits: {} for training{}, {} for validation, {} "
                  "for test",
                  rows, train, classes ? fmt::format(" of {} classes", strata.sizes.size()) : "",
                  validation, test),
      fmt::format("give more rows or other fractions; training needs {}, each other part one",
                  classes ? "two rows and one of each class" : "two rows"));
}

}  // namespace

Strata one_stratum(Index rows) {
  return {std::vector<int>(static_cast<std::size_t>(rows), 0), {rows}, 0};
}

Strata strata_of(std::vector<int> labels, std::size_t classes) {
  Strata strata{std::move(labels), std::vector<Index>(classes, 0), 1};
  for (const int label : strata.of_row) ++strata.sizes[static_cast<std::size_t>(label)];
  return strata;
}

Split split_rows(const std::vector<Index>& rows, const Strata& strata,
                 const DatasetOptions& options) {
  const auto n = static_cast<Index>(rows.size());
  const auto part = [&](double fraction) {
    return static_cast<Index>(std::llround(fraction * static_cast<double>(n)));
  };
  const Index validation = part(options.validation), test = part(options.test);
  const Index train = n - validation - test;
  const Index needed = strata.kept_for_training * static_cast<Index>(strata.sizes.size());
  if (train < std::max<Index>(2, needed) || (options.validation > 0 && validation == 0) ||
      (options.test > 0 && test == 0))
    refuse_splits(n, train, validation, test, strata);

  std::vector<Index> room = strata.sizes;
  for (Index& free : room) free -= strata.kept_for_training;
  std::vector<Index> to_validation = share_out(validation, strata.sizes, room);
  for (std::size_t k = 0; k < room.size(); ++k) room[k] -= to_validation[k];
  std::vector<Index> to_test = share_out(test, strata.sizes, room);

  std::vector<std::vector<Index> Split::*> chosen(rows.size(), &Split::train);
  for (const Index i : RandomStream(options.seed, "split").permutation(n)) {
    const auto row = static_cast<std::size_t>(i);
    const auto stratum = static_cast<std::size_t>(strata.of_row[row]);
    if (to_validation[stratum] > 0) {
      chosen[row] = &Split::validation;
      --to_validation[stratum];
    } else if (to_test[stratum] > 0) {
      chosen[row] = &Split::test;
      --to_test[stratum];
    }
  }
  Split split;
  for (std::size_t i = 0; i < rows.size(); ++i) (split.*chosen[i]).push_back(rows[i]);
  return split;
}

}  // namespace thalweg
