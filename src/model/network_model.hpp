// A network bound to inputs, and its linearization.
//
// With A_l (N, in + 1) the inputs of layer l (a last column of ones for the bias) and B_lq (N, out)
// the sensitivities of output q to its pre-activations, row (q, i) of J holds b_lqi (x) a_li for
// every layer l. J is never formed:
//
//   J v         one output:  sum_l rowsum(B_l o (A_l V_l'));    several: forward mode
//   J'u         one output:  layer l gets (diag(u) B_l)' A_l;   several: back-propagation
//   J J'        block (q, p) = sum_l (A_l A_l') o (B_lq B_lp'), tile by tile    network_gram.cpp
//   J'S'S J     sums of outer products (b b') (x) (a a') as matrix products     network_normal.cpp
//   sum_i u_i (d2 y_i / dx2) v    J'u differentiated along v               network_curvature.cpp
//
// With several outputs neither J v nor J'u touches the sensitivities, which would cost Q backward
// passes; so each result has the same bits whatever was computed before.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "network_layers.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg {

/// The buffers of one linearization; allocated once and reused by later ones, because the first
/// touch of fresh memory costs more than the work on it.
struct NetworkWorkspace {
  Vector parameters, outputs;         ///< (n), (N*Q)
  std::vector<Matrix> activations;    ///< per hidden layer: inputs of the next layer (N, out + 1)
  std::vector<Matrix> derivatives;    ///< per hidden layer: c phi'(z) (N, out), c of the next layer
  std::vector<Matrix> sensitivities;  ///< per hidden layer: B, output by output (N, out * Q)
  /// Of network_normal.cpp: U and V, their product as computed and as V'U, rows of J, B~ of all
  /// layers.
  Vector unit_products, input_products, normal_product, normal_block, jacobian_rows;
  std::vector<Matrix> weighted_sensitivities;
};

/// Workspaces that are free. Shared by a model and its linearizations, which may outlive it.
class WorkspacePool {
 public:
  std::unique_ptr<NetworkWorkspace> take();
  void give_back(std::unique_ptr<NetworkWorkspace> workspace);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<NetworkWorkspace>> free_;
};

/// What a bound model and its linearizations share.
struct BoundNetwork {
  BoundNetwork(const Network::Options& options, const Matrix& inputs);

  Layers layers;
  Matrix inputs;  ///< A of the first layer (N, D + 1)
  WorkspacePool pool;

  Index samples() const { return inputs.rows(); }
  Index outputs() const { return layers.outputs(); }
  SampleBlocks blocks() const { return {samples(), layers.widest()}; }
};

class NetworkBatches;

class NetworkModel final : public OutputModel {
 public:
  /// `sampled` is the precision of batch_sum.
  NetworkModel(Network network, const Matrix& inputs, Precision sampled = Precision::float64);
  ~NetworkModel() override;

  Index parameter_count() const override { return network_.parameter_count(); }
  Index output_count() const override { return bound_->samples() * bound_->outputs(); }
  Index outputs_per_sample() const override { return bound_->outputs(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override;
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override;
  bool twice_differentiable() const override { return true; }
  double batch_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                   VectorRef g) const override;
  double batch_mean(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                    VectorRef g) const override;
  double batch_rounding() const override;
  std::vector<Index> parameter_groups() const override;
  /// That of the parameters drawn from the seed 0.
  double start_norm() const override { return network_.initial_parameters(0).norm(); }
  std::string description() const override { return network_.description(); }
  double forward_flops() const override;

 private:
  Network network_;
  std::shared_ptr<BoundNetwork> bound_;
  Precision sampled_;
  std::unique_ptr<NetworkBatches> batches_;
};

class NetworkLinearization final : public Linearization {
 public:
  NetworkLinearization(std::shared_ptr<BoundNetwork> bound, const ConstVectorRef& x);
  ~NetworkLinearization() override;

  Index parameter_count() const override { return workspace_->parameters.size(); }
  Index output_count() const override { return workspace_->outputs.size(); }
  Index outputs_per_sample() const override { return bound_->outputs(); }
  const Vector& outputs() const override { return workspace_->outputs; }
  void apply(const ConstVectorRef& v, VectorRef jv) const override;
  void apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const override;
  void rows(Index first, Index count, MatrixRef rows) const override;
  void gram(MatrixRef k) const override;
  void normal(const Matrix& root, MatrixRef h) const override;
  std::unique_ptr<OutputCurvature> curvature(const ConstVectorRef& u) const override;
  double apply_flops() const override;
  double gram_flops() const override;
  double normal_flops() const override;

  /// Computes the sensitivities now rather than on first need; for timings.
  void backpropagate() const { sensitivities(); }
  double backpropagation_flops() const;  ///< of the sensitivities of all outputs

 private:
  class Curvature;

  void forward();
  const Layers& layers() const { return bound_->layers; }
  const Layer& layer(std::size_t l) const { return bound_->layers.all[l]; }
  Index samples() const { return bound_->samples(); }
  const double* parameters() const { return workspace_->parameters.data(); }
  const Matrix& inputs_of(std::size_t l) const;  ///< A of layer l, (N, in + 1)

  /// B of the hidden layers for all outputs, computed on first need.
  const std::vector<Matrix>& sensitivities() const;
  /// B of the hidden layers for output q on `rows` samples from `first` on, written to columns
  /// `column` * out ... of to[l], from row `to_first` on.
  void backward(Index q, Index first, Index rows, std::vector<Matrix>& to, Index column,
                Index to_first) const;

  void apply_by_sensitivities(const ConstVectorRef& v, VectorRef jv) const;
  void apply_forward_mode(const ConstVectorRef& v, VectorRef jv) const;
  void add_adjoint_block(const ConstVectorRef& u, Index first, Index rows,
                         std::vector<Matrix>& scratch, VectorRef jtu) const;

  struct Range {  // of samples
    Index first, count;
  };
  /// The tile of K with samples i against samples j <= i, for all pairs of outputs.
  void gram_tile(Range i, Range j, std::vector<Matrix>& scratch, MatrixRef k) const;
  static std::pair<Range, Range> tile_pair(Index number, Index samples);

  /// B~ of all layers on `rows` samples from `first` on, output by output (rows, out * Q).
  std::vector<ConstMatrixRef> weighted_sensitivities(const Matrix& root, Index first,
                                                     Index rows) const;
  /// Layer l with its parameters at their place in an order with the output layer first, and h
  /// brought back from that order.
  Layer output_first(std::size_t l) const;
  void restore_order(MatrixRef h) const;
  /// Adds the contribution of the samples of b, which start at `first`, to block (l, k) of h; in
  /// the order with the output layer first, k is not after l.
  void add_normal_block(std::size_t l, std::size_t k, const std::vector<ConstMatrixRef>& b,
                        Index first, MatrixRef h) const;
  /// With one output: the same for all blocks of two different layers, and for the output layer.
  void add_unequal_layers(const std::vector<ConstMatrixRef>& b, Index first, MatrixRef h) const;
  /// Columns of J that belong to one unit, from the inputs and sensitivities of its layer.
  static void form_unit_rows(const Layer& at, const ConstMatrixRef& a, const ConstMatrixRef& b,
                             Index unit, MatrixMap j);
  static void scatter_diagonal(const Layer& at, const MatrixMap& c, MatrixRef h);
  static void scatter(const Layer& at, const Layer& before, const MatrixMap& c, MatrixRef h);

  std::shared_ptr<BoundNetwork> bound_;
  std::unique_ptr<NetworkWorkspace> workspace_;
  mutable bool have_sensitivities_ = false;
};

}  // namespace thalweg
