// K = J J' of a network: block (q, p) is the sum over layers of (A A') o (B_q B_p'), tile by tile.
// The output layer has B_q = alpha e_q, so that it adds alpha^2 A A' to the blocks (q, q) alone.

#include <algorithm>

#include "network_kernels.hpp"
#include "network_model.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg {

using linalg::Op;

namespace {

constexpr Index tile_size = 192;  // a few tiles of doubles fit the second-level cache

// P = X_i X_j' for two ranges of samples; its lower triangle alone where that is all that is read.
template <class Range>
void sample_products(const ConstMatrixRef& x, Range i, Range j, bool lower_only, MatrixRef p) {
  if (lower_only)
    linalg::syrk(1, Op::none, x.middleRows(i.first, i.count), 0, p);
  else
    linalg::gemm(1, Op::none, x.middleRows(i.first, i.count), Op::transpose,
                 x.middleRows(j.first, j.count), 0, p);
}

}  // namespace

// Tiles of the lower triangle, numbered row by row.
std::pair<NetworkLinearization::Range, NetworkLinearization::Range> NetworkLinearization::tile_pair(
    Index number, Index samples) {
  Index row = 0;
  while ((row + 1) * (row + 2) / 2 <= number) ++row;
  const auto range = [&](Index tile) {
    return Range{tile * tile_size, std::min(tile_size, samples - tile * tile_size)};
  };
  return {range(row), range(number - row * (row + 1) / 2)};
}

void NetworkLinearization::gram_tile(Range i, Range j, std::vector<Matrix>& scratch,
                                     MatrixRef k) const {
  const Index n = samples(), outputs = bound_->outputs();
  const bool diagonal = i.first == j.first, lower_only = diagonal && outputs == 1;
  const std::size_t last = layers().last();
  const auto buffer = [&](std::size_t number) {
    if (scratch[number].rows() != i.count || scratch[number].cols() != j.count)
      scratch[number].setZero(i.count, j.count);
    return MatrixRef(scratch[number]);
  };
  // One output needs A A' of a layer once; several use it Q^2 times, so all layers are kept.
  const auto slot = [&](std::size_t l) { return 2 + (outputs > 1 ? l : 0); };
  if (outputs > 1)
    for (std::size_t l = 0; l <= last; ++l)
      sample_products(inputs_of(l), i, j, lower_only, buffer(slot(l)));

  for (Index q = 0; q < outputs; ++q) {
    for (Index p = 0; p < (diagonal ? q + 1 : outputs); ++p) {
      MatrixRef sum = buffer(0), bb = buffer(1);
      sum.setZero();
      for (std::size_t l = 0; l <= last; ++l) {
        if (l == last && p != q) continue;
        MatrixRef aa = buffer(slot(l));
        if (outputs == 1) sample_products(inputs_of(l), i, j, lower_only, aa);
        if (l == last) {
          sum += layers().output_scale * layers().output_scale * aa;
          continue;
        }
        const auto b = [&](Index output) {
          return workspace_->sensitivities[l].middleCols(output * layer(l).out, layer(l).out);
        };
        if (p == q)
          sample_products(b(q), i, j, lower_only, bb);
        else
          linalg::gemm(1, Op::none, b(q).middleRows(i.first, i.count), Op::transpose,
                       b(p).middleRows(j.first, j.count), 0, bb);
        kernels::multiply_add(aa.data(), bb.data(), sum.data(), sum.size());
      }
      if (diagonal && p == q)
        k.block(q * n + i.first, q * n + i.first, i.count, i.count).triangularView<Eigen::Lower>() =
            sum;
      else if (p <= q)
        k.block(q * n + i.first, p * n + j.first, i.count, j.count) = sum;
      else  // above the diagonal of K: its mirror image is wanted
        k.block(p * n + j.first, q * n + i.first, j.count, i.count) = sum.transpose();
    }
  }
}

void NetworkLinearization::gram(MatrixRef k) const {
  sensitivities();
  const Index tiles = (samples() + tile_size - 1) / tile_size, pairs = tiles * (tiles + 1) / 2;
#pragma omp parallel num_threads(team_size(gram_flops(), pairs))
  {
    std::vector<Matrix> scratch(2 + layers().count());
    // Which thread computes a tile does not change its bits.
#pragma omp for schedule(dynamic)
    for (Index number = 0; number < pairs; ++number) {
      const auto [i, j] = tile_pair(number, samples());
      gram_tile(i, j, scratch, k);
    }
  }
}

double NetworkLinearization::gram_flops() const {
  const double n = static_cast<double>(samples()), m = static_cast<double>(output_count());
  const double sample_pairs = n * (n + 1) / 2, entries = m * (m + 1) / 2;
  double flops = 0;
  for (std::size_t l = 0; l < layers().count(); ++l) {
    flops += sample_pairs * 2 * static_cast<double>(layer(l).in + 1);
    if (l < layers().last()) flops += entries * 2 * static_cast<double>(layer(l).out + 1);
  }
  return flops;
}

}  // namespace thalweg
