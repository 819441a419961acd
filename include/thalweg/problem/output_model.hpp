// A model as a map from parameters to stacked outputs, with its Jacobian as a linear operator.
#pragma once

#include <memory>
#include <string>

#include "thalweg/problem/output_loss.hpp"

namespace thalweg {

/// Jacobian and second derivatives of the outputs at one point, as two halves of one product. With
/// C = sum_i u_i d2 y_i / dx2, (n, n), for weights u (m) given once, the Hessian of L(y(x)) is
/// J' H_L J + C at u = dL/dy: `apply`, then the Hessian H_L of the loss, then `adjoint`, which
/// shares the work of the first half. One product at a time.
class OutputCurvature {
 public:
  virtual ~OutputCurvature() = default;
  OutputCurvature() = default;
  OutputCurvature(const OutputCurvature&) = delete;
  OutputCurvature& operator=(const OutputCurvature&) = delete;

  virtual void apply(const ConstVectorRef& v, VectorRef jv) = 0;  ///< J v, (n) -> (m)
  /// J' w + C v, (m) -> (n), with the v of the last `apply`.
  virtual void adjoint(const ConstVectorRef& w, VectorRef product) = 0;
};

/// The outputs y(x), shape (m), and their Jacobian J, shape (m, n), at one point x. Outputs of N
/// samples with Q outputs each are stacked output by output: entry q * N + i is output q of sample
/// i, so that y is an (N, Q) matrix by columns.
///
/// A derived class must give apply and apply_adjoint; rows, gram and normal have generic fallbacks
/// that form J in blocks of bounded memory. A class that knows more structure overrides them.
class Linearization {
 public:
  virtual ~Linearization() = default;
  Linearization() = default;
  Linearization(const Linearization&) = delete;
  Linearization& operator=(const Linearization&) = delete;

  virtual Index parameter_count() const = 0;              ///< n
  virtual Index output_count() const = 0;                 ///< m = N * Q
  virtual Index outputs_per_sample() const { return 1; }  ///< Q

  virtual const Vector& outputs() const = 0;  ///< y(x), (m)

  virtual void apply(const ConstVectorRef& v, VectorRef jv) const = 0;  ///< J v, (n) -> (m)
  virtual void apply_adjoint(const ConstVectorRef& u,
                             VectorRef jtu) const = 0;  ///< J' u, (m) -> (n)

  /// Rows first .. first+count-1 of J, written TRANSPOSED into `rows`, shape (n, count): column c
  /// is row first + c.
  virtual void rows(Index first, Index count, MatrixRef rows) const;
  /// Measured from the rows one by one, so that each number has the rounding of its own row alone:
  /// the norms of all rows, and J v; both (m).
  virtual Vector row_norms() const;
  virtual Vector rows_times(const ConstVectorRef& v) const;
  /// Numbers that each of them writes out; default m n.
  virtual double row_numbers() const;
  /// K = J J', shape (m, m); only the lower triangle is written.
  virtual void gram(MatrixRef k) const;
  /// H = J' S' S J, shape (n, n); only the lower triangle is written. `root` is the root S of the
  /// output metric, block diagonal with one (Q, Q) block S_i per sample, stored as an (m, Q) matrix
  /// with root(q * N + i, p) = S_i(q, p); an empty matrix means the identity.
  virtual void normal(const Matrix& root, MatrixRef h) const;

  void normal(MatrixRef h) const { normal(Matrix(), h); }

  /// Exact second derivatives with the weights u (m), where the model offers them
  /// (OutputModel::twice_differentiable), else null. Not to be used after this object.
  virtual std::unique_ptr<OutputCurvature> curvature(const ConstVectorRef& u) const;
  /// sum_i u_i (d2 y_i / dx2) v, (n). Throws UsageError where `curvature` is null.
  void curvature_product(const ConstVectorRef& u, const ConstVectorRef& v, VectorRef product) const;

  Matrix jacobian()
      const;  ///< J explicitly, (m, n): for small problems, checks and factorizations of J itself

  virtual bool exact() const {
    return true;
  }  ///< false: the Jacobian is measured by finite differences

  // Work of each operation in floating-point operations, for forecasts. Defaults count an explicit
  // J.
  virtual double apply_flops() const;
  virtual double gram_flops() const;
  virtual double normal_flops() const;
};

/// A model: parameters x (n) -> outputs y (m).
class OutputModel {
 public:
  virtual ~OutputModel() = default;
  OutputModel() = default;
  OutputModel(const OutputModel&) = delete;
  OutputModel& operator=(const OutputModel&) = delete;

  virtual Index parameter_count() const = 0;  ///< n
  virtual Index output_count() const = 0;     ///< m = N * Q
  virtual Index outputs_per_sample() const { return 1; }
  Index sample_count() const { return output_count() / outputs_per_sample(); }  ///< N

  virtual void outputs(const ConstVectorRef& x, VectorRef y) const = 0;
  /// The default measures the Jacobian by central differences, and says so (Linearization::exact()
  /// is false).
  virtual std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const;

  /// The outputs are linear in the parameters: J does not depend on x, and y(0) = 0.
  virtual bool linear() const { return false; }
  /// Linearizations offer exact second derivatives; those of a linear model are 0, so that they
  /// need not.
  virtual bool twice_differentiable() const { return linear(); }
  /// Of a linear model: the largest row norm of J. The default reads J in blocks of rows.
  virtual double largest_row_norm() const;
  /// Sum of the losses of a batch and its gradient in the parameters, g (n). Calls loss.batch_sum
  /// once, with the whole batch, unless loss.takes_parts(). The default works on all samples;
  /// models override it to work on the batch alone.
  virtual double batch_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                           VectorRef g) const;
  /// The mean instead. The default divides the sum, which is one more pass over g.
  virtual double batch_mean(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                            VectorRef g) const;
  virtual double batch_rounding() const;  ///< as FiniteSum::batch_rounding; default double

  /// As Objective::parameter_groups: the layers of a network.
  virtual std::vector<Index> parameter_groups() const { return {0}; }

  virtual double start_norm() const { return 0; }  ///< as Objective::start_norm

  virtual std::string description() const { return "model"; }
  virtual double forward_flops() const;  ///< work of outputs(); default 2 m n
};

/// A linearization that holds its Jacobian explicitly: what small user models return from
/// linearize().
class DenseLinearization final : public Linearization {
 public:
  DenseLinearization(Vector outputs, Matrix jacobian, Index outputs_per_sample = 1,
                     bool exact = true);

  Index parameter_count() const override { return jacobian_.cols(); }
  Index output_count() const override { return jacobian_.rows(); }
  Index outputs_per_sample() const override { return outputs_per_sample_; }
  const Vector& outputs() const override { return outputs_; }
  void apply(const ConstVectorRef& v, VectorRef jv) const override;
  void apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const override;
  void rows(Index first, Index count, MatrixRef rows) const override;
  bool exact() const override { return exact_; }

 private:
  Vector outputs_;
  Matrix jacobian_;
  Index outputs_per_sample_;
  bool exact_;
};

}  // namespace thalweg
