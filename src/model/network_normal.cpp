// H = J' S' S J of a network in Khatri-Rao form. With B~_q = sum_p S_qp B_p the block of two layers
// l, k is
//
//   sum over samples of (sum_q b~_lq b~_kq') (x) (a_l a_k'),
//
// which is one matrix product V' U: a column of U holds sum_q b~_lqo b~_kqo' of all samples for one
// pair (o, o'), a column of V holds a_li a_ki' for one pair (i, i'). For l = k only the pairs with
// first >= second are formed, which saves half of the work of a rank-k update of J. The cost of the
// product does not depend on Q.

#include <algorithm>

#include "network_kernels.hpp"
#include "network_model.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg {

using linalg::Op;

namespace {

// The pairs (first, second) of columns of two matrices: all, or first >= second of one matrix.
struct ColumnPairs {
  Index first, second;
  bool symmetric;

  Index count() const { return symmetric ? first * (first + 1) / 2 : first * second; }
  /// Position of the pair (s, s), or (0, s): pairs with the same second number are consecutive.
  Index start(Index s) const { return symmetric ? s * first - s * (s - 1) / 2 : s * first; }
  Index lowest(Index s) const { return symmetric ? s : 0; }
  Index at(Index f, Index s) const { return start(s) + f - lowest(s); }
};

// Products of columns of x and y, summed over `terms` groups of columns, for every pair whose
// second number is s; `rows` samples from `row` on.
void pair_products(const Matrix& x, const Matrix& y, Index row, Index rows, Index terms,
                   const ColumnPairs& pairs, Index s, MatrixMap to) {
  const Index lowest = pairs.lowest(s);
  double* products = to.col(pairs.start(s)).data();
  for (Index term = 0; term < terms; ++term) {
    const double* left = x.col(term * pairs.first + lowest).data() + row;
    const double* right = y.col(term * pairs.second + s).data() + row;
    const auto kernel = term == 0 ? kernels::multiply_columns : kernels::multiply_add_columns;
    kernel(left, x.rows(), right, products, to.rows(), rows, pairs.first - lowest);
  }
}

constexpr Index budget = Index{1} << 23;  // entries of a bounded buffer: 64 MB

// Samples per matrix product: its operands stay in the second-level cache where they are formed.
Index product_depth(Index columns) {
  constexpr Index cached = Index{1} << 18;
  return std::clamp(cached / columns / 16 * 16, Index{128}, Index{256});
}

// Memory that only grows.
MatrixMap reserve(Vector& buffer, Index rows, Index cols) {
  if (buffer.size() < rows * cols) buffer.resize(rows * cols);
  return {buffer.data(), rows, cols};
}

}  // namespace

const std::vector<Matrix>& NetworkLinearization::weighted_sensitivities(const Matrix& root,
                                                                        Index first,
                                                                        Index rows) const {
  const Index outputs = bound_->outputs();
  const std::size_t last = layers().last();
  if (outputs == 1) sensitivities();
  std::vector<Matrix>& b = workspace_->weighted_sensitivities;
  b.resize(layers().count());
  for (std::size_t l = 0; l <= last; ++l) b[l].resize(rows, layer(l).out * outputs);
  b[last].setZero();
  for (Index q = 0; q < outputs; ++q)
    b[last].col(q * outputs + q).setConstant(layers().output_scale);

  const SampleBlocks blocks(rows, layers().widest());
  [[maybe_unused]] const int team = team_size(layers().pass_flops(rows * outputs), blocks.count());
#pragma omp parallel for schedule(static) num_threads(team)
  for (Index block = 0; block < blocks.count(); ++block) {
    const Index at = blocks.first(block), count = blocks.rows(block);
    if (outputs == 1) {
      for (std::size_t l = 0; l < last; ++l)
        b[l].middleRows(at, count) = workspace_->sensitivities[l].middleRows(first + at, count);
    } else {
      for (Index q = 0; q < outputs; ++q) backward(q, first + at, count, b, q, at);
    }
    if (root.size() == 0) continue;
    for (std::size_t l = 0; l <= last; ++l) {
      const Index width = layer(l).out;
      const Matrix plain = b[l].middleRows(at, count);
      b[l].middleRows(at, count).setZero();
      for (Index q = 0; q < outputs; ++q)
        for (Index p = 0; p < outputs; ++p)
          b[l].block(at, q * width, count, width) +=
              root.col(p).segment(q * samples() + first + at, count).asDiagonal() *
              plain.middleCols(p * width, width);
    }
  }
  return b;
}

