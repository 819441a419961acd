#include "data/sparse_columns.hpp"

#include <bit>

namespace thalweg {

ColumnSet::ColumnSet(Index columns)
    : pages_(static_cast<std::size_t>((columns + page_columns - 1) / page_columns)) {}

void ColumnSet::insert(Index column) {
  auto& page = pages_[static_cast<std::size_t>(column / page_columns)];
  if (!page) page = std::make_unique<Page>();
  page->bits[word_of(column)] |= bit_of(column);
}

void ColumnSet::count() {
  for (const auto& page : pages_) {
    if (!page) continue;
    for (std::size_t word = 0; word < page->bits.size(); ++word) {
      page->below[word] = size_;
      size_ += std::popcount(page->bits[word]);
    }
  }
}

Index ColumnSet::rank(Index column) const {
  const auto& page = pages_[static_cast<std::size_t>(column / page_columns)];
  if (!page) return -1;
  const std::uint64_t bits = page->bits[word_of(column)], bit = bit_of(column);
  return (bits & bit) == 0 ? -1 : page->below[word_of(column)] + std::popcount(bits & (bit - 1));
}

std::vector<Index> ColumnSet::members() const {
  std::vector<Index> members;
  members.reserve(static_cast<std::size_t>(size_));
  for (std::size_t p = 0; p < pages_.size(); ++p) {
    if (!pages_[p]) continue;
    Index first = static_cast<Index>(p) * page_columns;
    for (std::uint64_t word : pages_[p]->bits) {
      for (; word != 0; word &= word - 1) members.push_back(first + std::countr_zero(word));
      first += 64;
    }
  }
  return members;
}

}  // namespace thalweg
