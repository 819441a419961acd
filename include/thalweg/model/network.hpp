// Dense networks: architecture, initialization, and the structured Jacobian on a set of inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "thalweg/model/activation.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/problem/objective.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg {

/// How a layer z = c W a + b is scaled and where its parameters start. All draws are independent.
///
/// standard: c = 1. Weights ~ N(0, 1/fan_in), in hidden layers with relu or gelu N(0, 2/fan_in).
/// inverse_sqrt_width ("NTK parametrization"): c = 1/sqrt(fan_in). Weights ~ N(0, 1), in hidden
/// layers with relu or gelu N(0, 2): the same function at the start, another metric on parameters.
///
/// Both: biases of hidden layers ~ N(0, 1/4), so that units are active at different places of
/// standardized inputs (with zero biases a tanh net starts odd, which costs rank); biases of the
/// output layer are 0. fan_in is the number of inputs of the layer, the bias not counted.
///
/// Without hidden layers all parameters start at 0: the training problem is then convex.
enum class Parametrization { standard, inverse_sqrt_width };

/// The precision of a computation inside kernels; parameters and results are double.
enum class Precision { float64, float32 };

/// A dense network x -> alpha (c_L W_L phi(... phi(c_1 W_1 x + b_1) ...) + b_L), c as at
/// Parametrization.
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
    /// The biases of the output layer of a network without hidden layers. Those with hidden layers
    /// have them always; a network without them has the standard parametrization and scale 1.
    bool intercept = true;
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  explicit Network(Options options);

  const Options& options() const { return options_; }
  Index parameter_count() const;  ///< n
  Index layer_count() const;      ///< hidden layers + 1
  /// Work of the outputs of `samples` rows in floating-point operations; a gradient is 3 times it.
  double forward_flops(Index samples) const;
  /// Start parameters from the stream "initialization" of the seed, drawn in storage order; the
  /// distribution is documented at Parametrization.
  Vector initial_parameters(std::uint64_t seed) const;
  /// Outputs (N, Q) on inputs (N, D), in blocks of bounded memory. Throws UsageError on a wrong
  /// number of parameters or columns.
  Matrix predict(const ConstVectorRef& parameters, const ConstMatrixRef& inputs) const;
  /// The same for the inputs (raw - mean) / scale of a linear network; see LinearModel. Throws
  /// UsageError also for a network that is not linear().
  Matrix predict(const ConstVectorRef& parameters, const SparseMatrix& raw, const Vector& mean,
                 const Vector& scale) const;
  /// No hidden layers, standard parametrization, output scale 1.
  bool linear() const;
  /// The network bound to inputs (N, D): the output model to train; a LinearModel where linear().
  /// Its linearization never forms J for apply, apply_adjoint, gram and normal;
  /// src/model/network_model.hpp says how.
  ///
  /// `sampled` is the precision in which batch_sum computes; all else is in double. In float32 g
  /// has relative errors of 1e-6 or so and takes half the time. A linear network is then bound as a
  /// network like any other, without what a LinearModel can do more; UsageError where it has no
  /// intercept.
  std::shared_ptr<const OutputModel> on(Matrix inputs,
                                        Precision sampled = Precision::float64) const;
  /// A linear network bound to inputs (N, D), or to (raw - mean) / scale; see LinearModel. Throws
  /// UsageError for a network that is not linear().
  std::shared_ptr<const LinearModel> linear_on(const ConstMatrixRef& inputs) const;
  std::shared_ptr<const LinearModel> linear_on(const SparseMatrix& raw, const Vector& mean,
                                               const Vector& scale) const;
  std::string description() const;  ///< "mlp:64,64" or "linear"

 private:
  void require_linear() const;
  void require_parameters(Index count) const;
  void require_inputs(Index columns) const;

  Options options_;
};

}  // namespace thalweg
