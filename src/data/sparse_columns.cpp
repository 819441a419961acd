#include "data/sparse_columns.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace thalweg {
namespace {

template <class Visit>  // visit(column, value)
void for_each_number(const SparseMatrix& table, const std::vector<Index>& rows,
                     const Visit& visit) {
  for (const Index row : rows)
    for (SparseMatrix::InnerIterator number(table, row); number; ++number)
      visit(number.col(), number.value());
}

/// What three passes gather about one column; sums are in units.
struct Moments {
  Index zeros;
  double smallest = std::numeric_limits<double>::infinity(), largest = -smallest;
  double unit = 1, mean = 0, squares = 0;

  void add_to_range(double value) {
    --zeros;
    smallest = std::min(smallest, value);
    largest = std::max(largest, value);
  }
  void add_to_mean(double value) { mean += value / unit; }
  void add_to_squares(double value) { squares += std::pow(value / unit - mean, 2); }

  ColumnSummary summary(Index column, double rows) const {
    const double of_zeros = static_cast<double>(zeros) * mean * mean;
    return {column, zeros > 0 ? std::min(smallest, 0.0) : smallest,
            zeros > 0 ? std::max(largest, 0.0) : largest, unit * mean,
            unit * std::sqrt((squares + of_zeros) / rows)};
  }
};

ColumnSet occupied_columns(const SparseMatrix& table, const std::vector<Index>& rows) {
  ColumnSet columns(table.cols());
  for_each_number(table, rows, [&](Index column, double) { columns.insert(column); });
  columns.count();
  return columns;
}

}  // namespace

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

std::vector<ColumnSummary> summarize_columns(const SparseMatrix& table,
                                             const std::vector<Index>& rows) {
  const ColumnSet occupied = occupied_columns(table, rows);
  const auto n = static_cast<double>(rows.size());
  std::vector<Moments> moments(static_cast<std::size_t>(occupied.size()),
                               {.zeros = static_cast<Index>(rows.size())});
  const auto pass = [&](const auto& add) {
    for_each_number(table, rows, [&](Index column, double value) {
      add(moments[static_cast<std::size_t>(occupied.rank(column))], value);
    });
  };
  pass([](Moments& column, double value) { column.add_to_range(value); });
  for (Moments& column : moments) column.unit = unit_of(std::max(column.largest, -column.smallest));
  pass([](Moments& column, double value) { column.add_to_mean(value); });
  for (Moments& column : moments) column.mean /= n;
  pass([](Moments& column, double value) { column.add_to_squares(value); });

  std::vector<ColumnSummary> summaries;
  summaries.reserve(moments.size());
  for (const Index column : occupied.members())
    summaries.push_back(moments[summaries.size()].summary(column, n));
  return summaries;
}

double unit_of(double largest) {
  return std::scalbn(1.0, std::clamp(std::ilogb(largest), -1000, 1000));
}

}  // namespace thalweg
