// A strict saddle in any dimension whose Hessian is known everywhere.
//
//     f(x) = (x_1^2 - 1)^2 / 4 + 1/2 sum_{i > 1} c_i x_i^2,      c_2 = 1 ... c_n = c_min, evenly
//
//   point           f     Hessian
//   0               1/4   diag(-1, c): a strict saddle, smallest eigenvalue -1
//   (+-1, 0 ...)    0     diag(2, c): the global minima
//
// From x_1 = 0 a gradient method keeps x_1 = 0 to the last bit and ends at the saddle. n = 2 is the
// quartic saddle (x^2 - 1)^2/4 + y^2/2. The gap f at the start does not depend on n, so that the
// steps of an escape from there are compared over n.
//
// F = f bounds the curvature (derived here): x_1^2 <= 1 + 2 sqrt F, so that with c <= 1
//     |H| <= 2 + 6 sqrt F,      |D^3 f| <= 6 |x_1| <= 6 sqrt(1 + 2 sqrt F).
#pragma once

#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg {

class StrictSaddleObjective final : public Objective,
                                    public TwiceDifferentiable,
                                    public SelfBounding {
 public:
  struct Options {
    Index dimension = 2;         ///< n >= 2
    double least_curvature = 1;  ///< c_min, in (0, 1]; of no effect for n = 2
    void validate() const;       ///< throws UsageError naming every violated range
  };
  explicit StrictSaddleObjective(Options options);

  Index dimension() const override { return curvatures_.size() + 1; }
  double value(const ConstVectorRef& x) const override;
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override;
  CurvatureBound curvature_bound() const override;
  double lower_bound() const override { return 0; }
  std::string description() const override;

  /// x_1 = 0 and all others 2 / sqrt(n - 1): (0, 2) for n = 2, and the same norm for every n.
  Vector start() const;

 private:
  Vector curvatures_;  // c, (n - 1)
};

}  // namespace thalweg
