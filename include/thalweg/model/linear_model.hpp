// Linear models over dense and sparse tables, read once per pass.
#pragma once

#include <memory>

#include "thalweg/core/sparse.hpp"
#include "thalweg/problem/composite_objective.hpp"
#include "thalweg/problem/curvature_bound.hpp"

namespace thalweg {

class LinearRows;  // a table as its model reads it (private: src/model/linear_rows.hpp)

/// Outputs y = Z W' of rows z_i = [(x_i - mean) / scale, 1]: one row of W per output.
///
/// Parameters, shape (n), in the order of Network without hidden layers: the weights (Q, D) row by
/// row, then the Q intercepts where there are any.
///
/// A sparse table stays sparse: mean and scale are applied to the parameters, never to the rows.
class LinearModel final : public OutputModel {
 public:
  struct Options {
    Index outputs = 1;      ///< Q >= 1
    bool intercept = true;  ///< the constant column
  };
  /// inputs (N, D), as the model sees them; copied row by row. Throws UsageError for no rows or no
  /// outputs.
  LinearModel(const ConstMatrixRef& inputs, Options options);
  /// raw (N, D); input = (raw - mean) / scale, both (D), empty for 0 and 1. Throws UsageError also
  /// for a mean or scale of another size and for scales that are not positive.
  LinearModel(const SparseMatrix& raw, const Vector& mean, const Vector& scale, Options options);
  ~LinearModel() override;

  Index parameter_count() const override;
  Index output_count() const override;
  Index outputs_per_sample() const override;
  void outputs(const ConstVectorRef& x, VectorRef y) const override;
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override;
  bool linear() const override { return true; }
  double largest_row_norm() const override;
  double batch_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                   VectorRef g) const override;
  std::string description() const override { return "linear"; }
  double forward_flops() const override;

  Index inputs() const;  ///< D
  bool intercept() const;
  bool sparse() const;
  /// Squared norm of every row z_i, (N).
  Vector squared_row_norms() const;

  /// Sum of all losses, its gradient g (n), and the outputs y (m), in one pass over the table.
  double sum_and_gradient(const ConstVectorRef& x, const OutputLoss& loss, VectorRef g,
                          VectorRef y) const;
  double sum_and_gradient(const ConstVectorRef& x, const OutputLoss& loss, VectorRef g) const;
  /// Sum of all losses alone: the same bits as with its gradient.
  double sum(const ConstVectorRef& x, const OutputLoss& loss) const;
  /// Z' diag(h) Z v in one pass; h (N), v and product (n). Throws UsageError for Q > 1.
  void weighted_normal_product(const ConstVectorRef& h, const ConstVectorRef& v,
                               VectorRef product) const;
  /// sum_i h(i, q) z_ij^2 for every parameter (q, j), (n); h (N, Q): the diagonal of J' diag(h) J.
  Vector weighted_squares(const ConstMatrixRef& h) const;

 private:
  std::shared_ptr<const LinearRows> rows_;
};

/// f(x) = L(y(x)) + lambda/2 |x|^2 with a linear model: value and gradient in one pass over the
/// table, exact Hessian products. The penalty counts every parameter, intercepts included.
class LinearObjective final : public CompositeObjective,
                              public TwiceDifferentiable,
                              public SelfBounding {
 public:
  /// Throws UsageError when model and loss disagree, or for a negative or non-finite lambda.
  LinearObjective(std::shared_ptr<const LinearModel> model, std::shared_ptr<const OutputLoss> loss,
                  double ridge = 0);

  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override;
  double log_value(const ConstVectorRef& x) const override;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  /// For losses of classes with MarginLoss::growth(), else Source::none. With R the largest row
  /// norm and F = f, which is at least the mean loss (derived here): |H| <= R^2 second(F) + lambda,
  /// |D^3 f| <= R^3 third(F), and without a penalty |g| <= R first(F). Costs a pass over the table.
  CurvatureBound curvature_bound() const override;
  double ridge() const override { return ridge_; }
  std::string description() const override;

  const LinearModel& linear_model() const { return *linear_; }

 private:
  double penalty(const ConstVectorRef& x) const;
  /// Sum and gradient g of the losses of `count` samples as mean, with the penalty.
  double mean_with_penalty(const ConstVectorRef& x, double sum, double count, VectorRef g) const;

  std::shared_ptr<const LinearModel> linear_;
  double ridge_;
};

}  // namespace thalweg
