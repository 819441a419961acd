#include "network_layers.hpp"

#include <algorithm>
#include <cmath>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "thalweg/core/threads.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg {

using linalg::Op;

Layers::Layers(const Network::Options& options)
    : activation(options.activation), output_scale(options.output_scale) {
  Index in = options.inputs, first = 0;
  const auto add = [&](Index out) {
    const bool scaled = options.parametrization == Parametrization::inverse_sqrt_width;
    all.push_back({in, out, first, scaled ? 1 / std::sqrt(static_cast<double>(in)) : 1.0});
    first += all.back().parameter_count();
    in = out;
  };
  for (const Index width : options.hidden) add(width);
  add(options.outputs);
}

Index Layers::parameter_count() const { return all.back().first + all.back().parameter_count(); }

Index Layers::widest() const {
  Index widest = 0;
  for (const Layer& layer : all) widest = std::max(widest, layer.out);
  return widest;
}

Index Layers::hidden_units() const {
  Index units = 0;
  for (std::size_t l = 0; l < last(); ++l) units += all[l].out;
  return units;
}

double Layers::pass_flops(Index samples) const {
  return 2 * static_cast<double>(samples) * static_cast<double>(parameter_count());
}

void preactivations(const Layer& layer, const double* x, const ConstMatrixRef& a, MatrixRef z) {
  z.rowwise() = layer.biases(x).transpose();
  linalg::gemm(1, Op::none, a.leftCols(layer.in), Op::none, layer.weights(x), 1, z);
}

void activate_block(Activation activation, double scale, MatrixRef z) {
  for (Index unit = 0; unit < z.cols(); ++unit) {
    double* values = z.col(unit).data();
    activate(activation, values, values, nullptr, z.rows());
    if (scale != 1) z.col(unit) *= scale;
  }
}

void activate_block(Activation activation, double scale, MatrixRef z, MatrixRef d) {
  for (Index unit = 0; unit < z.cols(); ++unit) {
    double* values = z.col(unit).data();
    activate(activation, values, values, d.col(unit).data(), z.rows());
    if (scale == 1) continue;
    z.col(unit) *= scale;
    d.col(unit) *= scale;
  }
}

void forward_values(const Layers& layers, const double* x, const ConstMatrixRef& inputs,
                    double scale, MatrixRef outputs) {
  const SampleBlocks blocks(inputs.rows(), std::max(layers.widest(), layers.inputs()));
  [[maybe_unused]] const int team = team_size(layers.pass_flops(inputs.rows()), blocks.count());
#pragma omp parallel num_threads(team)
  {
    // Two buffers take turns: the inputs of a layer and its outputs.
    const Index wide = std::max(layers.widest(), layers.inputs());
    Matrix now(blocks.size, wide), next(blocks.size, wide);
#pragma omp for schedule(static)
    for (Index block = 0; block < blocks.count(); ++block) {
      const Index first = blocks.first(block), rows = blocks.rows(block);
      now.topLeftCorner(rows, layers.inputs()) =
          scale * inputs.block(first, 0, rows, layers.inputs());
      for (std::size_t l = 0; l < layers.count(); ++l) {
        const Layer& layer = layers.all[l];
        auto z = next.topLeftCorner(rows, layer.out);
        preactivations(layer, x, now.topRows(rows), z);
        if (l < layers.last()) activate_block(layers.activation, layers.all[l + 1].scale, z);
        now.swap(next);
      }
      outputs.middleRows(first, rows) =
          layers.output_scale * now.topLeftCorner(rows, layers.outputs());
    }
  }
}

int team_size(double flops, Index pieces) {
  [[maybe_unused]] constexpr double serial_flops = 4e7;  // about a millisecond
#ifdef _OPENMP
  if (flops < serial_flops || omp_in_parallel()) return 1;
  return static_cast<int>(std::clamp<Index>(pieces, 1, threads()));
#else
  static_cast<void>(flops), static_cast<void>(pieces);
  return 1;
#endif
}

void sum_over_blocks(const SampleBlocks& blocks, Index units, double flops, const AddBlock& add,
                     VectorRef sum) {
  const int parts = team_size(flops, blocks.count());
  std::vector<Vector> sums(static_cast<std::size_t>(parts - 1));
#pragma omp parallel for schedule(static, 1) num_threads(parts)
  for (int part = 0; part < parts; ++part) {
    Vector* own = part > 0 ? &sums[static_cast<std::size_t>(part - 1)] : nullptr;
    if (own != nullptr) own->resize(sum.size());
    Eigen::Ref<Vector> to = own != nullptr ? Eigen::Ref<Vector>(*own) : Eigen::Ref<Vector>(sum);
    to.setZero();
    std::vector<Matrix> scratch(2, Matrix(blocks.size, units));
    const Index begin = blocks.count() * part / parts, end = blocks.count() * (part + 1) / parts;
    for (Index block = begin; block < end; ++block)
      add(blocks.first(block), blocks.rows(block), scratch, to);
  }
  for (const Vector& part : sums) sum += part;
}

SampleBlocks::SampleBlocks(Index samples_, Index units) : samples(samples_), size(samples_) {
  // About half a megabyte per matrix, and enough rows to keep a matrix product busy.
  constexpr Index entries = Index{1} << 17;
  const Index wanted = std::clamp(entries / std::max<Index>(units, 1), Index{256}, Index{2048});
  const Index blocks = std::max<Index>(1, (samples + wanted - 1) / wanted);
  size = std::max<Index>(1, (samples + blocks - 1) / blocks);
}

}  // namespace thalweg