void NetworkLinearization::add_normal_block(std::size_t l, std::size_t k,
                                            const std::vector<Matrix>& b, Index first,
                                            MatrixRef h) const {
  const Index rows = b[l].rows();
  const ColumnPairs units{layer(l).out, layer(k).out, l == k};
  const ColumnPairs inputs{layer(l).in + 1, layer(k).in + 1, l == k};
  const Index depth = std::min(rows, product_depth(units.count() + inputs.count()));
  MatrixMap u = reserve(workspace_->unit_products, depth, units.count());
  MatrixMap v = reserve(workspace_->input_products, depth, inputs.count());
  // The longer side makes the rows of the product: a fifth faster than the other way around.
  const bool units_first = units.count() > inputs.count();
  const MatrixMap& left = units_first ? u : v;
  const MatrixMap& right = units_first ? v : u;
  MatrixMap product = reserve(workspace_->normal_product, left.cols(), right.cols());
  const double flops = 2 * static_cast<double>(rows) * static_cast<double>(product.size());
  [[maybe_unused]] const int team = team_size(flops, threads());
#pragma omp parallel num_threads(team)
  for (Index row = 0; row < rows; row += depth) {
    const Index count = std::min(depth, rows - row);
#pragma omp for schedule(static) nowait
    for (Index s = 0; s < units.second; ++s)
      pair_products(b[l], b[k], row, count, bound_->outputs(), units, s, u);
#pragma omp for schedule(static)
    for (Index s = 0; s < inputs.second; ++s)
      pair_products(inputs_of(l), inputs_of(k), first + row, count, 1, inputs, s, v);
      // Each thread owns a range of rows of the product, over all samples.
#pragma omp for schedule(static, 1)
    for (int part = 0; part < team; ++part) {
      const Index begin = left.cols() * part / team;
      const Index size = left.cols() * (part + 1) / team - begin;
      linalg::gemm(1, Op::transpose, left.block(0, begin, count, size), Op::none,
                   right.topRows(count), row == 0 ? 0 : 1, product.middleRows(begin, size));
    }
  }
  MatrixMap c = product;
  if (units_first) {
    new (&c) MatrixMap(reserve(workspace_->normal_block, inputs.count(), units.count()));
    c = product.transpose();
  }
  if (l == k)
    scatter_diagonal(layer(l), c, h);
  else
    scatter(layer(l), layer(k), c, h);
}

void NetworkLinearization::scatter_diagonal(const Layer& at, const MatrixMap& c, MatrixRef h) {
  const ColumnPairs units{at.out, at.out, true}, inputs{at.in + 1, at.in + 1, true};
  for (Index s = 0; s < at.out; ++s) {
    for (Index f = s; f < at.out; ++f) {
      const double* product = c.col(units.at(f, s)).data();
      const auto entry = [&](Index i, Index j) {
        return product[inputs.at(std::max(i, j), std::min(i, j))];
      };
      for (Index j = 0; j < at.in; ++j) {
        double* column = h.col(at.first + s * at.in + j).data();
        double* block = column + at.first + f * at.in;
        for (Index i = f == s ? j : 0; i < at.in; ++i) block[i] += entry(i, j);
        column[at.first_bias() + f] += entry(at.in, j);
        if (f != s) h(at.first_bias() + s, at.first + f * at.in + j) += entry(at.in, j);
      }
      h(at.first_bias() + f, at.first_bias() + s) += entry(at.in, at.in);
    }
  }
}

void NetworkLinearization::scatter(const Layer& at, const Layer& before, const MatrixMap& c,
                                   MatrixRef h) {
  const ColumnPairs units{at.out, before.out, false}, inputs{at.in + 1, before.in + 1, false};
  for (Index s = 0; s < before.out; ++s) {
    for (Index j = 0; j <= before.in; ++j) {
      auto column =
          h.col(j < before.in ? before.first + s * before.in + j : before.first_bias() + s);
      for (Index f = 0; f < at.out; ++f) {
        const auto product = c.col(units.at(f, s)).segment(inputs.start(j), at.in + 1);
        column.segment(at.first + f * at.in, at.in) += product.head(at.in);
        column[at.first_bias() + f] += product[at.in];
      }
    }
  }
}

void NetworkLinearization::normal(const Matrix& root, MatrixRef h) const {
  h.triangularView<Eigen::Lower>().setZero();
  const Index per_sample = (layers().hidden_units() + bound_->outputs()) * bound_->outputs();
  const Index chunk = std::clamp(budget / per_sample, Index{1}, samples());
  for (Index first = 0; first < samples(); first += chunk) {
    const auto& b = weighted_sensitivities(root, first, std::min(chunk, samples() - first));
    for (std::size_t l = 0; l < layers().count(); ++l)
      for (std::size_t k = 0; k <= l; ++k) add_normal_block(l, k, b, first, h);
  }
}

double NetworkLinearization::normal_flops() const {
  double per_sample = 0;
  for (std::size_t l = 0; l < layers().count(); ++l) {
    for (std::size_t k = 0; k <= l; ++k) {
      const ColumnPairs units{layer(l).out, layer(k).out, l == k};
      const ColumnPairs inputs{layer(l).in + 1, layer(k).in + 1, l == k};
      per_sample += 2 * static_cast<double>(units.count()) * static_cast<double>(inputs.count());
    }
  }
  return per_sample * static_cast<double>(samples());
}

}  // namespace thalweg
