// Functions of one number on which rates of descent are known in closed form.
//
//   name    f(x)          start   f'(x)                  f''(x)
//   power   |x|^p         1       p |x|^(p-1) sign x     p (p-1) |x|^(p-2)
//   cosh    2 cosh x - 2  10      2 sinh x               2 cosh x
//
// |x|^p satisfies |f'|^rho = 2 mu f with rho = p/(p-1), 2 mu = p^rho, and its curvature is
// p (p-1) (|f'|/p)^alpha with alpha = (p-2)/(p-1): steps of gamma f'/|f'|^beta converge like
// t^(-rho/(2-beta-rho)) for beta < 2 - rho, linearly at beta = 2 - rho, and faster, but only down
// to a floor, beyond. The curvature of cosh is at most 2 + |f'|.
//
// In terms of the value F = f (derived here; each holds with equality):
//
//   name    |f'|                 f''                        |f'''|
//   power   p F^((p-1)/p)        p (p-1) F^((p-2)/p)        p (p-1) (p-2) F^((p-3)/p)
//   cosh    sqrt(F^2 + 4 F)      F + 2                      sqrt(F^2 + 4 F)
//
// For 2 < p < 3 the third derivative of |x|^p has no bound at 0, and no closed form is stated.
//
// Values, derivatives and ln f have all their digits for every x at which they are in the range of
// a double.
#pragma once

#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// |x|^p, n = 1; minimum 0 at 0.
class PowerObjective final : public Objective, public TwiceDifferentiable, public SelfBounding {
 public:
  /// Throws UsageError unless p is finite and at least 2.
  explicit PowerObjective(double exponent = 4);

  Index dimension() const override { return 1; }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  double log_value(const ConstVectorRef& x) const override;  ///< p ln|x|
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  CurvatureBound curvature_bound() const override;  ///< Source::none for 2 < p < 3
  double lower_bound() const override { return 0; }
  std::string description() const override;

  double exponent() const { return exponent_; }
  static Vector start() { return Vector::Constant(1, 1); }

 private:
  double exponent_;
};

/// 2 cosh x - 2, n = 1, computed as 4 sinh^2(x/2); minimum 0 at 0.
class CoshObjective final : public Objective, public TwiceDifferentiable, public SelfBounding {
 public:
  Index dimension() const override { return 1; }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  double log_value(const ConstVectorRef& x) const override;  ///< finite also where f overflows
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  CurvatureBound curvature_bound() const override;
  double lower_bound() const override { return 0; }
  std::string description() const override;

  static Vector start() { return Vector::Constant(1, 10); }
};

}  // namespace thalweg
