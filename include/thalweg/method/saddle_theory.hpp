// What perturbed gradient descent needs, derived from a bound of the curvature and a target.
//
//   C. Jin, P. Netrapalli, R. Ge, S. Kakade, M. Jordan: On nonconvex optimization for machine
//   learning: gradients, stochasticity, and saddle points, J. ACM 68 (2021), theorem 18, in the
//   form of A. Bodard, P. Patrinos, arXiv:2509.15817, equations (12) and (13).
//
// With l, rho bounds of |H| and |D^3 f| at the level f(x0) + 2, D = f(x0) - f_low, n parameters, a
// target eps and a failure probability delta:
//
//     eta   = 1 / l
//     chi   = max(1, log2( l sqrt(n) D / (sqrt(rho) eps^(5/2) delta) ))
//     r     = eps / (400 chi^3)                   radius, in units of the gradient: x += eta xi
//     T     = ceil( chi l / sqrt(rho eps) )       waiting time
//     F     = sqrt(eps^3 / rho) / (50 chi^3)      required decrease
//     S     = sqrt(eps / rho) / (4 chi)           what a run that gains less than F can travel
//
// The absolute constant in chi that no source gives is taken as 1, so that the probability is that
// of the theorem up to it. Every round of T steps that does not end the run gains F, and every step
// with |g| > eps gains eta eps^2 / 2: at most 2 D / (eta eps^2) + T (D / F + 1) steps (derived
// here).
//
// practical: r = l sqrt(eps / rho) / 8 (a displacement of sqrt(eps / rho) / 8), the waiting time
// with ln(16 sqrt(n) / delta) in the place of chi, F without chi. No theory stands behind these;
// the second-order certificate says what was reached.
#pragma once

#include <optional>

#include "thalweg/problem/curvature_bound.hpp"

namespace thalweg {

/// Second-order stationarity with this eps: |g| <= eps and lambda_min(H) >= -sqrt(rho eps).
double curvature_tolerance(double eps, double rho);

/// l, rho and the gap at a level, with the radius on which they hold.
struct SaddleConstants {
  double smoothness = 0;         ///< l, objective / parameter^2
  double hessian_lipschitz = 0;  ///< rho, objective / parameter^3
  double gap = 0;                ///< D = f(x0) - f_low >= 0; where f_low is unknown 1 + |f(x0)|
  double radius = 0;             ///< on balls around points of the level f(x0) + 1
  bool proved = false;           ///< else measured: methods verify their steps
  CurvatureBound::Source source = CurvatureBound::Source::none;
};
/// rho is at least what makes sqrt(rho eps) a share of l: waiting times grow with l / sqrt(rho
/// eps), and f may have hardly any third derivative. A millionth where rho is proved; a hundredth
/// where it was measured, since a third derivative may be met further on.
double least_hessian_lipschitz(double smoothness, double eps, bool proved);

/// At the level value + 2. `lower_bound` of the problem; not finite: unknown.
SaddleConstants saddle_constants(const CurvatureBound& bound, double value, double lower_bound,
                                 double eps);

enum class SaddlePreset { published, practical };

struct PerturbationRule {
  double stepsize = 0;   ///< eta
  double chi = 0;        ///< 0: practical
  double radius = 0;     ///< r, objective / parameter
  double waiting = 0;    ///< T, steps
  double decrease = 0;   ///< F, objective
  double travel = 0;     ///< S, parameters
  double threshold = 0;  ///< sqrt(rho eps)
  double steps = 0;      ///< at most so many, with the probability; practical: not proved
  bool within = false;   ///< S + eta r fits into the radius on which the constants hold
};
PerturbationRule perturbation_rule(const SaddleConstants& constants, double dimension, double eps,
                                   double failure_probability, SaddlePreset preset);

/// What restarted SGD needs; formulas and symbols in method/restarted.hpp. `variance` is that of
/// the mean gradient of a batch, the added noise included; radius R, 0: sqrt(eps / rho).
struct RestartRule {
  double stepsize = 0;  ///< eta
  double radius = 0;    ///< R, parameters
  double waiting = 0;   ///< K, updates
};
RestartRule restart_rule(const SaddleConstants& constants, double dimension, double eps,
                         double failure_probability, double variance, double radius,
                         SaddlePreset preset);

/// Descent along a unit vector v of curvature -c, f falling along it or level: the length 2 c / rho
/// gains at least 2 c^3 / (3 rho^2) (derived here from the cubic bound).
double curvature_step(double c, double rho);
double curvature_gain(double c, double rho);

}  // namespace thalweg
