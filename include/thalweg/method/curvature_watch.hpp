// What a method knows of the curvature on its way: the bound the problem states, constants given as
// options, or an envelope that is measured. Given and measured ones are watched and refitted.
#pragma once

#include "thalweg/method/saddle_theory.hpp"
#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/run/method.hpp"

namespace thalweg {

/// Part of the state of a method. A stated bound holds; a measured one is refuted by a step along
/// which f falls less than it says, and is then refitted, so that steps verified by it descend.
class CurvatureWatch {
 public:
  /// Constants given, above 0. The other of one alone is that of the stated bound at the start, or
  /// measured.
  struct Given {
    double smoothness = 0;         ///< l in the place of rho_1
    double hessian_lipschitz = 0;  ///< rho in the place of rho_2
    bool all() const { return smoothness > 0 && hessian_lipschitz > 0; }
  };

  /// Takes the constants given or the stated bound, or measures at x, where value and gradient are
  /// given. Returns the evaluations.
  std::int64_t start(const Objective& problem, const Given& given, const ConstVectorRef& x,
                     double value, const ConstVectorRef& gradient, std::uint64_t seed);
  /// Measured bounds are measured again where the gap has fallen to a tenth: curvature may be lower
  /// there. Returns the evaluations, mostly 0.
  std::int64_t follow(const Objective& problem, const ConstVectorRef& x, double value,
                      const ConstVectorRef& gradient, std::uint64_t seed);
  /// Whether a step x+ = x - eta g from `value` to `trial` contradicts a bound not stated, which is
  /// then refitted: f fell by less than eta |g|^2 - l eta^2 |g|^2 / 2, beyond rounding, or to a
  /// number that is not finite. Where the decrease is below what cancellation may leave of the
  /// values (a hundred-millionth of the largest), the gradients must agree: `along` is g(x+)'g(x).
  /// False where nothing can be learned, so that a loop over it ends.
  bool refuted_by(double value, double trial, double stepsize, double gradient_norm, double along);

  const CurvatureBound& bound() const { return bound_; }
  /// As saddle_constants of the bound; a rho that was given is taken as it is.
  SaddleConstants constants(double value, double lower_bound, double eps) const;
  bool stated() const { return !watches_; }  ///< by the problem: not to be refuted
  std::int64_t refutations() const { return envelope_.refutations(); }

  void visit(StateVisitor& visitor);
  /// After visit: forms the bound again.
  void rebuild(const Objective& problem, const Given& given);

 private:
  std::int64_t measure(const Objective& problem, const ConstVectorRef& x, double value,
                       const ConstVectorRef& gradient, std::uint64_t seed);
  void refit();

  CurvatureEnvelope envelope_;
  CurvatureBound bound_;
  Given given_;
  double lower_bound_ = 0;
  double scale_ = 0;  ///< |f| at the start
  double measured_gap_ = 0;
  std::int64_t position_ = 0;  ///< of the random stream
  bool watches_ = false;       ///< the bound may be refuted
  bool measures_ = false;      ///< and measured again
};

}  // namespace thalweg
