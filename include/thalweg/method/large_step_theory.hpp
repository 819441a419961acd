// What is proved of large constant steps on separable data, as plain formulas: forecasts are made
// of these, runs are held against them.
//
//   [W]  J. Wu, P. Bartlett, M. Telgarsky, B. Yu: Large stepsize gradient descent for logistic
//        loss, COLT 2024, arXiv:2402.15926.
//   [Z]  R. Zhang, J. Wu, L. Lin, P. Bartlett: Minimax optimal convergence of gradient descent in
//        logistic regression via large and adaptive stepsizes, ICML 2025, arXiv:2504.04105.
//   [R]  J. Wu, P. Marion, P. Bartlett: Large stepsizes accelerate gradient descent for regularized
//        logistic regression, NeurIPS 2025, arXiv:2506.02336.
//
// Throughout L(w) = (1/n) sum_i ln(1 + exp(-y_i z_i'w)) over n rows z_i, R the largest |z_i|, and
//
//     gamma = max over |u| = 1 of min_i y_i z_i'u / R      in (0, 1],
//
// or any lower bound of it. The papers have R = 1; gradient descent with stepsize eta on the rows z
// is gradient descent with stepsize eta R^2 on z / R, with w R in place of w. Written with
//
//     E = eta R^2,     s(t) = gamma^2 E t,     ln+ = max(0, ln).
//
// Unless a docstring says otherwise: two classes, w_0 = 0, no penalty. Where gamma is 0 the bounds
// are infinite. ln_ in a name: the natural logarithm is returned, since the number may underflow.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg {

/// What the theorems know of a separable table.
struct SeparableRows {
  double margin = 0;    ///< gamma >= 0, of rows divided by R; a lower bound will do
  double row_norm = 1;  ///< R > 0
  Index samples = 1;    ///< n
};

// Constant stepsize.

/// ln of ((1 + ln+^2 s + E^2 / 4) / s) at s(t), a bound on the mean of L(w_0) ... L(w_{t-1}) for
/// every eta > 0 and t >= 1 [W, theorem 1]; ln+ for ln, without which it fails for small s.
double ln_average_loss_bound(const SeparableRows& rows, double eta, double steps);

/// (sqrt 2 + 2 ln+ s + E) / (gamma R) at s(t), a bound on |w_t| [W, lemma 9].
double parameter_norm_bound(const SeparableRows& rows, double eta, double steps);

/// ln of (sqrt 2 + 2 ln+ s + E) / s, a bound on the mean over t steps of the gradient potential
/// G(w) = (1/n) sum_i 1 / (1 + exp(y_i z_i'w)) [W, lemma 8].
double ln_average_potential_bound(const SeparableRows& rows, double eta, double steps);

/// 1 / E: once L(w_s) is at or below it, L falls at every later step [W, theorem 1].
double stable_loss(const SeparableRows& rows, double eta);

/// ln of ((2 F + ln+^2 s) / s) at s(steps), a bound on L `steps` steps after a w_s with L(w_s) at
/// most 1 / E; F = (1/n) sum_i exp(-y_i z_i'w_s) [W, theorem 1].
double ln_stable_loss_bound(const SeparableRows& rows, double eta, double steps, double potential);

/// tau = (60 / gamma^2) max(E, n, e, (1 + n / E) ln(1 + n / E)) in steps: some s <= tau has
/// L(w_s) <= 1 / E and F(w_s) <= min(1 / E, 1 / n) [W, theorem 1]. Measured transitions come far
/// earlier.
double transition_steps(const SeparableRows& rows, double eta);

/// ln of a bound on the smallest of L(w_0) ... L(w_T), for every eta > 0 and T >= 0: the least of
/// ln 2 (the start), the average bound over T + 1 iterates and, for T > tau, the stable bound from
/// a transition at the worst step up to tau. For T > tau the last two also hold for L(w_T).
double ln_best_loss_bound(const SeparableRows& rows, double eta, double steps);

/// gamma^2 T / (120 R^2), with which T steps pass the transition by T / 2 and end at
/// O(ln^2 T / (gamma^4 T^2)), for T >= 120 max(e, n) / gamma^2 [W, corollary 2].
double proved_stepsize(const SeparableRows& rows, double steps);
/// gamma^2 T / (4 R^2): the same rule with the constant that works in practice; not proved.
double practical_stepsize(const SeparableRows& rows, double steps);

