// The loss as a function of the stacked outputs.
#pragma once

#include <optional>
#include <string>

#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// A function of the outputs of a batch: all that a model asks of a loss for the gradient of a
/// batch.
class BatchLoss {
 public:
  virtual ~BatchLoss() = default;
  BatchLoss() = default;
  BatchLoss(const BatchLoss&) = delete;
  BatchLoss& operator=(const BatchLoss&) = delete;

  virtual Index output_count() const = 0;                 ///< m = N * Q, of all samples
  virtual Index outputs_per_sample() const { return 1; }  ///< Q
  Index sample_count() const { return output_count() / outputs_per_sample(); }  ///< N

  /// The samples of a batch alone, b of them: y and gy, shape (b * Q), are stacked output by output
  /// over the batch. Returns the SUM of their losses (N L is the sum over all samples) and writes
  /// its gradient.
  virtual double batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const = 0;
  /// A batch may be given in parts, in any order and by several threads at once. Otherwise
  /// batch_sum is called once, with the whole batch.
  virtual bool takes_parts() const { return false; }
};

/// A loss L(y) of the stacked outputs y, shape (m), m = N * Q; the mean over the N samples. Convex,
/// unless convex() says otherwise. Its Hessian is block diagonal: one (Q, Q) block per sample.
class OutputLoss : public BatchLoss {
 public:
  bool takes_parts() const override { return true; }
  virtual double value(const ConstVectorRef& y) const = 0;
  virtual void gradient(const ConstVectorRef& y, VectorRef gy) const = 0;  ///< dL/dy, (m)
  virtual bool convex() const { return true; }
  /// H v with the Hessian H of L itself, which is indefinite where L is not convex. For Newton
  /// steps and checks.
  virtual void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                               VectorRef hv) const = 0;
  /// ln L(y), meaningful also where L(y) underflows. The default is the logarithm of value(y).
  virtual double log_value(const ConstVectorRef& y) const;
  /// The loss of each sample, losses (N); their mean is value(y).
  void sample_losses(const ConstVectorRef& y, VectorRef losses) const;
  /// The same for the samples of a batch, losses (b); y as in batch_sum. The default calls
  /// batch_sum for one sample after the other.
  virtual void batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const;
  /// The Hessian at y as an operator on (m), for many products at one y. The default keeps y and
  /// calls hessian_product. It stays valid as long as the loss.
  virtual std::unique_ptr<Hessian> hessian(const ConstVectorRef& y) const;
  /// A root S of a positive semidefinite matrix S'S, in the layout of Linearization::normal: (m,
  /// Q). For Gauss-Newton models and the metric of a flow. S'S is the Hessian; or a bound of L from
  /// above,
  ///     L(y + v) <= L(y) + dL'v + v' S'S v / 2   for every v,
  /// where the Hessian is indefinite, or 0 where the gradient is not (robust losses).
  virtual Matrix hessian_root(const ConstVectorRef& y) const = 0;

  /// h where the Hessian is h times the identity everywhere (squared loss: 1/N), else absent.
  virtual std::optional<double> constant_hessian() const { return std::nullopt; }
  /// The minimiser in output space and the loss there, where they exist (squared loss: the targets,
  /// 0).
  virtual std::optional<Vector> minimizer() const { return std::nullopt; }
  virtual double strong_convexity() const { return 0; }  ///< nu >= 0 with L nu-strongly convex
  virtual double lower_bound() const { return 0; }       ///< a proved lower bound of L

  virtual bool attains_infimum() const { return true; }  ///< as Objective::attains_infimum

  virtual std::string description() const = 0;
};

/// Products with a block-diagonal root S in the layout of Linearization::normal; an empty root is
/// the identity.
void apply_root(const Matrix& root, const ConstVectorRef& v, VectorRef sv);           ///< S v
void apply_root_adjoint(const Matrix& root, const ConstVectorRef& v, VectorRef stv);  ///< S' v

}  // namespace thalweg
