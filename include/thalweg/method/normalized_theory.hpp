// What is proved of normalized gradient steps where the curvature grows with the gradient, as plain
// formulas: forecasts are made of these, runs are held against them.
//
//   [Y]  Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou: Adaptive gradient normalization and
//        independent sampling for (stochastic) generalized-smooth optimization, TMLR 2025,
//        arXiv:2410.14054: the problem class and the step. The constants here are proved in this
//        header, not taken from there.
//
// The step is x+ = x - gamma g / |g|^beta with g = grad f(x), 0 <= beta <= 1, gamma > 0. Assumed:
//
//   generalized smoothness   |H| <= L0 + L1 |g|^alpha (problem/generalized_smoothness.hpp) gradient
//   dominance       |g|^rho >= 2 mu (f - f*)            rho = 2: Polyak-Lojasiewicz
//
// Descent. Let theta = (L0 + L1 |g|^alpha) gamma / |g|^beta. For theta <= 1
//
//     f(x+) <= f(x) - (1 - (e - 2) theta) gamma |g|^{2 - beta}.
//
// Proof. Along the step the gradient norm G(t) at distance t obeys G' <= L0 + L1 G^alpha, which for
// alpha <= 1 is at most K max(1, G / |g|), K = L0 + L1 |g|^alpha. So |H| <= K exp(K t / |g|) there,
// and f(x+) <= f - s |g| + integral_0^s (s - t) K exp(K t / |g|) dt with the length
// s = gamma |g|^{1 - beta}. With theta = s K / |g| the integral is
// (|g|^2 / K)(e^theta - 1 - theta) <= (|g|^2 / K)(e - 2) theta^2 = (e - 2) theta s |g|.
//
// Thus gamma <= c |g|^beta / (L0 + L1 |g|^alpha) with c = 1 / (2 (e - 2)) = 0.696 leaves a descent
// of gamma |g|^{2 - beta} / 2. With the gap d = f - f* and p = (2 - beta) / rho that gives
//
//     d+ <= d - k d^p,      k = (gamma / 2)(2 mu)^p.                                        (1)
#pragma once

#include <optional>

#include "thalweg/problem/generalized_smoothness.hpp"
#include "thalweg/problem/sampled_gradient.hpp"

