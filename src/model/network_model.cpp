#include "network_model.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "network_batches.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg {

using linalg::Op;

// ---------------------------------------------------------------------------------------------
// The model

std::unique_ptr<NetworkWorkspace> WorkspacePool::take() {
  const std::scoped_lock lock(mutex_);
  if (free_.empty()) return std::make_unique<NetworkWorkspace>();
  auto workspace = std::move(free_.back());
  free_.pop_back();
  return workspace;
}

void WorkspacePool::give_back(std::unique_ptr<NetworkWorkspace> workspace) {
  constexpr std::size_t kept = 2;  // the point of a method and its trial point
  const std::scoped_lock lock(mutex_);
  if (free_.size() < kept) free_.push_back(std::move(workspace));
}

BoundNetwork::BoundNetwork(const Network::Options& options, const Matrix& raw_inputs)
    : layers(options), inputs(raw_inputs.rows(), options.inputs + 1) {
  if (raw_inputs.cols() != options.inputs)
    throw UsageError(
        fmt::format("the network takes {} inputs, not {}", options.inputs, raw_inputs.cols()));
  if (raw_inputs.rows() == 0) throw UsageError("a network needs at least one row of inputs");
  inputs.leftCols(options.inputs) = layers.all.front().scale * raw_inputs;
  inputs.col(options.inputs).setOnes();
}

NetworkModel::NetworkModel(Network network, const Matrix& inputs, Precision sampled)
    : network_(std::move(network)),
      bound_(std::make_shared<BoundNetwork>(network_.options(), inputs)),
      sampled_(sampled),
      batches_(make_network_batches(bound_, sampled)) {}

NetworkModel::~NetworkModel() = default;

void NetworkModel::outputs(const ConstVectorRef& x, VectorRef y) const {
  MatrixMap outputs(y.data(), bound_->samples(), bound_->outputs());
  forward_values(bound_->layers, x.data(), bound_->inputs, 1, outputs);
}

std::unique_ptr<Linearization> NetworkModel::linearize(const ConstVectorRef& x) const {
  return std::make_unique<NetworkLinearization>(bound_, x);
}

double NetworkModel::batch_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                               VectorRef g) const {
  return batches_->weighted_sum(x, batch, loss, 1, g);
}

double NetworkModel::batch_mean(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                                VectorRef g) const {
  return batches_->weighted_sum(x, batch, loss, 1 / static_cast<double>(batch.size()), g);
}

double NetworkModel::batch_rounding() const {
  return sampled_ == Precision::float32 ? double{std::numeric_limits<float>::epsilon()}
                                        : std::numeric_limits<double>::epsilon();
}

std::vector<Index> NetworkModel::parameter_groups() const {
  std::vector<Index> groups;
  for (const Layer& layer : bound_->layers.all) groups.push_back(layer.first);
  return groups;
}

double NetworkModel::forward_flops() const { return network_.forward_flops(bound_->samples()); }

// ---------------------------------------------------------------------------------------------
// Forward and backward

NetworkLinearization::NetworkLinearization(std::shared_ptr<BoundNetwork> bound,
                                           const ConstVectorRef& x)
    : bound_(std::move(bound)), workspace_(bound_->pool.take()) {
  const std::size_t hidden = layers().last();
  workspace_->parameters = x;
  workspace_->outputs.resize(samples() * bound_->outputs());
  workspace_->activations.resize(hidden);
  workspace_->derivatives.resize(hidden);
  workspace_->sensitivities.resize(hidden);
  for (std::size_t l = 0; l < hidden; ++l) {
    workspace_->activations[l].resize(samples(), layer(l).out + 1);
    workspace_->derivatives[l].resize(samples(), layer(l).out);
  }
  forward();
}

NetworkLinearization::~NetworkLinearization() { bound_->pool.give_back(std::move(workspace_)); }

const Matrix& NetworkLinearization::inputs_of(std::size_t l) const {
  return l == 0 ? bound_->inputs : workspace_->activations[l - 1];
}

