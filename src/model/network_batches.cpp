#include "network_batches.hpp"

#include <algorithm>
#include <mutex>
#include <type_traits>
#include <vector>

#include "network_kernels.hpp"
#include "network_layers.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/problem/output_loss.hpp"

namespace thalweg {
namespace {

using linalg::Op;

/// 0 .. count-1 cut into pieces of nearly one size, at most `largest`.
class Cut {
 public:
  Cut(Index count, Index largest)
      : count_(count), pieces_((count + largest - 1) / largest), size_(1) {
    if (pieces_ > 0) size_ = (count + pieces_ - 1) / pieces_;
  }
  Index pieces() const { return pieces_; }
  Index first(Index piece) const { return std::min(piece * size_, count_); }
  Index size(Index piece) const { return std::min(size_, count_ - first(piece)); }

 private:
  Index count_, pieces_, size_;
};

constexpr Index chunk_samples = 1024;  // worked on at once: bounds the memory
constexpr Index block_samples = 64;    // two blocks of a usual batch, for two threads
// A tile of a gradient stays in the second-level cache until it is written in double; with fewer
// units the product would mostly arrange its operands.
constexpr Index tile_entries = Index{1} << 16, least_units = 64;
constexpr Index conversion_entries = Index{1} << 15;

template <class T>
class Batches final : public NetworkBatches {
 public:
  explicit Batches(std::shared_ptr<const BoundNetwork> bound)
      : bound_(std::move(bound)),
        activations_(layers().count()),
        derivatives_(layers().last()),
        deltas_(layers().count()) {
    for (std::size_t l = 0; l < layers().count(); ++l) {
      const Cut units(layer(l).out, std::max(least_units, tile_entries / layer(l).in));
      for (Index t = 0; t < units.pieces(); ++t)
        tiles_.push_back({l, units.first(t), units.size(t)});
    }
    if constexpr (!is_double) {
      rounded_.resize(layers().parameter_count());
      gradient_.resize(layers().parameter_count());
    }
  }

  double weighted_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss, double weight,
                      VectorRef g) override {
    const std::scoped_lock turn(mutex_);
    take_inputs();
    weight_ = weight;
    if (batch.empty()) g.setZero();
    return weight * (loss.takes_parts() ? sum_of_parts(x.data(), batch, loss, g.data())
                                        : sum_of_whole(x.data(), batch, loss, g.data()));
  }

 private:
  static constexpr bool is_double = std::is_same_v<T, double>;
  using Numbers = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using Map = Eigen::Map<Numbers>;
  using ConstMap = Eigen::Map<const Numbers>;

  struct Tile {  // of the gradient of the weights of a layer: columns of W' (in, out)
    std::size_t layer;
    Index first, units;
  };

  const Layers& layers() const { return bound_->layers; }
  const Layer& layer(std::size_t l) const { return layers().all[l]; }

  void take_inputs() {
    if (inputs_.size() > 0) return;
    const Index inputs = layers().inputs();
    inputs_ = bound_->inputs.leftCols(inputs).transpose().template cast<T>();
  }

  void make_room(Index samples) {
    if (deltas_.front().cols() >= samples) return;
    for (std::size_t l = 0; l < layers().count(); ++l) {
      activations_[l].resize(layer(l).in, samples);
      deltas_[l].resize(layer(l).out, samples);
      if (l < layers().last()) derivatives_[l].resize(layer(l).out, samples);
    }
    outputs_.resize(layers().outputs() * samples);
    slopes_.resize(layers().outputs() * samples);
  }

  // What is asked of a chunk of a batch.
  struct Chunk {
    const double* x;
    Batch batch;
    bool first;  ///< of its batch: parameters are rounded, and g is written rather than added to
    double* g;   ///< null: outputs are all that is wanted
    bool forward = true;  ///< false: the activations are those of this chunk already
  };

  template <class Work>
  static void for_chunks(Batch batch, const Work& work) {
    for (std::size_t first = 0; first < batch.size(); first += chunk_samples)
      work(batch.subspan(first, std::min<std::size_t>(chunk_samples, batch.size() - first)),
           static_cast<Index>(first));
  }

  double sum_of_parts(const double* x, Batch batch, const BatchLoss& loss, double* g) {
    double sum = 0;
    for_chunks(batch, [&](Batch chunk, Index before) {
      sum += pass({x, chunk, before == 0, g}, [&](Batch samples, Index first, Index count) {
        return loss_of_outputs(samples, first, count, loss);
      });
    });
    return sum;
  }