namespace thalweg {

/// |g|^rho >= two_mu (f - f*).
struct GradientDominance {
  double rho = 2;     ///< >= 1
  double two_mu = 0;  ///< > 0
};

/// That of |x|^p, p > 1, with equality: rho = p / (p - 1), 2 mu = p^rho.
GradientDominance power_dominance(double exponent);

/// The least-squares slope of ln(gap) in ln |g| is rho (not below 1), and 2 mu is the largest for
/// which every pair obeys the inequality. Pairs with a number that is not positive and finite are
/// left out; absent where no two gradient norms differ. A fit along one path: no bound elsewhere.
/// Shapes (k); `gaps` are f - f*.
std::optional<GradientDominance> fit_gradient_dominance(const ConstVectorRef& gaps,
                                                        const ConstVectorRef& gradient_norms);

/// How (1) falls: like a power of the number of steps for beta < 2 - rho, by a constant factor at
/// beta = 2 - rho, and to zero in finitely many steps beyond; in truth down to the step floor.
enum class DescentRegime { sublinear, linear, finite };
DescentRegime descent_regime(const GradientDominance& dominance, double beta);
const char* to_string(DescentRegime regime);  ///< sublinear, linear, finite

/// -rho / (2 - beta - rho): the power of the number of steps in the sublinear regime; else absent.
std::optional<double> descent_exponent(const GradientDominance& dominance, double beta);

/// A bound on the gap after T steps that each obey (1), from (1) alone:
/// sublinear (d^{1-p} + (p-1) k T)^{-1/(p-1)}, linear (1-k)^T d (0 where k > 1), finite
/// max(0, d^{1-p} - (1-p) k T)^{1/(1-p)}. Proof: d -> d^{1-p} is convex and falling for p > 1,
/// concave and rising for p < 1, so that its tangent at d bounds the change by -k d^p.
double gap_bound(const GradientDominance& dominance, double gamma, double beta, double gap,
                 double steps);
/// The steps after which that bound is at or below `target` < gap; infinite where it never is.
double steps_to_gap(const GradientDominance& dominance, double gamma, double beta, double gap,
                    double target);

/// c |g|^beta / (L0 + L1 |g|^alpha): the largest gamma that keeps half of the descent.
double largest_normalized_step(const GeneralizedSmoothness& law, double beta, double gradient_norm);

/// The step floor: the smallest gradient norm from which on gamma is at most that, for
/// beta >= alpha, where the bound grows with the gradient. Below it the step may climb, so that the
/// run hovers there. 0: none; infinite: gamma is too large everywhere. Throws UsageError for
/// beta < alpha: there large gradients are what limits gamma.
double gradient_floor(const GeneralizedSmoothness& law, double gamma, double beta);

/// (|g|^rho) / (2 mu) at the step floor: above that gap every step obeys (1).
double gap_floor(const GradientDominance& dominance, const GeneralizedSmoothness& law, double gamma,
                 double beta);

/// The largest gamma whose gap_floor is at most `target`: of the order target^{beta / rho}, or with
/// L0 = 0 target^{(beta - alpha) / rho}.
double normalized_step_for_gap(const GradientDominance& dominance, const GeneralizedSmoothness& law,
                               double beta, double target);

/// What is enough for a first-order point on average: the mean over the `steps` iterates of
/// E |grad f| is at most eps (so it is for an iterate drawn uniformly from them).
struct FirstOrderBudget {
  double stepsize = 0;  ///< gamma of x+ = x - gamma g_B / |g_B|; eta of x+ = x - eta g_B
  double batch = 1;     ///< b
  double steps = 0;     ///< T
  double samples() const { return batch * steps; }
};

/// For normalized steps x+ = x - gamma g_B / |g_B|, the same batch in numerator and norm. `gap` is
/// f(x0) - inf f. Assumed: generalized smoothness everywhere, batch gradients unbiased with affine
/// noise. With alpha < 1 the law is first replaced by its tangent at eps (alpha = 1,
/// L0' = L0 + (1 - alpha) L1 eps^alpha, L1' = alpha L1 eps^{alpha - 1}). Then
///
///     gamma = min(1 / (4 (e-2) L1'), eps / (8 (e-2) L0')),   b = max(1, 64 tau1^2, 256 tau2^2 /
///     eps^2), T = 4 gap / (gamma eps).
///
/// Proof. <grad f, g_B / |g_B|> >= |grad f| - 2 |g_B - grad f|, whose expectation is at least
/// (1 - 2 tau1 / sqrt b) |grad f| - 2 tau2 / sqrt b. The second-order term is, as above with a step
/// of length gamma <= 1 / L1', at most (e - 2) gamma^2 (L0' + L1' |grad f|). So E f falls by at
/// least gamma |grad f| (1 - 1/4 - 1/4) - gamma eps (1/8 + 1/8); sum over T steps.
FirstOrderBudget normalized_sgd_budget(const GeneralizedSmoothness& law, const AffineNoise& noise,
                                       double gap, double eps);

/// For plain steps x+ = x - eta g_B and a Hessian norm of at most `smoothness` everywhere, with any
/// batch b: eta = min(1 / (L (1 + tau1^2 / b)), eps^2 b / (2 L tau2^2)), T = 4 gap / (eta eps^2);
/// then the mean of E |grad f|^2 is at most eps^2.
///
/// Proof. E f+ <= f - eta |grad f|^2 + (L eta^2 / 2)(|grad f|^2 (1 + tau1^2 / b) + tau2^2 / b)
/// <= f - (eta / 2) |grad f|^2 + eta eps^2 / 4; sum over T steps.
FirstOrderBudget sgd_budget(double smoothness, const AffineNoise& noise, double batch, double gap,
                            double eps);

}  // namespace thalweg
