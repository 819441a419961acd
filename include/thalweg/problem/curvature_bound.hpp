// How large the curvature of an objective can be where its value is known: self-bounding
// regularity.
//
//   Y. Cao, F. Chen, A. Sridharan, W. Tang: arXiv:2503.04712 (2025), for the framework. The rules
//   and radii below are derived here.
//
// With F(x) = f(x) - f_low >= 0 and nondecreasing rho_1, rho_2 on [0, inf)
//
//   |H(x)| <= rho_1(F(x)),    |D^3 f(x)| <= rho_2(F(x))     spectral norms
//
// and from them |grad f(x)| <= rho_0(F(x)), rho_0(F) = sqrt(2 int_0^F rho_1): along the gradient
// flow d|g|^2 / dF <= 2 rho_1(F). Constant smoothness is rho_1 = L; (L0, L1)-smoothness is
// rho_1 = L0 + L1 rho_0; the logistic loss of rows of norm <= 1 is rho_1(F) = min(F, 1/4).
//
//   symbol  here                    unit
//   f_low   lower_bound()           objective
//   rho_1   hessian_norm(f)         objective / parameter^2
//   rho_2   third_derivative(f)     objective / parameter^3
//   rho_0   gradient_norm(f)        objective / parameter
//
// What follows:
//  - along -g: every step below 2 / rho_1(F) lowers f, and 1 / rho_1(F) by |g|^2 / (2 rho_1(F)).
//    If s were the first step that comes back to f(x), then F <= F(x) on the way, so that the
//    curvature there is at most rho_1(F(x)), which forbids it.
//  - in any direction: within a radius on which F cannot rise by more than `rise`, rho_1(F + rise)
//    and rho_2(F + rise) hold; see near() and at().
#pragma once

#include <functional>
#include <optional>

#include "thalweg/problem/curvature_envelope.hpp"
#include "thalweg/problem/generalized_smoothness.hpp"

namespace thalweg {

/// What bounds the curvature: one type for steps, forecasts and preflight.
class CurvatureBound {
 public:
  /// Where a bound comes from. measured: it held wherever it was measured, and may be refuted.
  enum class Source { none, constant, closed_form, generalized_smoothness, measured };
  using Growth = std::function<double(double gap)>;  ///< nondecreasing on [0, inf)

  /// |H| and |D^3 f| at most so much on the ball of that radius.
  struct Bound {
    double hessian_norm = 0, third_derivative = 0, radius = 0;
  };

  CurvatureBound() = default;  ///< nothing is known: every bound is infinite, every radius 0
  /// |H| <= l, |D^3 f| <= rho everywhere.
  static CurvatureBound constant(double l, double rho, double lower_bound = 0);
  /// From closed forms in the gap F = f - lower_bound. Without rho_0 it is integrated.
  static CurvatureBound self_bounding(Growth rho_1, Growth rho_2, double lower_bound = 0,
                                      Growth rho_0 = nullptr);
  /// |H| <= L0 + L1 |g|^alpha, the third derivative at most rho. rho_0 is the root G of
  /// int_0^G s / (L0 + L1 s^alpha) ds = F.
  static CurvatureBound generalized(const GeneralizedSmoothness& law, double rho,
                                    double lower_bound = 0);
  /// From what was measured on the way. A lower bound that is not finite is unknown: the gap is
  /// then taken as 1 + |f|.
  static CurvatureBound measured(const CurvatureEnvelope& envelope, double lower_bound = 0);

  Source source() const { return source_; }
  /// Proved for the whole sublevel set, not fitted to what was measured.
  bool proved() const { return source_ == Source::constant || source_ == Source::closed_form; }
  double lower_bound() const { return lower_bound_; }
  double gap(double value) const;  ///< F >= 0

  double hessian_norm(double value) const;      ///< rho_1, over all points of this value or below
  double third_derivative(double value) const;  ///< rho_2
  double gradient_norm(double value) const;     ///< rho_0

  /// On a ball of radius rise / rho_0(F + rise): there f rises by at most `rise` > 0.
  Bound near(double value, double rise = 1) const;
  /// The same where the gradient norm G is known, which allows a larger radius: on the ball of
  /// radius r with G r + rho_1(F + rise) r^2 / 2 = rise, since f cannot leave F + rise before.
  Bound at(double value, double gradient_norm, double rise = 1) const;

 private:
  Source source_ = Source::none;
  double lower_bound_ = 0;
  Growth rho_0_, rho_1_, rho_2_;
  std::optional<CurvatureEnvelope> envelope_;
};

const char* to_string(CurvatureBound::Source source);

/// Capability: the problem states its bound.
class SelfBounding {
 public:
  virtual ~SelfBounding() = default;
  /// Source::none where nothing is proved, as for a linear model with a loss that has no bound:
  /// what a class can state may depend on its parts.
  virtual CurvatureBound curvature_bound() const = 0;
};

}  // namespace thalweg
