// A symmetric tensor of order four as a sum of fourth powers, after
//
//   R. Ge, F. Huang, C. Jin, Y. Yuan: Escaping from saddle points: online stochastic gradient for
//   tensor decomposition, COLT 2015, arXiv:1503.02101,
//
// without their constraint:
//
//     f(u_1 ... u_r) = 1/2 | sum_j u_j^(x4) - T |^2,      T = sum_k a_k^(x4), a_k orthonormal
//
//   symbol  here                                  shape
//   U       the parameters, u_j one by one        (d, r), r <= d
//   A       components(), orthonormal columns     (d, r)
//
// Nothing of size d^4 is formed: with G = U'U, C = U'A and powers entry by entry,
//     f = (sum G^4 - 2 sum C^4 + r) / 2,   grad f = 4 (U G^3 - A (C^3)'),
//     H V = 4 (V G^3 + 3 U (G^2 o (V'U + U'V)) - 3 A (C^2 o V'A)').
// The sums cancel near a minimum, where f has an absolute rounding of about 1e-15.
//
// The global minimum is 0, at the a_k in any order and with any signs. U = 0 is stationary with
// H = 0, a degenerate point: no second-order certificate tells it from a minimum. The point with
// all u_j = (a_1 + ... + a_r) / r is a strict saddle for r >= 2: f = (r - 1/r^2) / 2, and
// directions that part the u_j towards single components have curvature -12 / r^2, the smallest
// eigenvalue. Gradient descent keeps equal u_j equal up to rounding.
//
// Derived here, with P = sqrt r + sqrt(2 F) >= |sum_j u_j^(x4)| >= sqrt(sum_j |u_j|^8):
//     |H|     <= 16 r^(1/4) P^(3/2) + 12 sqrt(2 F) P^(1/2)
//     |D^3 f| <= 144 r^(1/8) P^(5/4) + 24 sqrt(2 F) P^(1/4)
// from f'' = |R'|^2 + <R, R''> and f''' = 3 <R', R''> + <R, R'''> along a line, R the
// residual, with sum |u_j|^6 <= r^(1/4) P^(3/2) and |u_j|^2 <= P^(1/2).
#pragma once

#include <cstdint>

#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

class TensorDecompositionObjective final : public Objective,
                                           public TwiceDifferentiable,
                                           public SelfBounding {
 public:
  struct Options {
    Index size = 10;         ///< d >= 1
    Index rank = 3;          ///< r in 1 .. d
    std::uint64_t seed = 0;  ///< of the components: RandomStream(seed, "tensor-decomposition")
    void validate() const;   ///< throws UsageError naming every violated range
  };
  explicit TensorDecompositionObjective(const Options& options);

  Index dimension() const override { return components_.size(); }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  CurvatureBound curvature_bound() const override;
  double lower_bound() const override { return 0; }
  std::string description() const override;

  const Matrix& components() const { return components_; }
  /// The symmetric saddle: all u_j the mean of the components. For r = 1 it is the minimum.
  Vector start() const;

 private:
  Matrix components_;  // A
};

}  // namespace thalweg
