// Is the point a minimum, or a saddle? The second-order certificate.
//
// Claim: x is a second-order stationary point, |grad f(x)| <= eps and
// lambda_min(H(x)) >= -sqrt(rho eps) (Nesterov & Polyak, Math. Program. 108, 2006), with rho the
// Lipschitz constant of the Hessian H near x.
//
// lambda_min is bounded from both sides by Lanczos from a random start
// (linalg/smallest_eigenvalue.hpp). From above by a Rayleigh quotient v'Hv, which proves curvature
// that is there: a refutation hangs on no chance. From below with probability 1 - q over the start,
// which no choice of the problem can defeat, since the start is drawn after it.
#pragma once

#include <cstdint>

#include "thalweg/certify/certificate.hpp"

namespace thalweg {

struct SecondOrderOptions {
  double eps = 1e-3;             ///< > 0, objective / parameter
  double hessian_lipschitz = 1;  ///< rho > 0, objective / parameter^3
  /// q in (0, 0.2]: of a claim that holds in error. The small default costs about a tenth more
  /// products than 1e-3.
  double failure_probability = 1e-6;
  int max_products = 500;  ///< Hessian products at most, >= 8
  double max_bytes = 1e9;  ///< of the Lanczos basis, 8 n (products + 1)
  /// Where the curvature refutes the claim the search goes on until `measured` is known to this,
  /// relative, by the estimate residual^2 / gap; 0: it ends at once.
  double accuracy = 1e-7;
  /// Where the claim holds, goes on to tell a minimum from a degenerate point, if the products left
  /// are enough for the curvature seen.
  bool classify = true;
  /// A guess of the direction of least curvature, (n), such as the last one known; empty: none. It
  /// is added to the random start, so that a bad guess costs products and nothing else.
  Vector guess = {};
  std::uint64_t seed = 0;  ///< of the stream "certify-second-order"

  double threshold() const;  ///< -sqrt(rho eps)
  void validate() const;     ///< throws UsageError naming every violated range at once
};

/// measured: the smallest Ritz value, to `accuracy` where the curvature refutes the claim and the
/// products suffice. bound: -sqrt(rho eps). confidence: 1 - q, or 1 where chance plays no part.
/// kind:
///
///     minimum-like              holds, and lambda_min > 0 beyond rounding
///     second-order stationary   holds, but H may be singular or slightly indefinite: degenerate,
///                               which is no minimum as far as second derivatives tell
///     saddle                    refuted: v'Hv < -sqrt(rho eps) along `direction` v
///     not stationary            refuted: |grad f| > eps. The curvature is not measured then
///     undecided                 `because` says why
///
/// Hessian products are exact where the problem offers them (problem/hessian.hpp), and then
/// compared with differences of gradients along the direction found; else central differences,
/// whose estimated error widens both bounds. A threshold within the bounds is undecided. Throws
/// UsageError for options out of range.
Certificate certify_second_order(const Objective& problem, const ConstVectorRef& x,
                                 const SecondOrderOptions& options = {});

/// The most that it costs, in gradients of the objective: a forecast.
std::int64_t second_order_cost(const Objective& problem, const SecondOrderOptions& options = {});

struct SampledSecondOrderOptions {
  double eps = 1e-3;                  ///< > 0, objective / parameter
  double hessian_lipschitz = 1;       ///< rho > 0, objective / parameter^3
  double failure_probability = 1e-3;  ///< q in (0, 0.2]: of a false verdict
  Index batch = 1024;                 ///< b >= 1 samples a batch, drawn with replacement
  int batches = 16;                   ///< k >= 8 independent batches
  int max_products = 100;             ///< Hessian products of one batch at most, >= 8
  double max_bytes = 1e9;             ///< of the Lanczos basis, 8 n (products + 1)
  std::uint64_t seed = 0;             ///< of the streams "certify-sampled..."

  double threshold() const;  ///< -sqrt(rho eps)
  void validate() const;     ///< throws UsageError naming every violated range at once
};

/// second-order from batches, for problems whose full gradient costs too much. The gradient as by
/// certify_first_order_sampled, of 2 k batches. The curvature from k batches with Hessians H_j,
/// each with mean H [derived here]:
///
///     lambda_min is concave, so that E lambda_min(H_j) <= lambda_min(H) by Jensen's inequality:
///     the lower end of Student's interval of the mean of lambda_min(H_j), each bounded from below
///     by Lanczos, is a lower bound of lambda_min(H);
///     v'Hv >= lambda_min(H) for every unit v: with the Ritz vector v of a batch of 4 b samples
///     that is independent of the others, the upper end of the interval of the mean of v'H_j v is
///     an upper bound.
///
/// A third of q each for the gradient, the two intervals' ends used by either verdict, and the k
/// searches. The bounds meet only as batches grow: lambda_min(H_j) lies below lambda_min(H) by
/// about the noise of H_j, which falls like sqrt(n / b). Assumed is that means of batches are near
/// normal. Hessian products are central differences of batch gradients.
///
/// measured: the mean of v'H_j v, an estimate of v'Hv. lower_bound: as above. products: of batches;
/// evaluations: all samples drawn over the samples of the problem, rounded up. kind as above.
/// Throws UsageError for options out of range, and where the problem is no FiniteSum.
Certificate certify_second_order_sampled(const Objective& problem, const ConstVectorRef& x,
                                         const SampledSecondOrderOptions& options = {});

}  // namespace thalweg
