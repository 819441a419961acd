// The table of a linear model as its passes read it: rows z_i = [(x_i - mean) / scale, 1].
//
// A pass has the parameters in the table's own form, computes the outputs of a few rows, and adds
// the same rows, weighted, to sums in that form while they are in cache:
//
//   outputs        z = Z_b W'          (count, Q)
//   add_adjoint    sums += u' Z_b      u (count, Q)
//
// Dense tables keep the form as columns padded to whole registers, sparse ones apply mean and scale
// to it, so that the rows stay as they are.
#pragma once

#include <memory>

#include "thalweg/core/sparse.hpp"
#include "thalweg/model/linear_model.hpp"

namespace thalweg {

/// Parameters, or sums of rows, in the form of a table.
struct LinearForm {
  Matrix weights;    ///< shape as the table wants it
  Vector constants;  ///< (Q): added to every output; of sums: the sum of the rows' weights
};

class LinearRows {
 public:
  LinearRows(Index rows, Index columns, LinearModel::Options options);
  virtual ~LinearRows() = default;
  LinearRows(const LinearRows&) = delete;
  LinearRows& operator=(const LinearRows&) = delete;

  Index rows() const { return rows_; }                           ///< N
  Index columns() const { return columns_; }                     ///< D
  Index outputs_per_sample() const { return options_.outputs; }  ///< Q
  bool intercept() const { return options_.intercept; }
  Index parameter_count() const {
    return outputs_per_sample() * (columns_ + (intercept() ? 1 : 0));
  }

  virtual bool sparse() const = 0;
  virtual double numbers() const = 0;    ///< of the table that one pass reads
  virtual Index block_rows() const = 0;  ///< rows worth working on in cache
  /// First row of a part of the table; parts have about equal work.
  virtual Index first_row(int part, int parts) const = 0;
  /// Parts of one thread each.
  int parts() const;

  virtual LinearForm form_of(const ConstVectorRef& x) const = 0;
  virtual LinearForm zero_form() const = 0;
  /// The sums as a gradient in the parameters, g (n).
  virtual void gradient_of(const LinearForm& sums, VectorRef g) const = 0;

  virtual void outputs(Index first, Index count, const LinearForm& w, MatrixRef z) const = 0;
  virtual void add_adjoint(Index first, Index count, const ConstMatrixRef& u,
                           LinearForm& sums) const = 0;
  /// Asks the memory for part `piece` of the rows from `first` on, while the losses of `piece_rows`
  /// earlier rows are computed. A hint.
  virtual void prefetch(Index /*first*/, Index /*piece*/) const {}
  static constexpr Index piece_rows = 32;

  virtual void write_row(Index row, double* inputs) const = 0;  ///< without the constant, (D)
  virtual Vector squared_norms() const = 0;                     ///< without the constant, (N)
  /// sum_i h(i, q) z_ij^2, (D, Q), without the constant.
  virtual Matrix weighted_squares(const ConstMatrixRef& h) const = 0;

 private:
  Index rows_, columns_;
  LinearModel::Options options_;
};

std::shared_ptr<const LinearRows> dense_rows(const ConstMatrixRef& inputs,
                                             LinearModel::Options options);
std::shared_ptr<const LinearRows> sparse_rows(const SparseMatrix& raw, const Vector& mean,
                                              const Vector& scale, LinearModel::Options options);

}  // namespace thalweg
