// A symmetric low-rank matrix from some of its entries.
//
//     f(U) = 1/(4 p) sum over observed (i, j) of ((U U')_ij - M_ij)^2,     p = observed / d^2
//
//   symbol  here                                             shape
//   U       the parameters, row by row, rows u_i             (d, r)
//   (i,j)   observed entries, with (j, i): both count
//   E       the residuals there, 0 elsewhere                 (d, d)
//
// A sample is a pair (i, j), (j, i) or a diagonal entry: N of them. The sum over the entries,
// divided by their share: with all observed it is the factorization of matrix_factorization.hpp,
// and of entries at random its mean.
//
//     grad f = E U / p,      H V = (P(V U' + U V') U + E V) / p,      P keeps observed entries
//
// Where the whole diagonal is observed the value bounds every row, |u_i|^2 = M_ii + E_ii, and with
//     c(F) = max_j sum_{i observed with j} max(0, M_ii) + 2 sqrt(k p F),
// k the most observed entries of a row, the curvature (derived here):
//     |H| <= (2 c(F) + 2 sqrt(p F)) / p,      |D^3 f| <= 6 sqrt(c(F)) / p.
// A row without its diagonal entry can be large at no cost: nothing is proved there.
//
// Of generated data the minimum is 0. U = 0 is a strict saddle; with few entries observed, or some
// rows much larger than others, there are local minima above 0.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

class MatrixCompletionObjective final : public Objective,
                                        public FiniteSum,
                                        public TwiceDifferentiable,
                                        public SelfBounding {
 public:
  /// M_ij = M_ji = value.
  struct Entry {
    Index row = 0, column = 0;
    double value = 0;
  };
  /// Throws UsageError for no entries, for entries outside the matrix, given twice or not finite,
  /// and for a rank outside 1 .. size.
  MatrixCompletionObjective(Index size, Index rank, std::vector<Entry> entries);

  Index dimension() const override { return size_ * rank_; }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override;
  Index sample_count() const override { return static_cast<Index>(entries_.size()); }
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  /// Source::none unless the whole diagonal is observed.
  CurvatureBound curvature_bound() const override;
  double lower_bound() const override { return 0; }
  std::string description() const override;

  Index size() const { return size_; }
  double observed_share() const { return share_; }  ///< p
  /// Entries N(0, s^2) with s = scale * 0.01 sqrt(t / r), t the mean of the positive parts of the
  /// observed diagonal (1 without one), from RandomStream(seed, "matrix-completion start"); scale 0
  /// is the stationary point U = 0.
  Vector start(std::uint64_t seed, double scale = 1) const;

 private:
  class Curvature;
  /// The sum over one sample, not yet divided by 4 p; adds its part of the gradient, times `scale`.
  double add_sample(const Entry& entry, const ConstVectorRef& x, double scale, VectorRef g) const;

  Index size_, rank_;
  std::vector<Entry> entries_;  // row <= column
  double share_ = 1;
};

struct MatrixCompletionOptions {
  Index size = 30;                 ///< d >= 1
  Index rank = 2;                  ///< r in 1 .. d
  std::optional<Index> samples{};  ///< pairs i < j observed, 0 .. d (d - 1) / 2; absent: half
  std::uint64_t seed = 0;
  void validate() const;  ///< throws UsageError naming every violated range
};

struct MatrixCompletion {
  std::shared_ptr<const MatrixCompletionObjective> objective;
  Vector truth;  ///< U with M = U U': a global minimum, f = 0
};

/// M = U U' with entries N(0, 1/d) of U, then the observed pairs, distinct and uniform, both from
/// RandomStream(seed, "matrix-completion"). The diagonal is always observed.
MatrixCompletion matrix_completion(const MatrixCompletionOptions& options);

}  // namespace thalweg
