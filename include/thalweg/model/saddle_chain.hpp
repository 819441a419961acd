// A chain of d strict saddles that has to be passed one after the other, after
//
//   S. Du, C. Jin, J. Lee, M. Jordan, B. Poczos, A. Singh: Gradient descent can take exponential
//   time to escape saddle points, NeurIPS 2017, arXiv:1705.10412.
//
// With i the first index where |x_i| < 2 tau, tau = e, published is
//
//   coordinate     contributes
//   before i       L (|x| - 4 tau)^2 - nu
//   i              -gamma x_i^2 for |x_i| <= tau, else g1(|x_i|) + g2(|x_i|) x_{i+1}^2
//   i + 1          L x^2 for |x_i| <= tau, else the last term above
//   after i + 1    L x^2
//
//   g1(tau) = -gamma tau^2,  g1' linear from -2 gamma tau at tau to -4 L tau at 2 tau
//   g2      = L - (gamma + L) s(|x_i|),   s(r) = 3 u^2 - 2 u^3,  u = r / tau - 1 cut to [0, 1]
//   nu      = 4 L tau^2 - g1(2 tau) = (6 L + 2 gamma) tau^2
//
// These pieces fit together where |x_{i+1}| <= tau while tau < |x_i| < 2 tau, as on the way of a
// descent, and jump elsewhere. Derived here: with h the pieces of one coordinate, -gamma x^2, g1,
// L (|x| - 4 tau)^2 - nu,
//
//     f(x) = sum_i w_i h(|x_i|) + (1 - w_i) L x_i^2,      w_1 = 1,  w_{i+1} = w_i s(|x_i|)
//
// equals them there and is C^1 everywhere. Since h >= -nu and w_i in [0, 1], f >= -d nu, and equal
// where all |x_i| = 4 tau: those 2^d points are the global minima. Strict saddles, d up to signs:
// the first k < d coordinates at +-4 tau, the others 0; smallest eigenvalue -2 gamma.
//
// Gradient descent with stepsize 1/(8 L) stays at each saddle longer than at the one before by the
// same factor, since all later coordinates shrink meanwhile. The Hessian jumps where pieces meet,
// so that no bound of a third derivative holds: there is no closed form, see CurvatureEnvelope.
#pragma once

#include <cstdint>

#include "thalweg/problem/objective.hpp"

namespace thalweg {

class SaddleChainObjective final : public Objective, public TwiceDifferentiable {
 public:
  struct Options {
    Index dimension = 8;    ///< d >= 1, the number of saddles
    double smoothness = 2;  ///< L > 0
    double escape = 1;      ///< gamma > 0
    void validate() const;  ///< throws UsageError naming every violated range
  };
  explicit SaddleChainObjective(Options options);

  Index dimension() const override { return options_.dimension; }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  /// That of the piece at x; where two meet, of the one farther from 0.
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  double lower_bound() const override;  ///< -d nu, the global minimum
  std::string description() const override;

  static double tau();
  double stepsize() const { return 1 / (8 * options_.smoothness); }  ///< the published one
  /// Saddles passed: how many coordinates from the first on are at or beyond 2 tau.
  Index passed(const ConstVectorRef& x) const;
  /// Uniform in [0.1, 1]^d, as published, from RandomStream(seed, "saddle-chain").
  Vector start(std::uint64_t seed) const;

 private:
  struct Pieces;
  Options options_;
};

}  // namespace thalweg
