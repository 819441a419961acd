// The Jacobian of a linear model: row (q, i) holds z_i at the parameters of output q, and 0
// elsewhere. So J J' has the block Z Z' for every output, and block (q, p) of J' S' S J is
// Z' diag(h) Z with h_i = (S_i' S_i)(q, p).
#pragma once

#include <memory>

#include "linear_rows.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg {

/// y = Z W' stacked, (N Q), and g = Z' U as parameters, (n); one pass over the table each.
void linear_outputs(const LinearRows& rows, const ConstVectorRef& x, VectorRef y);
void linear_adjoint(const LinearRows& rows, const ConstVectorRef& u, VectorRef g);

class LinearLinearization final : public Linearization {
 public:
  LinearLinearization(std::shared_ptr<const LinearRows> rows, const ConstVectorRef& x);

  Index parameter_count() const override { return rows_->parameter_count(); }
  Index output_count() const override { return outputs_.size(); }
  Index outputs_per_sample() const override { return rows_->outputs_per_sample(); }
  const Vector& outputs() const override { return outputs_; }
  void apply(const ConstVectorRef& v, VectorRef jv) const override;
  void apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const override;
  void rows(Index first, Index count, MatrixRef rows) const override;
  Vector row_norms() const override;
  Vector rows_times(const ConstVectorRef& v) const override;
  double row_numbers() const override;
  void gram(MatrixRef k) const override;
  void normal(const Matrix& root, MatrixRef h) const override;
  double apply_flops() const override;
  double gram_flops() const override;
  double normal_flops() const override;

 private:
  Index samples() const { return rows_->rows(); }
  Index width() const { return rows_->columns() + (rows_->intercept() ? 1 : 0); }
  Index block_rows() const;  ///< of z worth a matrix product
  /// z of the samples from `first` on as columns of `block`, (width, count).
  void write_block(Index first, MatrixRef block) const;
  /// Z' diag(weights) Z, (width, width), the lower triangle alone.
  Matrix weighted_normal(const Vector& weights) const;
  /// Writes such a matrix as block (q, p) of h, p <= q, of the parameters of two outputs.
  void write_normal_block(Index q, Index p, const Matrix& block, MatrixRef h) const;

  std::shared_ptr<const LinearRows> rows_;
  Vector outputs_;
};

}  // namespace thalweg
