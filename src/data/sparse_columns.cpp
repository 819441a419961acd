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

ColumnSet::ColumnSet(Index columns) : bits_(static_cast<std::size_t>(columns + 63) / 64) {}

void ColumnSet::insert(Index column) {
  bits_[static_cast<std::size_t>(column) / 64] |= std::uint64_t{1} << (column % 64);
}

void ColumnSet::count() {
  before_.reserve(bits_.size());
  std::uint32_t members = 0;
  for (const std::uint64_t word : bits_) {
    before_.push_back(members);
    members += static_cast<std::uint32_t>(std::popcount(word));
  }
  size_ = members;
}

Index ColumnSet::rank(Index column) const {
  const auto word = static_cast<std::size_t>(column) / 64;
  if (word >= bits_.size()) return -1;
  const std::uint64_t bit = std::uint64_t{1} << (column % 64);
  if ((bits_[word] & bit) == 0) return -1;
  return static_cast<Index>(before_[word]) + std::popcount(bits_[word] & (bit - 1));
}

std::vector<Index> ColumnSet::members() const {
  std::vector<Index> members;
  members.reserve(static_cast<std::size_t>(size_));
  for (std::size_t k = 0; k < bits_.size(); ++k)
    for (std::uint64_t word = bits_[k]; word != 0; word &= word - 1)
      members.push_back(static_cast<Index>(64 * k) + std::countr_zero(word));
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
