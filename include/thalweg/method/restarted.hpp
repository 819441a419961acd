// Restarted stochastic gradient descent: leaves saddles by the noise of its batches, and ends where
// it stays within a ball for long.
//
//   C. Fang, Z. Lin, T. Zhang: Sharp analysis for nonconvex SGD escaping from saddle points, COLT
//   2019, arXiv:1902.00247, algorithm 1 (SGD with a ball-controlled restart). Y. Cao, F. Chen, A.
//   Sridharan, W. Tang, arXiv:2503.04712, use it without global smoothness. The orders of the
//   constants are the published ones; the factors, which the sources give with other logarithms,
//   are derived here.
//
// Minimises a mean f over samples by
//
//     w+ = w - eta (g_B + s xi),   g_B the mean gradient of a fresh batch, xi uniform in the unit
//     ball |w+ - a| > R:   a = w+, count = 0               restart: f has fallen on the way out
//     count = K:      the mean of the last K iterates is the candidate
//
// At a candidate f and its gradient are measured in full, and second-order stationarity is asked
// for: where it holds the run ends, else the method goes on from there.
//
//   symbol   here                            shape   unit
//   w        state.x                         (n)     parameters
//   a        state.anchor                    (n)     parameters
//   eta      state.stepsize                          parameter^2 / objective
//   R        state.radius = sqrt(eps / rho)          parameters: the Hessian changes by at most
//                                                    sqrt(rho eps) within
//   K        state.waiting                           updates
//   s        state.noise                             objective / parameter
//
//     C = ln(16 sqrt(n) / delta),  t = sqrt(rho eps),  V = noise variance of g_B plus s^2
//     eta = min( 1 / (2 l), R^2 t / (c C V) )
//     K = ceil( max(C, ln(R / a)) / (eta t) ),   a = sqrt(eta V / (2 n t))
//
// a is what the noise of 1 / (eta t) steps adds up to along one of n directions; along one of
// curvature -t it grows to R within K steps. The random walk of C / (eta t) steps has the standard
// deviation R / sqrt(c): c = 512 is the published factor (preset=published), c = 4 the practical
// one.
//
// Guarantee, by the theorem for batches of dispersive noise, up to constants and logarithms:
// |g| <= O(eps), lambda_min(H) >= -O(sqrt(rho eps)) after O~(eps^-3.5) samples.
#pragma once

#include "thalweg/method/curvature_check.hpp"
#include "thalweg/method/curvature_watch.hpp"
#include "thalweg/method/saddle_target.hpp"
#include "thalweg/method/saddle_theory.hpp"
#include "thalweg/method/sampled.hpp"

namespace thalweg {

struct RestartedState final : SampledState {
  CurvatureWatch curvature;
  double smoothness = 0, hessian_lipschitz = 0;
  double stepsize = 0, radius = 0, waiting = 0, noise = 0;
  Vector anchor;                                        ///< a, (n)
  Vector sum;                                           ///< of the iterates since a, (n)
  std::int64_t inside = 0;                              ///< updates since a
  std::int64_t restarts = 0;                            ///< moves out of the ball
  std::int64_t noise_position = 0, check_position = 0;  ///< of the random streams
  bool candidate = false;         ///< x is the mean of the last K iterates, and was measured
  double smallest_curvature = 0;  ///< of the last candidate that was asked

  void visit(StateVisitor& visitor) override;
};

class Restarted final : public SampledMethod<RestartedState> {
 public:
  struct Options : SaddleTarget {
    SaddlePreset preset = SaddlePreset::practical;  ///< the factor c: 512, or 4
    double stepsize = 0;                            ///< eta; 0: derived
    double radius = 0;                              ///< R; 0: sqrt(eps / rho)
    double waiting = 0;                             ///< K; 0: derived
    double noise = 0;                               ///< s; 0: eps
    SamplingOptions sampling{.batch = 64};

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Restarted() : Restarted(Options{}) {}
  explicit Restarted(Options options);

  std::string_view name() const override { return "restarted"; }
  const Options& options() const { return options_; }

 protected:
  void begin(const Objective& problem, RestartedState& state) const override;
  Update update(const Objective& problem, RestartedState& state,
                const Context& context) const override;
  void annotate(const RestartedState& state, StepRecord& record) const override;
  bool leaves_stationary_points() const override { return true; }
  bool is_whole(const RestartedState& state) const override;
  void restored(const Objective& problem, RestartedState& state) const override;

 private:
  std::int64_t derive(const Objective& problem, RestartedState& state) const;
  Update judge(const Objective& problem, RestartedState& state, const Context& context,
               Update made) const;

  Options options_;
};

}  // namespace thalweg
