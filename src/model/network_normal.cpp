// H = J' S' S J of a network, J never formed whole. With B~_q = sum_p S_qp B_p the block of two
// layers l, k is
//
//   sum over samples of (sum_q b~_lq b~_kq') (x) (a_l a_k'),
//
// which is one matrix product V' U, the Khatri-Rao form: a column of U holds sum_q b~_lqo b~_kqo'
// of all samples for one pair (o, o'), a column of V holds a_li a_ki' for one pair (i, i'). For l =
// k only the pairs with first >= second are formed, which saves half of the work of a rank-k update
// of J. The cost of the product does not depend on Q.
//
// With one output the blocks l != k cost as much by rows of J, which need fewer columns formed and
// make one product per layer, with all layers before it. So they are computed that way.
//
// While the sums are formed the output layer comes first in H: its few rows then lengthen the
// products of the other layers instead of making thin ones.

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
void pair_products(const ConstMatrixRef& x, const ConstMatrixRef& y, Index row, Index rows,
                   Index terms, const ColumnPairs& pairs, Index s, MatrixMap to) {
  const Index lowest = pairs.lowest(s);
  kernels::multiply_columns(x.col(lowest).data() + row, x.outerStride(),
                            pairs.first * x.outerStride(), y.col(s).data() + row,
                            pairs.second * y.outerStride(), terms, to.col(pairs.start(s)).data(),
                            to.rows(), rows, pairs.first - lowest);
}

constexpr Index budget = Index{1} << 23;  // entries of a bounded buffer: 64 MB

// Samples per matrix product: long enough that packing does not count, short enough that the
// operands stay in a second-level cache of 2 MB (measured: 128 and 256 are 1 to 5 % slower).
constexpr Index product_depth = 224;

// Memory that only grows.
MatrixMap reserve(Vector& buffer, Index rows, Index cols) {
  if (buffer.size() < rows * cols) buffer.resize(rows * cols);
  return {buffer.data(), rows, cols};
}

}  // namespace

std::vector<ConstMatrixRef> NetworkLinearization::weighted_sensitivities(const Matrix& root,
                                                                         Index first,
                                                                         Index rows) const {
  const Index outputs = bound_->outputs();
  const std::size_t last = layers().last();
  const bool stored = outputs == 1 && root.size() == 0;  // B~ is B
  if (outputs == 1) sensitivities();
  std::vector<Matrix>& b = workspace_->weighted_sensitivities;
  b.resize(layers().count());
  for (std::size_t l = stored ? last : 0; l <= last; ++l) b[l].resize(rows, layer(l).out * outputs);
  b[last].setZero();
  for (Index q = 0; q < outputs; ++q)
    b[last].col(q * outputs + q).setConstant(layers().output_scale);

  std::vector<ConstMatrixRef> weighted;
  for (std::size_t l = 0; l <= last; ++l) {
    if (stored && l < last)
      weighted.emplace_back(workspace_->sensitivities[l].middleRows(first, rows));
    else
      weighted.emplace_back(b[l]);
  }
  if (stored) return weighted;

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
  return weighted;
}

Layer NetworkLinearization::output_first(std::size_t l) const {
  Layer moved = layer(l);
  moved.first = l == layers().last() ? 0 : moved.first + layers().all.back().parameter_count();
  return moved;
}

void NetworkLinearization::restore_order(MatrixRef h) const {
  const Index n = h.rows(), size = layers().all.back().parameter_count(), hidden = n - size;
  const Matrix output_columns = h.leftCols(size);
  for (Index j = 0; j < hidden; ++j) {
    double* column = h.col(j).data();
    const double* from = h.col(size + j).data() + size;
    std::copy(from + j, from + hidden, column + j);
    for (Index i = 0; i < size; ++i) column[hidden + i] = output_columns(size + j, i);
  }
  h.bottomRightCorner(size, size).triangularView<Eigen::Lower>() = output_columns.topRows(size);
}

void NetworkLinearization::form_unit_rows(const Layer& at, const ConstMatrixRef& a,
                                          const ConstMatrixRef& b, Index unit, MatrixMap j) {
  const Index rows = b.rows();
  kernels::multiply_columns(a.data(), a.outerStride(), 0, b.col(unit).data(), 0, 1,
                            j.col(at.first + unit * at.in).data(), j.rows(), rows, at.in);
  j.col(at.first_bias() + unit).head(rows) = b.col(unit);
}

void NetworkLinearization::add_unequal_layers(const std::vector<ConstMatrixRef>& b, Index first,
                                              MatrixRef h) const {
  const Index rows = b.front().rows(), depth = std::min(rows, product_depth);
  MatrixMap j = reserve(workspace_->jacobian_rows, depth, h.cols());
  const Layer output = output_first(layers().last());
  const double flops = static_cast<double>(rows) * static_cast<double>(h.size());
  [[maybe_unused]] const int team = team_size(flops, threads());
#pragma omp parallel num_threads(team)
  for (Index row = 0; row < rows; row += depth) {
    const Index count = std::min(depth, rows - row);
    for (std::size_t l = 0; l < layers().count(); ++l) {
#pragma omp for schedule(static) nowait
      for (Index unit = 0; unit < layer(l).out; ++unit)
        form_unit_rows(output_first(l), inputs_of(l).middleRows(first + row, count),
                       b[l].middleRows(row, count), unit, j);
    }
#pragma omp barrier
    // Each thread owns a range of rows of every block, over all samples.
#pragma omp for schedule(static, 1)
    for (int part = 0; part < team; ++part) {
      for (std::size_t l = 0; l < layers().last(); ++l) {
        const Layer at = output_first(l);
        const Index begin = at.first + at.parameter_count() * part / team;
        const Index end = at.first + at.parameter_count() * (part + 1) / team;
        linalg::gemm(1, Op::transpose, j.block(0, begin, count, end - begin), Op::none,
                     j.topLeftCorner(count, at.first), 1, h.block(begin, 0, end - begin, at.first));
      }
      if (part == 0)
        linalg::syrk(1, Op::transpose, j.topLeftCorner(count, output.parameter_count()), 1,
                     h.topLeftCorner(output.parameter_count(), output.parameter_count()));
    }
  }
}

void NetworkLinearization::add_normal_block(std::size_t l, std::size_t k,
                                            const std::vector<ConstMatrixRef>& b, Index first,
                                            MatrixRef h) const {
  const Index rows = b[l].rows();
  const ColumnPairs units{layer(l).out, layer(k).out, l == k};
  const ColumnPairs inputs{layer(l).in + 1, layer(k).in + 1, l == k};
  const Index depth = std::min(rows, product_depth);
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
    scatter_diagonal(output_first(l), c, h);
  else
    scatter(output_first(l), output_first(k), c, h);
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
    const auto b = weighted_sensitivities(root, first, std::min(chunk, samples() - first));
    const std::size_t last = layers().last();
    if (bound_->outputs() == 1) {
      add_unequal_layers(b, first, h);
      for (std::size_t l = 0; l < last; ++l) add_normal_block(l, l, b, first, h);
      continue;
    }
    add_normal_block(last, last, b, first, h);
    for (std::size_t l = 0; l < last; ++l) {
      add_normal_block(l, last, b, first, h);
      for (std::size_t k = 0; k <= l; ++k) add_normal_block(l, k, b, first, h);
    }
  }
  restore_order(h);
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
