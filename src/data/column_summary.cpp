#include "data/column_summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/sparse_columns.hpp"

namespace thalweg {
namespace {

template <class Visit>  // visit(column, value)
void for_each_number(const SparseMatrix& table, const std::vector<Index>& rows,
                     const Visit& visit) {
  for (const Index row : rows)
    for (SparseMatrix::InnerIterator number(table, row); number; ++number)
      visit(number.col(), number.value());
}

template <class Visit>  // visit(column, value)
void for_each_number(const PackedMatrix& table, const std::vector<Index>& rows,
                     const Visit& visit) {
  Vector numbers(table.cols());
  for (const Index row : rows) {
    table.unpack_row(row, numbers);
    for (Index column = 0; column < numbers.size(); ++column) visit(column, numbers[column]);
  }
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

/// position(column): that of its moments.
template <class Table, class Position>
std::vector<Moments> measure(const Table& table, const std::vector<Index>& rows, Index columns,
                             const Position& position) {
  const auto n = static_cast<Index>(rows.size());
  std::vector<Moments> moments(static_cast<std::size_t>(columns), {.zeros = n});
  const auto pass = [&](const auto& add) {
    for_each_number(table, rows, [&](Index column, double value) {
      add(moments[static_cast<std::size_t>(position(column))], value);
    });
  };
  pass([](Moments& column, double value) { column.add_to_range(value); });
  for (Moments& column : moments) column.unit = unit_of(std::max(column.largest, -column.smallest));
  pass([](Moments& column, double value) { column.add_to_mean(value); });
  for (Moments& column : moments) column.mean /= static_cast<double>(n);
  pass([](Moments& column, double value) { column.add_to_squares(value); });
  return moments;
}

ColumnSet occupied_columns(const SparseMatrix& table, const std::vector<Index>& rows) {
  ColumnSet columns(table.cols());
  for_each_number(table, rows, [&](Index column, double) { columns.insert(column); });
  columns.count();
  return columns;
}

}  // namespace

std::vector<ColumnSummary> summarize_columns(const SparseMatrix& table,
                                             const std::vector<Index>& rows) {
  const ColumnSet occupied = occupied_columns(table, rows);
  const auto moments =
      measure(table, rows, occupied.size(), [&](Index column) { return occupied.rank(column); });
  std::vector<ColumnSummary> summaries;
  summaries.reserve(moments.size());
  for (const Index column : occupied.members())
    summaries.push_back(
        moments[summaries.size()].summary(column, static_cast<double>(rows.size())));
  return summaries;
}

std::vector<ColumnSummary> summarize_columns(const PackedMatrix& table,
                                             const std::vector<Index>& rows) {
  const auto moments = measure(table, rows, table.cols(), [](Index column) { return column; });
  std::vector<ColumnSummary> summaries;
  summaries.reserve(moments.size());
  for (const Moments& column : moments)
    summaries.push_back(
        column.summary(static_cast<Index>(summaries.size()), static_cast<double>(rows.size())));
  return summaries;
}

double unit_of(double largest) {
  return std::scalbn(1.0, std::clamp(std::ilogb(largest), -1000, 1000));
}

}  // namespace thalweg
