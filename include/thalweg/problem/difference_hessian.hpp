// The Hessian of any objective, from differences of gradients.
#pragma once

#include "thalweg/problem/objective.hpp"

namespace thalweg {

enum class Differences { forward, central };

/// H v by differences of gradients along v, with the rounding eps of the problem's gradients:
///
///     forward  (g(x + h v) - g(x)) / h,             h = sqrt(eps) (1 + |x|) / |v|
///     central  (g(x + h v) - g(x - h v)) / (2 h),   h = cbrt(eps) (1 + |x|) / |v|
///
/// (Nocedal & Wright, 2nd ed., section 8.1). Forward: one gradient per product, about half of the
/// digits where the third derivative is moderate. Central: two gradients and two thirds of the
/// digits where the fourth is. Products that leave the domain are not finite. The problem must
/// outlive this object.
class DifferenceHessian final : public Hessian {
 public:
  /// gradient (n) is g(x); central differences do not read it.
  DifferenceHessian(const Objective& problem, Vector x, Vector gradient,
                    Differences kind = Differences::forward);
  void apply(const ConstVectorRef& v, VectorRef hv) const override;
  int gradients_per_product() const override { return kind_ == Differences::central ? 2 : 1; }

  /// The least that rounding of x + h v leaves of a product, over the norm of H.
  double rounding() const;
  /// An estimate of |hv - H v| / |v| for hv = apply(v), at the cost of one more product: what
  /// doubling h changes, times a safety factor of 2, and at least rounding() |hv| / |v|. Truncation
  /// c h^p changes by (2^p - 1) c h^p and rounding r / h by r / (2 h) or so, so that either is
  /// covered [derived here].
  double product_error(const ConstVectorRef& v, const ConstVectorRef& hv) const;

 private:
  void difference(const ConstVectorRef& v, double h, VectorRef hv) const;

  const Objective& problem_;
  Vector x_, gradient_;
  Differences kind_;
  double scale_;  // h |v|
};

}  // namespace thalweg
