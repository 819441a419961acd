// The Hessian of any objective, from differences of gradients.
#pragma once

#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// H v by a forward difference of gradients, one gradient per product:
///
///     H v = (g(x + h v) - g(x)) / h,   h = sqrt(eps) (1 + |x|) / |v|
///
/// with the rounding eps of the problem's gradients
/// (Nocedal & Wright, 2nd ed., section 8.1). About half of the digits are right where the third
/// derivative is moderate. Products that leave the domain are not finite. The problem must outlive
/// this object.
class DifferenceHessian final : public Hessian {
 public:
  /// gradient (n) is g(x).
  DifferenceHessian(const Objective& problem, Vector x, Vector gradient);
  void apply(const ConstVectorRef& v, VectorRef hv) const override;

 private:
  const Objective& problem_;
  Vector x_, gradient_;
};

}  // namespace thalweg
