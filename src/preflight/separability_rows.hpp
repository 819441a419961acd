// The margins of a classification problem as inner products with rows of its Jacobian. Private.
#pragma once

#include "thalweg/problem/margin_loss.hpp"
#include "thalweg/problem/output_model.hpp"

namespace thalweg::separability {

/// N samples of Q outputs, m = N * Q, n parameters; everything divided by the largest row norm R.
///
/// A margin is named by the output entry q * N + i it is measured against: with two classes the one
/// output of sample i, its row m = s_i z_i; with more, class q != label, m = z_label - z_q. The
/// entries of the labels themselves are no margins.
class MarginRows {
 public:
  MarginRows(const Linearization& rows, const MarginLoss& loss);

  Index dimension() const { return rows_.parameter_count(); }
  Index entries() const { return rows_.output_count(); }
  Index samples() const { return samples_; }
  Index sample(Index entry) const { return entry % samples_; }
  bool is_margin(Index entry) const {
    return loss_.classes() == 2 || entry / samples_ != loss_.label(sample(entry));
  }
  const MarginLoss& loss() const { return loss_; }
  const Linearization& rows() const { return rows_; }

  bool finite() const { return finite_; }
  double row_norm() const { return row_norm_; }  ///< R; 0 where all rows are zero
  /// A bound of |m|, in units of R.
  double margin_row_norm(Index entry) const;
  double output_row_norm(Index entry) const { return norms_[entry] / row_norm_; }

  /// y = J u / R, (m), by one product.
  Vector outputs(const ConstVectorRef& u) const;
  /// Margins of outputs y (m) by entry; infinite at the labels' own.
  Vector margins(const ConstVectorRef& y) const;
  /// g = J' c / R, (n), by one product.
  Vector combine(const ConstVectorRef& c) const;
  /// c with J' c = sum of weights times margin rows, (m).
  Vector output_weights(const std::vector<Index>& entries, const ConstVectorRef& weights) const;

  Vector margin_row(Index entry) const;    ///< m / R, (n), from the row itself
  Matrix sample_rows(Index sample) const;  ///< the rows of all outputs, unscaled, (n, Q)

  /// Margins measured from every row itself, product by product.
  struct Measured {
    double smallest;
    bool above_rounding;  ///< every one exceeds the rounding of its own product
  };
  Measured measure(const ConstVectorRef& u) const;

  double product_flops() const;  ///< work of outputs() or combine()

 private:
  const Linearization& rows_;
  const MarginLoss& loss_;
  Index samples_;
  Vector norms_;  // (m), of the rows of J
  double row_norm_ = 0;
  bool finite_ = true;
};

}  // namespace thalweg::separability
