// Columns of sparse tables, of which most may be empty: nothing here needs a number per column.
// Private.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// A set of columns that finds the rank of each at once, in pages of which only those in use exist.
class ColumnSet {
 public:
  explicit ColumnSet(Index columns);
  void insert(Index column);
  void count();  ///< once, after all are in
  Index size() const { return size_; }
  Index rank(Index column) const;      ///< members below the column; -1 when it is no member
  std::vector<Index> members() const;  ///< ascending

 private:
  static constexpr Index page_words = 64, page_columns = 64 * page_words;
  struct Page {
    std::array<std::uint64_t, page_words> bits{};
    std::array<Index, page_words> below{};  // members below each word, of all pages
  };
  static std::size_t word_of(Index column) {
    return static_cast<std::size_t>(column / 64 % page_words);
  }
  static std::uint64_t bit_of(Index column) { return std::uint64_t{1} << (column % 64); }

  std::vector<std::unique_ptr<Page>> pages_;
  Index size_ = 0;
};

}  // namespace thalweg
