#include "thalweg/model/network.hpp"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "network_layers.hpp"
#include "network_model.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/core/threads.hpp"

namespace thalweg {
namespace {

// Variance of the weights of a layer at the start; see Parametrization.
double weight_variance(const Network::Options& options, const Layer& layer, bool hidden) {
  const bool one_sided =
      options.activation == Activation::relu || options.activation == Activation::gelu;
  const double gain = hidden && one_sided ? 2 : 1;
  return options.parametrization == Parametrization::inverse_sqrt_width
             ? gain
             : gain / static_cast<double>(layer.in);
}

constexpr double bias_deviation = 0.5;

void draw(RandomStream& random, double deviation, Eigen::Ref<Vector> values) {
  for (double& value : values) value = deviation * random.normal();
}

LinearModel::Options linear_options(const Network::Options& options) {
  return {.outputs = options.outputs, .intercept = options.intercept};
}

}  // namespace

void Network::Options::validate() const {
  OptionChecker check("network");
  check.require(inputs >= 1, "inputs", "be at least 1", static_cast<double>(inputs));
  for (const Index width : hidden)
    check.require(width >= 1, "hidden", "have widths of at least 1", static_cast<double>(width));
  check.require(outputs >= 1, "outputs", "be at least 1", static_cast<double>(outputs));
  check.require(output_scale > 0 && std::isfinite(output_scale), "output_scale",
                "be positive and finite", output_scale);
  const bool plain =
      hidden.empty() && parametrization == Parametrization::standard && output_scale == 1;
  check.require(intercept || plain,
                "intercept = false is for networks without hidden layers, with the standard "
                "parametrization and output_scale 1");
  check.throw_if_any();
}

Network::Network(Options options) : options_(std::move(options)) { options_.validate(); }

bool Network::linear() const {
  return options_.hidden.empty() && options_.parametrization == Parametrization::standard &&
         options_.output_scale == 1;
}

Index Network::parameter_count() const {
  const Index without = options_.intercept ? 0 : options_.outputs;
  return Layers(options_).parameter_count() - without;
}

Index Network::layer_count() const { return static_cast<Index>(options_.hidden.size()) + 1; }

double Network::forward_flops(Index samples) const { return Layers(options_).pass_flops(samples); }

Vector Network::initial_parameters(std::uint64_t seed) const {
  if (options_.hidden.empty()) return Vector::Zero(parameter_count());
  const Layers layers(options_);
  RandomStream random(seed, "initialization");
  Vector x(layers.parameter_count());
  for (std::size_t l = 0; l < layers.count(); ++l) {
    const Layer& layer = layers.all[l];
    const bool hidden = l < layers.last();
    draw(random, std::sqrt(weight_variance(options_, layer, hidden)),
         x.segment(layer.first, layer.in * layer.out));
    if (hidden)
      draw(random, bias_deviation, layer.biases(x.data()));
    else
      layer.biases(x.data()).setZero();
  }
  return x;
}

Matrix Network::predict(const ConstVectorRef& parameters, const ConstMatrixRef& inputs) const {
  require_parameters(parameters.size());
  require_inputs(inputs.cols());
  const Layers layers(options_);
  Matrix outputs(inputs.rows(), layers.outputs());
  if (linear()) {
    const Layer& layer = layers.all.front();
    outputs.noalias() = inputs * layer.weights(parameters.data());
    if (options_.intercept) outputs.rowwise() += layer.biases(parameters.data()).transpose();
  } else {
    forward_values(layers, parameters.data(), inputs, layers.all.front().scale, outputs);
  }
  return outputs;
}

Matrix Network::predict(const ConstVectorRef& parameters, const SparseMatrix& raw,
                        const Vector& mean, const Vector& scale) const {
  require_parameters(parameters.size());
  const Index rows = raw.rows();
  Matrix outputs(rows, options_.outputs);
  if (rows == 0) return outputs;
  Eigen::Map<Vector> stacked(outputs.data(), outputs.size());
  linear_on(raw, mean, scale)->outputs(parameters, stacked);
  return outputs;
}

std::shared_ptr<const OutputModel> Network::on(Matrix inputs, Precision sampled) const {
  if (linear() && sampled == Precision::float64) return linear_on(inputs);
  if (!options_.intercept)
    throw UsageError("batches in float32 need a model with an intercept",
                     "train a model without an intercept in float64");
  return std::make_shared<NetworkModel>(*this, inputs, sampled);
}

std::shared_ptr<const LinearModel> Network::linear_on(const ConstMatrixRef& inputs) const {
  require_linear();
  require_inputs(inputs.cols());
  return std::make_shared<LinearModel>(inputs, linear_options(options_));
}

std::shared_ptr<const LinearModel> Network::linear_on(const SparseMatrix& raw, const Vector& mean,
                                                      const Vector& scale) const {
  require_linear();
  require_inputs(raw.cols());
  return std::make_shared<LinearModel>(raw, mean, scale, linear_options(options_));
}

void Network::require_linear() const {
  if (!linear())
    throw UsageError(fmt::format("a network {} is no linear model", description()),
                     "use a network without hidden layers, with the standard parametrization and "
                     "output_scale 1");
}

void Network::require_parameters(Index count) const {
  if (count != parameter_count())
    throw UsageError(
        fmt::format("the network has {} parameters, not {}", parameter_count(), count));
}

void Network::require_inputs(Index columns) const {
  if (columns != options_.inputs)
    throw UsageError(fmt::format("the network takes {} inputs, not {}", options_.inputs, columns));
}

std::string Network::description() const {
  if (options_.hidden.empty()) return "linear";
  return fmt::format("mlp:{}", fmt::join(options_.hidden, ","));
}

}  // namespace thalweg
