// Dense networks: architecture, initialization, and the structured Jacobian on a set of inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "thalweg/model/activation.hpp"
#include "thalweg/problem/objective.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg {

/// How weights are scaled. standard: w ~ N(0, 1/fan_in) (relu, gelu: 2/fan_in), biases ~ 0 .. as
/// documented. inverse_sqrt_width: w ~ N(0, 1) and every layer divides by sqrt(fan_in) ("NTK
/// parametrization").
enum class Parametrization { standard, inverse_sqrt_width };

/// A dense network x -> alpha * (W_L phi(... phi(W_1 x + b_1) ...) + b_L).
///
/// Parameters, shape (n), for each layer in turn: its weights (out, in) row by row, then its biases
/// (out).
class Network {
 public:
  struct Options {
    Index inputs = 1;           ///< D >= 1
    std::vector<Index> hidden;  ///< widths, each >= 1; empty: a linear model
    Index outputs = 1;          ///< Q >= 1
    Activation activation = Activation::tanh;
    Parametrization parametrization = Parametrization::standard;
    double output_scale = 1;  ///< alpha > 0
    void validate() const;    ///< throws UsageError naming every violated range at once
  };

  explicit Network(Options options);

  const Options& options() const { return options_; }
  Index parameter_count() const;  ///< n
  Index layer_count() const;      ///< hidden layers + 1
  /// Start parameters from the stream ("initialization") of the seed; the distribution is
  /// documented at Parametrization.
  Vector initial_parameters(std::uint64_t seed) const;
  /// Outputs (N, Q) on inputs (N, D), in blocks of bounded memory.
  Matrix predict(const ConstVectorRef& parameters, const ConstMatrixRef& inputs) const;
  /// The network bound to inputs (N, D): the output model to train.
  std::shared_ptr<const OutputModel> on(Matrix inputs) const;
  std::string description() const;  ///< "mlp:64,64" or "linear"

  /// Exact Hessian-vector products of a composite objective on this network need the model to be a
  /// NetworkModel.
 private:
  Options options_;
};

}  // namespace thalweg
