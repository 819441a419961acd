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

/// measured: the smallest Ritz value, to 1e-6 relative where the claim is refuted and the products
/// suffice. bound: -sqrt(rho eps). confidence: 1 - q, or 1 where chance plays no part. kind:
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

}  // namespace thalweg