  // The loss wants the outputs of the whole batch at once. With several chunks the way forward is
  // gone twice.
  double sum_of_whole(const double* x, Batch batch, const BatchLoss& loss, double* g) {
    const auto samples = static_cast<Index>(batch.size());
    Matrix outputs(samples, layers().outputs()), slopes(samples, layers().outputs());
    for_chunks(batch, [&](Batch chunk, Index before) {
      pass({x, chunk, before == 0, nullptr}, [&](Batch, Index first, Index count) {
        outputs.middleRows(before + first, count) = outputs_of(first, count);
        return 0.0;
      });
    });
    const double sum = loss.batch_sum(batch, outputs.reshaped(), slopes.reshaped());
    const bool again = samples > chunk_samples;
    for_chunks(batch, [&](Batch chunk, Index before) {
      pass({x, chunk, before == 0, g, again}, [&](Batch, Index first, Index count) {
        set_slopes(first, slopes.middleRows(before + first, count));
        return 0.0;
      });
    });
    return sum;
  }

  /// Of every block of a chunk the way forward, then `at_outputs`, whose sum is returned; where g
  /// is wanted the way back from the slopes that it has set.
  template <class AtOutputs>
  double pass(const Chunk& chunk, const AtOutputs& at_outputs) {
    const auto samples = static_cast<Index>(chunk.batch.size());
    make_room(samples);
    const Cut blocks(samples, block_samples);
    const auto tiles = static_cast<Index>(tiles_.size());
    std::vector<double> sums(static_cast<std::size_t>(blocks.pieces()));
    [[maybe_unused]] const int team =
        team_size(3 * layers().pass_flops(samples), std::max(blocks.pieces(), tiles));
#pragma omp parallel num_threads(team)
    {
      if (!is_double && chunk.first && chunk.forward) round_parameters(chunk.x);
      const T* parameters = parameters_in_precision(chunk.x);
#pragma omp for schedule(dynamic)
      for (Index block = 0; block < blocks.pieces(); ++block) {
        const Index first = blocks.first(block), count = blocks.size(block);
        const Batch own =
            chunk.batch.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
        if (chunk.forward) forward(parameters, own, first, count);
        sums[static_cast<std::size_t>(block)] = at_outputs(own, first, count);
        if (chunk.g) back(parameters, first, count);
      }
      if (chunk.g) {
#pragma omp for schedule(dynamic)
        for (Index t = 0; t < tiles; ++t)
          add_gradient(tiles_[static_cast<std::size_t>(t)], samples, chunk.first, chunk.g);
      }
    }
    double sum = 0;
    for (const double part : sums) sum += part;
    return sum;
  }

  /// By the threads of a team together.
  void round_parameters([[maybe_unused]] const double* x) {
    if constexpr (!is_double) {
      const Cut cut(rounded_.size(), conversion_entries);
#pragma omp for schedule(static)
      for (Index piece = 0; piece < cut.pieces(); ++piece)
        kernels::convert(x + cut.first(piece), rounded_.data() + cut.first(piece), cut.size(piece));
    }
  }

  const T* parameters_in_precision([[maybe_unused]] const double* x) const {
    if constexpr (is_double)
      return x;
    else
      return rounded_.data();
  }

  /// Z of the last layer for `count` samples of a batch, from `first` on.
  void forward(const T* x, Batch samples, Index first, Index count) {
    gather(samples, first);
    const std::size_t last = layers().last();
    for (std::size_t l = 0; l < last; ++l) {
      auto a = activations_[l + 1].middleCols(first, count);
      auto d = derivatives_[l].middleCols(first, count);
      preactivations(l, x, first, count, a);
      activate(layers().activation, a.data(), a.data(), d.data(), a.size());
      const T scale = static_cast<T>(layer(l + 1).scale);
      if (scale == 1) continue;
      a *= scale;
      d *= scale;
    }
    preactivations(last, x, first, count, deltas_[last].middleCols(first, count));
  }

  /// D of the other layers from that of the last.
  void back(const T* x, Index first, Index count) {
    for (std::size_t l = layers().last(); l-- > 0;) {
      auto delta = deltas_[l].middleCols(first, count);
      linalg::gemm(T(1), Op::none, weights(l + 1, x), Op::none,
                   deltas_[l + 1].middleCols(first, count), T(0), delta);
      kernels::multiply(derivatives_[l].col(first).data(), delta.data(), delta.size());
    }
  }