// Softmax-weighted steps, large-step-adaptive [Z; the form and the proof of this header].

/// A bound on ln L at the mean of w_0 ... w_{t-1}, for every eta > 0 and t >= 1:
///
///     ln(K - 1) - (E / 2)(gamma^2 t - c),   c = 1 for K = 2 classes, 2 for more.
///
/// L is the mean over samples of sum exp(-margin) over the K - 1 margins of a sample, which bounds
/// the logistic loss from above; gamma is that of SeparabilityReport (|W|_F = 1).
///
/// Proof. phi = ln L is convex, phi(0) = ln(K - 1). Its gradient is minus a convex combination of
/// margin directions a (z_i for two classes; for more z_i in one block and -z_i in another, so that
/// |a|^2 = 2 |z_i|^2): |grad phi|^2 <= c R^2, and <grad phi, u> <= -gamma R for the unit separator
/// u. Compare with v = (a + b) u, b = eta c R / (2 gamma), a >= 0: the part b cancels
/// eta^2 |grad phi|^2, so the mean of phi over t steps is at most
/// ln(K - 1) - gamma R a + (a + b)^2 / (2 eta t), least at a + b = gamma R eta t. By convexity it
/// bounds phi at the mean. Where that a is negative (gamma^2 t < c / 2), a = 0 is used.
double ln_adaptive_loss_bound(const SeparableRows& rows, int classes, double eta, double steps);

/// The steps after which that bound is at or below ln_target.
double adaptive_steps(const SeparableRows& rows, int classes, double eta, double ln_target);

// With a penalty (lambda / 2) |w|^2, lambda > 0 [R]. The papers' constants C1, C3 are not published
// as numbers; C1 = C3 = 1 here. So these are rules to be judged by their runs, not promises.

/// min(gamma / (R sqrt(lambda)), gamma^2 / (n lambda)): the accelerated stepsize, where
/// lambda <= R^2 gamma^2 / (n ln n); beyond it (gamma^2 / (lambda R^4))^(1/3), for
/// lambda <= R^2 gamma^2; beyond that the classical 1 / (R^2 / 4 + lambda).
double ridge_stepsize(const SeparableRows& rows, double ridge);
/// Steps until the value is within `gap` of the minimum: max(E, n, n ln+ n / E) / gamma^2 of
/// oscillation, then ln(1 / gap) / (lambda eta) of linear convergence.
double ridge_steps(const SeparableRows& rows, double ridge, double eta, double gap);

// One fresh sample per step, at confidence 1 - delta [W, theorem 4].

/// ln of a bound on the mean over t steps of the population loss.
double ln_sgd_loss_bound(const SeparableRows& rows, double eta, double steps, double delta);
/// A bound on the mean over t steps of the population 0-1 error.
double sgd_error_bound(const SeparableRows& rows, double eta, double steps, double delta);

// Two layers in the tangent-kernel regime: f(x) = m^{-1/2} sum_s a_s relu(x'w^(s)), a_s = +-1
// fixed, w_0 standard normal, margin gamma of the tangent rows at infinite width [W, theorem 6].

/// ln of the width m that the theorem asks for with T steps of stepsize eta at confidence
/// 1 - delta: ((30 B^{1/3} + 10 ln^{1/4}(n / delta)) / gamma)^6 with the radius
/// B = 6 (sqrt(1 + ln+^2 s) + C_a + sqrt(2 ln(2 n / delta)) + E) / gamma. C_a, a constant of the
/// paper that was not available to us, is taken as 1.
double ln_tangent_width(const SeparableRows& rows, double eta, double steps, double delta);
/// Largest distance |w_t - w_0| R that the theorem allows over T steps: B.
double tangent_radius(const SeparableRows& rows, double eta, double steps, double delta);
/// max(E, n ln+ n) / gamma^2: steps to the stable phase, up to the theorem's constant.
double tangent_transition_steps(const SeparableRows& rows, double eta);

}  // namespace thalweg
