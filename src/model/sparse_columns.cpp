#include "sparse_columns.hpp"

#include <algorithm>

namespace thalweg {
namespace {

// z[row[k]] += w value[k]
void scatter(const std::uint16_t* row, const double* value, Index count, double w, double* z) {
  for (Index k = 0; k < count; ++k) z[row[k]] += w * value[k];
}
void scatter_ones(const std::uint16_t* row, Index count, double w, double* z) {
  for (Index k = 0; k < count; ++k) z[row[k]] += w;
}

// sum of term(0), term(1), ... in four chains.
template <class Term>
double sum_in_chains(Index count, Term term) {
  double sums[4] = {};
  Index k = 0;
  for (; k + 4 <= count; k += 4)
    for (Index chain = 0; chain < 4; ++chain) sums[chain] += term(k + chain);
  for (; k < count; ++k) sums[0] += term(k);
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

}  // namespace

bool SparseColumns::pays(const SparseMatrix& table) {
  constexpr double least_run = 16;
  const Index blocks = (table.rows() + block_rows - 1) / block_rows;
  return static_cast<double>(table.nonZeros()) >=
         least_run * static_cast<double>(blocks * table.cols());
}

SparseColumns::SparseColumns(const SparseMatrix& table) : columns_(table.cols()) {
  const Index blocks = (table.rows() + block_rows - 1) / block_rows;
  start_.assign(static_cast<std::size_t>(blocks * columns_) + 1, 0);
  const auto run_of = [&](Index row, Index column) {
    return static_cast<std::size_t>(row / block_rows * columns_ + column);
  };
  const auto for_entries = [&](auto visit) {
    for (Index i = 0; i < table.rows(); ++i)
      for (SparseMatrix::InnerIterator entry(table, i); entry; ++entry)
        visit(i, run_of(i, entry.col()), entry.value());
  };
  bool ones = true;
  for_entries([&](Index, std::size_t run, double value) {
    ++start_[run + 1];
    ones = ones && value == 1;
  });
  for (std::size_t run = 1; run < start_.size(); ++run) start_[run] += start_[run - 1];
  row_.resize(static_cast<std::size_t>(start_.back()));
  if (!ones) value_.resize(row_.size());
  std::vector<Index> next(start_.begin(), start_.end() - 1);
  for_entries([&](Index i, std::size_t run, double value) {
    const auto k = static_cast<std::size_t>(next[run]++);
    row_[k] = static_cast<std::uint16_t>(i % block_rows);
    if (!ones) value_[k] = value;
  });
}

template <class Visit>
void SparseColumns::for_runs(Index first, Visit visit) const {
  const Index* starts = start_.data() + first / block_rows * columns_;
  for (Index j = 0; j < columns_; ++j) visit(j, starts[j], starts[j + 1] - starts[j]);
}

void SparseColumns::add_products(Index first, const double* w, double* z) const {
  for_runs(first, [&](Index j, Index start, Index count) {
    if (value_.empty())
      scatter_ones(row_.data() + start, count, w[j], z);
    else
      scatter(row_.data() + start, value_.data() + start, count, w[j], z);
  });
}

void SparseColumns::add_adjoint(Index first, const double* u, double* sums) const {
  for_runs(first, [&](Index j, Index start, Index count) {
    const std::uint16_t* row = row_.data() + start;
    if (value_.empty()) {
      sums[j] += sum_in_chains(count, [&](Index k) { return u[row[k]]; });
    } else {
      const double* value = value_.data() + start;
      sums[j] += sum_in_chains(count, [&](Index k) { return value[k] * u[row[k]]; });
    }
  });
}

}  // namespace thalweg