  void gather(Batch samples, Index first) {
    const Index inputs = layers().inputs();
    T* to = activations_.front().col(first).data();
    for (std::size_t k = 0; k < samples.size(); ++k)
      std::copy_n(inputs_.col(samples[k]).data(), inputs, to + static_cast<Index>(k) * inputs);
  }

  ConstMap weights(std::size_t l, const T* x) const {
    return {x + layer(l).first, layer(l).in, layer(l).out};
  }

  template <class Block>
  void preactivations(std::size_t l, const T* x, Index first, Index count, Block&& z) {
    const T* biases = x + layer(l).first_bias();
    for (Index k = 0; k < count; ++k) std::copy_n(biases, layer(l).out, z.col(k).data());
    linalg::gemm(T(1), Op::transpose, weights(l, x), Op::none,
                 activations_[l].middleCols(first, count), T(1), z);
  }

  /// Losses want output by output: (count, Q).
  Matrix outputs_of(Index first, Index count) const {
    return layers().output_scale *
           deltas_[layers().last()].middleCols(first, count).transpose().template cast<double>();
  }

  /// D of the last layer from the derivatives of the loss in the outputs, (count, Q).
  template <class Slopes>
  void set_slopes(Index first, const Slopes& slopes) {
    deltas_[layers().last()].middleCols(first, slopes.rows()) =
        (weight_ * layers().output_scale * slopes.transpose()).template cast<T>();
  }

  /// The outputs of the last layer become D: the derivatives of the loss in them, weighted. Returns
  /// the loss, not weighted.
  double loss_of_outputs(Batch samples, Index first, Index count, const BatchLoss& loss) {
    const Index outputs = layers().outputs();
    const auto part = [&](Vector& all) {
      return MatrixMap(all.data() + first * outputs, count, outputs);
    };
    part(outputs_) =
        layers().output_scale *
        deltas_[layers().last()].middleCols(first, count).transpose().template cast<double>();
    const double sum = loss.batch_sum(samples, outputs_.segment(first * outputs, count * outputs),
                                      slopes_.segment(first * outputs, count * outputs));
    set_slopes(first, part(slopes_));
    return sum;
  }

  /// Writes, or adds after the first chunk, a tile of g; the first of a layer with its biases.
  void add_gradient(const Tile& tile, Index samples, bool first_chunk, double* g) {
    const Layer& at = layer(tile.layer);
    const Index begin = at.first + tile.first * at.in;
    if constexpr (is_double) {
      multiply(tile, samples, first_chunk ? 0 : 1, g + begin);
    } else {
      float* part = gradient_.data() + begin;
      multiply(tile, samples, 0, part);
      if (first_chunk)
        kernels::convert(part, g + begin, at.in * tile.units);
      else
        kernels::convert_add(part, g + begin, at.in * tile.units);
    }
    if (tile.first > 0) return;
    if (first_chunk) at.biases(g).setZero();
    kernels::add_columns(deltas_[tile.layer].data(), at.out, samples, at.biases(g).data());
  }

  /// A D' of the units of a tile plus `beta` times what is there.
  void multiply(const Tile& tile, Index samples, T beta, T* to) const {
    linalg::gemm(T(1), Op::none, activations_[tile.layer].leftCols(samples), Op::transpose,
                 deltas_[tile.layer].block(tile.first, 0, tile.units, samples), beta,
                 Map(to, layer(tile.layer).in, tile.units));
  }

  std::shared_ptr<const BoundNetwork> bound_;
  std::vector<Tile> tiles_;
  std::mutex mutex_;
  double weight_ = 1;
  Numbers inputs_;                                           // (D, N)
  std::vector<Numbers> activations_, derivatives_, deltas_;  // A, phi'(Z), D of each layer
  Vector outputs_, slopes_;  // of the blocks, one after the other, each output by output
  Eigen::Matrix<T, Eigen::Dynamic, 1> rounded_, gradient_;  // in float32: x and the gradient
};

}  // namespace

std::unique_ptr<NetworkBatches> make_network_batches(std::shared_ptr<const BoundNetwork> bound,
                                                     Precision precision) {
  if (precision == Precision::float32) return std::make_unique<Batches<float>>(std::move(bound));
  return std::make_unique<Batches<double>>(std::move(bound));
}

}  // namespace thalweg
