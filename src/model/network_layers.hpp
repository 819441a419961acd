// The layers of a network: where their parameters are, and the loops over blocks of samples that
// every pass shares.
//
// Notation: A (N, in + 1) inputs of a layer, already multiplied by its scale c, with a last column
// of ones for the bias; W (out, in) stored row by row, so that a column-major map of it is W' (in,
// out); Z = A [W b]' (N, out) pre-activations.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "thalweg/core/types.hpp"
#include "thalweg/model/network.hpp"

namespace thalweg {

using ConstMatrixMap = Eigen::Map<const Matrix>;
using MatrixMap = Eigen::Map<Matrix>;
using ConstVectorMap = Eigen::Map<const Vector>;
using VectorMap = Eigen::Map<Vector>;

/// One dense layer: its shape, its scale c, and where its parameters are in the parameter vector.
struct Layer {
  Index in = 0, out = 0;
  Index first = 0;   ///< position of the first weight
  double scale = 1;  ///< c

  Index parameter_count() const { return (in + 1) * out; }
  Index first_bias() const { return first + in * out; }
  ConstMatrixMap weights(const double* x) const { return {x + first, in, out}; }  ///< W' (in, out)
  MatrixMap weights(double* x) const { return {x + first, in, out}; }
  ConstVectorMap biases(const double* x) const { return {x + first_bias(), out}; }
  VectorMap biases(double* x) const { return {x + first_bias(), out}; }
};

/// All layers of a network with what they share.
struct Layers {
  explicit Layers(const Network::Options& options);

  std::vector<Layer> all;
  Activation activation;
  double output_scale;  ///< alpha

  std::size_t count() const { return all.size(); }
  std::size_t last() const { return all.size() - 1; }
  Index inputs() const { return all.front().in; }
  Index outputs() const { return all.back().out; }
  Index parameter_count() const;
  Index widest() const;                    ///< largest number of units of a layer
  Index hidden_units() const;              ///< sum over the hidden layers
  double pass_flops(Index samples) const;  ///< of one forward pass
};

/// Z = A [W b]' on the rows of one block.
void preactivations(const Layer& layer, const double* x, const ConstMatrixRef& a, MatrixRef z);

/// In place: z becomes scale * phi(z).
void activate_block(Activation activation, double scale, MatrixRef z);
/// The same, and d = scale * phi'(z).
void activate_block(Activation activation, double scale, MatrixRef z, MatrixRef d);

/// A fixed partition of samples into blocks that are worked on in cache. It depends on the shapes
/// only, never on the number of threads, so that a block has the same bits whoever computes it.
struct SampleBlocks {
  SampleBlocks(Index samples, Index units);

  Index samples, size;
  Index count() const { return samples == 0 ? 0 : (samples + size - 1) / size; }
  Index first(Index block) const { return block * size; }
  Index rows(Index block) const { return std::min(size, samples - block * size); }
};

/// Threads worth starting for `pieces` independent pieces of work of `flops` floating-point
/// operations in all: one where a second would cost more than it brings.
int team_size(double flops, Index pieces);

/// Adds what a block of samples contributes to `sum`, with two scratch matrices (size, units).
using AddBlock =
    std::function<void(Index first, Index rows, std::vector<Matrix>& scratch, VectorRef sum)>;
/// The sum over all blocks, by a team where `flops` are worth it: each part sums over its own
/// blocks, and the parts are then added in their order.
void sum_over_blocks(const SampleBlocks& blocks, Index units, double flops, const AddBlock& add,
                     VectorRef sum);

/// Outputs (N, Q) alone, block by block, keeping nothing: `inputs` (N, >= D) times `scale` are the
/// inputs A of the first layer.
void forward_values(const Layers& layers, const double* x, const ConstMatrixRef& inputs,
                    double scale, MatrixRef outputs);

}  // namespace thalweg
