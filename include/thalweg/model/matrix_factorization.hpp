// A symmetric matrix as the product of a factor with its transpose.
//
//     f(U) = 1/4 |U U' - M|_F^2
//
//   symbol  here                          shape
//   M       matrix(), symmetric           (d, d)
//   U       the parameters, row by row    (d, r), r <= d
//   lam     eigenvalues(), descending     (d)
//
//     grad f = (U U' - M) U,      H V = (V U' + U V') U + (U U' - M) V
//
// The stationary points are U = Q sqrt(Lam) R with r or fewer eigenvectors Q of positive
// eigenvalues and any orthogonal R. By Eckart and Young the best rank-r matrix keeps the r largest
// positive ones: the global minimum is 1/4 of the sum of the squares of all others. At another
// choice an eigenvalue lam_k that was left out may replace one that was taken, lam_i < lam_k, and
// lam_i - lam_k is an eigenvalue of the Hessian: all of them are strict saddles. U = 0 is one, with
// Hessian -M.
//
// With F0 = 1/4 |U U' - M|_F^2 the value itself, lam+ = max(0, lam_1) and |U|^2 <= lam+ + 2 sqrt
// F0:
//     |H| <= 2 lam+ + 6 sqrt F0,      |D^3 f| <= 6 |U| <= 6 sqrt(lam+ + 2 sqrt F0),
// derived here; curvature_bound() takes them at F0 = F + optimum().
#pragma once

#include <cstdint>
#include <vector>

#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

class MatrixFactorizationObjective final : public Objective,
                                           public TwiceDifferentiable,
                                           public SelfBounding {
 public:
  /// Throws UsageError for a matrix that is empty, not square, not finite or not symmetric (to
  /// 1e-12 of its largest entry), and for a rank outside 1 .. d. All eigenvalues are computed:
  /// O(d^3).
  MatrixFactorizationObjective(Matrix m, Index rank);

  Index dimension() const override { return m_.rows() * rank_; }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  CurvatureBound curvature_bound() const override;
  double lower_bound() const override { return optimum_; }  ///< the global minimum
  std::string description() const override;

  const Matrix& matrix() const { return m_; }
  Index rank() const { return rank_; }
  const Vector& eigenvalues() const { return eigenvalues_; }
  double optimum() const { return optimum_; }
  /// The stationary point of the eigenvectors with these numbers (0 .. d-1, of the largest
  /// eigenvalue first), one column sqrt(lam) q each; the other columns are zero. Throws UsageError
  /// for more numbers than columns, one that is repeated or out of range, or one of an eigenvalue
  /// that is not positive.
  Vector stationary_point(const std::vector<Index>& eigenvectors) const;
  /// Entries N(0, s^2) with s = scale * 0.01 sqrt(lam+ / d) (1 for lam+ = 0), row by row from
  /// RandomStream(seed, "matrix-factorization start"); scale 0 is the saddle U = 0.
  Vector start(std::uint64_t seed, double scale = 1) const;

 private:
  Matrix m_;
  Index rank_;
  Vector eigenvalues_;
  double optimum_ = 0;
};

/// A symmetric matrix with eigenvalues r + 2, r + 1 ... 3, then 2, then evenly from 1 to 0.05 (as
/// many of them as fit in d) and eigenvectors uniform over the orthogonal matrices, from
/// RandomStream(seed, "matrix-factorization"). Throws UsageError unless 1 <= r <= d.
Matrix factorization_matrix(Index size, Index rank, std::uint64_t seed);

}  // namespace thalweg