void NetworkLinearization::forward() {
  const SampleBlocks blocks = bound_->blocks();
  [[maybe_unused]] const int team = team_size(layers().pass_flops(samples()), blocks.count());
  MatrixMap outputs(workspace_->outputs.data(), samples(), bound_->outputs());
#pragma omp parallel for schedule(static) num_threads(team)
  for (Index block = 0; block < blocks.count(); ++block) {
    const Index first = blocks.first(block), rows = blocks.rows(block);
    for (std::size_t l = 0; l < layers().last(); ++l) {
      auto a = workspace_->activations[l].middleRows(first, rows);
      auto z = a.leftCols(layer(l).out);
      preactivations(layer(l), parameters(), inputs_of(l).middleRows(first, rows), z);
      activate_block(layers().activation, layer(l + 1).scale, z,
                     workspace_->derivatives[l].middleRows(first, rows));
      a.col(layer(l).out).setOnes();
    }
    auto y = outputs.middleRows(first, rows);
    const std::size_t last = layers().last();
    preactivations(layer(last), parameters(), inputs_of(last).middleRows(first, rows), y);
    if (layers().output_scale != 1) y *= layers().output_scale;
  }
}

const std::vector<Matrix>& NetworkLinearization::sensitivities() const {
  if (have_sensitivities_) return workspace_->sensitivities;
  const Index outputs = bound_->outputs();
  for (std::size_t l = 0; l < layers().last(); ++l)
    workspace_->sensitivities[l].resize(samples(), layer(l).out * outputs);
  const SampleBlocks blocks = bound_->blocks();
  [[maybe_unused]] const int team = team_size(layers().pass_flops(output_count()), blocks.count());
#pragma omp parallel for schedule(static) num_threads(team)
  for (Index block = 0; block < blocks.count(); ++block)
    for (Index q = 0; q < outputs; ++q)
      backward(q, blocks.first(block), blocks.rows(block), workspace_->sensitivities, q,
               blocks.first(block));
  have_sensitivities_ = true;
  return workspace_->sensitivities;
}

