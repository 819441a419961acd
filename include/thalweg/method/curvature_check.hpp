// Whether a stationary point is of second order, asked by methods on their way; certificates
// measure it again.
#pragma once

#include "thalweg/linalg/smallest_eigenvalue.hpp"
#include "thalweg/run/method.hpp"

namespace thalweg {

/// The question lambda_min(H(x)) >= -threshold, with the price that may be paid.
struct CurvatureQuestion {
  double threshold = 0;          ///< sqrt(rho eps) > 0
  double hessian_lipschitz = 0;  ///< rho, for the error of difference products
  double smoothness = 0;         ///< l, likewise
  double failure_probability = 1e-3;
  /// 0: what the worst spectrum within [-l, l] needs, at most 1000 and at most 4e9 flops of
  /// orthogonalization.
  std::int64_t max_products = 0;
};

struct CurvatureAnswer {
  std::optional<bool> kept;      ///< absent: not decided
  double value = 0;              ///< Ritz value
  double lower = 0;              ///< lambda_min is at least that, with the probability
  Vector direction;              ///< unit, downhill or level: <g, v> <= 0
  std::int64_t evaluations = 0;  ///< gradients

  /// There is a way down: the answer is no, or undecided with a negative Ritz value.
  bool downhill() const;
};

/// From a start of the stream (seed, "curvature-check") at `position`, which moves on.
CurvatureAnswer check_curvature(const Objective& problem, const ConstVectorRef& x,
                                const ConstVectorRef& gradient, const CurvatureQuestion& question,
                                std::uint64_t seed, std::int64_t& position);

/// When to ask again: after a saddle was found, not within the ball on which the Hessian cannot
/// have lost its negative direction, and else at intervals that double, or grow eightfold where the
/// answer was yes.
struct CheckSchedule {
  std::int64_t wait = 0, interval = 1;  ///< steps
  Vector saddle;                        ///< (n) where it was found; empty: none
  double radius = 0;                    ///< of the ball around it

  bool due(const ConstVectorRef& x);  ///< counts a step
  void note(const CurvatureAnswer& answer, const CurvatureQuestion& question,
            const ConstVectorRef& x);
  void reset();  ///< the point is not stationary any more
  void visit(StateVisitor& visitor, const std::string& prefix);
};

}  // namespace thalweg