void NetworkLinearization::backward(Index q, Index first, Index rows, std::vector<Matrix>& to,
                                    Index column, Index to_first) const {
  const auto target = [&](std::size_t l) {
    return to[l].block(to_first, column * layer(l).out, rows, layer(l).out);
  };
  const std::size_t last = layers().last();
  for (std::size_t l = last; l-- > 0;) {
    auto b = target(l);
    const auto slope = workspace_->derivatives[l].middleRows(first, rows);
    const auto weights = layer(l + 1).weights(parameters());
    if (l + 1 == last) {
      b = slope * (layers().output_scale * weights.col(q)).asDiagonal();
    } else {
      linalg::gemm(1, Op::none, target(l + 1), Op::transpose, weights, 0, b);
      b.array() *= slope.array();
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Products with J and J'

void NetworkLinearization::apply(const ConstVectorRef& v, VectorRef jv) const {
  if (bound_->outputs() == 1)
    apply_by_sensitivities(v, jv);
  else
    apply_forward_mode(v, jv);
}

void NetworkLinearization::apply_by_sensitivities(const ConstVectorRef& v, VectorRef jv) const {
  const auto& b = sensitivities();
  const SampleBlocks blocks = bound_->blocks();
#pragma omp parallel num_threads(team_size(apply_flops(), blocks.count()))
  {
    Matrix scratch(blocks.size, layers().widest());
#pragma omp for schedule(static)
    for (Index block = 0; block < blocks.count(); ++block) {
      const Index first = blocks.first(block), rows = blocks.rows(block);
      const std::size_t last = layers().last();
      auto out = jv.segment(first, rows);
      auto z = scratch.topLeftCorner(rows, 1);
      preactivations(layer(last), v.data(), inputs_of(last).middleRows(first, rows), z);
      out = layers().output_scale * z;
      for (std::size_t l = 0; l < last; ++l) {
        auto change = scratch.topLeftCorner(rows, layer(l).out);
        preactivations(layer(l), v.data(), inputs_of(l).middleRows(first, rows), change);
        for (Index unit = 0; unit < layer(l).out; ++unit)
          out.array() += b[l].col(unit).segment(first, rows).array() * change.col(unit).array();
      }
    }
  }
}

void NetworkLinearization::apply_forward_mode(const ConstVectorRef& v, VectorRef jv) const {
  const SampleBlocks blocks = bound_->blocks();
  MatrixMap result(jv.data(), samples(), bound_->outputs());
#pragma omp parallel num_threads(team_size(apply_flops(), blocks.count()))
  {
    Matrix now(blocks.size, layers().widest()), next(blocks.size, layers().widest());
#pragma omp for schedule(static)
    for (Index block = 0; block < blocks.count(); ++block) {
      const Index first = blocks.first(block), rows = blocks.rows(block);
      for (std::size_t l = 0; l < layers().count(); ++l) {
        auto change = next.topLeftCorner(rows, layer(l).out);
        preactivations(layer(l), v.data(), inputs_of(l).middleRows(first, rows), change);
        if (l > 0)
          linalg::gemm(1, Op::none, now.topLeftCorner(rows, layer(l).in), Op::none,
                       layer(l).weights(parameters()), 1, change);
        if (l < layers().last())
          change.array() *= workspace_->derivatives[l].middleRows(first, rows).array();
        now.swap(next);
      }
      result.middleRows(first, rows) =
          layers().output_scale * now.topLeftCorner(rows, bound_->outputs());
    }
  }
}

void NetworkLinearization::apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const {
  if (bound_->outputs() == 1) sensitivities();
  sum_over_blocks(
      bound_->blocks(), layers().widest(), apply_flops(),
      [&](Index first, Index rows, std::vector<Matrix>& scratch, VectorRef sum) {
        add_adjoint_block(u, first, rows, scratch, sum);
      },
      jtu);
}

void NetworkLinearization::add_adjoint_block(const ConstVectorRef& u, Index first, Index rows,
                                             std::vector<Matrix>& scratch, VectorRef jtu) const {
  const ConstMatrixMap weights_of_outputs(u.data(), samples(), bound_->outputs());
  const auto add = [&](std::size_t l, const ConstMatrixRef& delta) {
    linalg::gemm(1, Op::transpose, inputs_of(l).block(first, 0, rows, layer(l).in), Op::none, delta,
                 1, layer(l).weights(jtu.data()));
    layer(l).biases(jtu.data()) += delta.colwise().sum().transpose();
  };
  const std::size_t last = layers().last();
  scratch[0].topLeftCorner(rows, bound_->outputs()) =
      layers().output_scale * weights_of_outputs.middleRows(first, rows);
  add(last, scratch[0].topLeftCorner(rows, bound_->outputs()));
  for (std::size_t l = last; l-- > 0;) {
    auto delta = scratch[1].topLeftCorner(rows, layer(l).out);
    if (bound_->outputs() == 1) {
      delta = u.segment(first, rows).asDiagonal() *
              workspace_->sensitivities[l].middleRows(first, rows);
    } else {
      linalg::gemm(1, Op::none, scratch[0].topLeftCorner(rows, layer(l + 1).out), Op::transpose,
                   layer(l + 1).weights(parameters()), 0, delta);
      delta.array() *= workspace_->derivatives[l].middleRows(first, rows).array();
    }
    add(l, delta);
    scratch[0].swap(scratch[1]);
  }
}

void NetworkLinearization::rows(Index first, Index count, MatrixRef rows) const {
  const Index outputs = bound_->outputs();
  std::vector<Matrix> own(layers().last());
  for (Index done = 0; done < count;) {
    // A run of rows that belong to one output.
    const Index q = (first + done) / samples(), sample = (first + done) % samples();
    const Index run = std::min(count - done, samples() - sample);
    const bool stored = outputs == 1;
    if (stored) {
      sensitivities();
    } else {
      for (std::size_t l = 0; l < own.size(); ++l) own[l].resize(run, layer(l).out);
      backward(q, sample, run, own, 0, 0);
    }
    const auto& b = stored ? workspace_->sensitivities : own;
    const Index b_first = stored ? sample : 0;
    [[maybe_unused]] const int team = team_size(layers().pass_flops(run), run);
#pragma omp parallel for schedule(static) num_threads(team)
    for (Index c = 0; c < run; ++c) {
      double* row = rows.col(done + c).data();
      for (std::size_t l = 0; l < layers().count(); ++l) {
        const Vector a = inputs_of(l).row(sample + c).head(layer(l).in);
        if (l == layers().last()) {
          layer(l).weights(row).setZero();
          layer(l).biases(row).setZero();
          layer(l).weights(row).col(q) = layers().output_scale * a;
          layer(l).biases(row)[q] = layers().output_scale;
        } else {
          const auto sensitivity = b[l].row(b_first + c);
          layer(l).weights(row).noalias() = a * sensitivity;
          layer(l).biases(row) = sensitivity.transpose();
        }
      }
    }
    done += run;
  }
}

double NetworkLinearization::apply_flops() const {
  const double pass = layers().pass_flops(samples());
  return bound_->outputs() == 1 ? pass : 2 * pass;
}

double NetworkLinearization::backpropagation_flops() const {
  double products = 0;  // below the last hidden layer, whose sensitivities are rows of weights
  for (std::size_t l = 1; l < layers().last(); ++l)
    products += static_cast<double>(layer(l).in) * static_cast<double>(layer(l).out);
  const double slopes = static_cast<double>(layers().hidden_units());
  return static_cast<double>(output_count()) * (2 * products + slopes);
}

}  // namespace thalweg
