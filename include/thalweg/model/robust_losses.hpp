// Losses of a regression that large residuals pull on less than in proportion.
//
// With r = y - target and a scale c > 0 in units of r,
//
//     L(y) = 1/N sum_i c^2 phi(r_i / c),      phi(t) = t^2/2 + O(t^4),
//
//   loss     phi(t)                              phi'(t)                      weight phi'(t)/t
//   Huber    t^2/2, |t| - 1/2 beyond 1           t, sign t beyond 1           min(1, 1/|t|)
//   Cauchy   ln(1 + t^2)/2                       t / (1 + t^2)                1 / (1 + t^2)
//   Tukey    (1 - (1 - t^2)^3)/6, 1/6 beyond 1   t (1 - t^2)^2, 0 beyond 1    (1 - t^2)^2, 0 beyond
//   1
//
// all of which become the squared loss as c grows. The pull of a residual is bounded by c (Huber),
// by c/2 and falling towards 0 (Cauchy), and is 0 beyond c (Tukey). Huber's loss alone is convex: a
// fit by one of the others depends on its start, and where every residual lies beyond c Tukey's
// loss has no slope at all.
//
// As functions of r^2 all three are concave, so that the weights w_i = phi'(t_i)/t_i bound the loss
// from above:
//
//     L(y + v) <= L(y) + dL'v + 1/(2N) sum_i w_i v_i^2      for every v.
//
// 1/N diag(w) is what hessian_root is a root of: positive semidefinite
// where the Hessian is not, and never 0 on a residual that still pulls, so that the whole gradient
// lies in the range of S'. A full Gauss-Newton step on a linear model is a step of iteratively
// reweighted least squares, and raises the loss nowhere. Near a minimum it converges linearly, at a
// rate that the share of large residuals sets. hessian_product is the Hessian itself, indefinite
// for Cauchy and Tukey, for Newton steps in a trust region.
//
// The constant c of 95 % efficiency: with normal residuals of standard deviation s, the estimate of
// a location has a variance 1/0.95 times that of the mean at c = 1.345 s (Huber), 2.385 s (Cauchy),
// 4.685 s (Tukey).
//
//   P. Huber: Robust estimation of a location parameter, Ann. Math. Stat. 35 (1964).
//   A. Beaton, J. Tukey: The fitting of power series, Technometrics 16 (1974).
//   P. Holland, R. Welsch: Robust regression using iteratively reweighted least-squares,
//   Comm. Stat. A 6 (1977): the three losses and their constants.
//   P. Huber: Robust Statistics (1981), section 7.8: the bound and its iteration.
#pragma once

#include "thalweg/problem/output_loss.hpp"

namespace thalweg {

/// Targets are an (N, Q) matrix; see Linearization for the stacking. One scale for all columns.
class RobustLoss : public OutputLoss {
 public:
  Index output_count() const final { return targets_.size(); }
  Index outputs_per_sample() const final { return targets_.cols(); }
  double scale() const { return scale_; }  ///< c

  double value(const ConstVectorRef& y) const final;
  void gradient(const ConstVectorRef& y, VectorRef gy) const final;
  double batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const final;
  void batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const final;
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v, VectorRef hv) const final;
  /// Its diagonal() is that of the bound: the weights over N.
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& y) const final;
  Matrix hessian_root(const ConstVectorRef& y) const final;  ///< of the bound, the weights over N
  std::optional<Vector> minimizer() const final;             ///< the targets; L is 0 there
  std::string description() const final;

 protected:
  /// Throws UsageError for targets that are empty or not finite, or a scale outside 1e-100 ..
  /// 1e100.
  RobustLoss(Matrix targets, double scale);

 private:
  // At t = residual / c; NaN gives NaN in phi and weight.
  virtual double phi(double t) const = 0;
  virtual double weight(double t) const = 0;     // phi'(t) / t
  virtual double curvature(double t) const = 0;  // phi''(t)
  virtual const char* name() const = 0;

  Vector scaled_residual(const ConstVectorRef& y) const;  // t, (m)
  double sum_of(const Vector& t) const;                   // of c^2 phi
  Vector pull(const Vector& t) const;                     // c phi'
  Vector mean_weights(const ConstVectorRef& y) const;     // w / N, (m)
  Vector mean_curvatures(const ConstVectorRef& y) const;  // phi'' / N, (m)

  Matrix targets_;
  double scale_;
};

/// 1.4826 times the median of |target - median of its column| over all targets (N, Q): the standard
/// deviation where they are normal, and unmoved by less than half of them. 0 where more than half
/// equal the median of their column.
double median_deviation(const ConstMatrixRef& targets);

class HuberLoss final : public RobustLoss {
 public:
  HuberLoss(Matrix targets, double scale) : RobustLoss(std::move(targets), scale) {}
  static constexpr double efficient_scale = 1.345;  ///< c / s of 95 % efficiency

 private:
  double phi(double t) const override;
  double weight(double t) const override;
  double curvature(double t) const override;
  const char* name() const override { return "Huber"; }
};

class CauchyLoss final : public RobustLoss {
 public:
  CauchyLoss(Matrix targets, double scale) : RobustLoss(std::move(targets), scale) {}
  static constexpr double efficient_scale = 2.385;
  bool convex() const override { return false; }

 private:
  double phi(double t) const override;
  double weight(double t) const override;
  double curvature(double t) const override;
  const char* name() const override { return "Cauchy"; }
};

class TukeyLoss final : public RobustLoss {
 public:
  TukeyLoss(Matrix targets, double scale) : RobustLoss(std::move(targets), scale) {}
  static constexpr double efficient_scale = 4.685;
  bool convex() const override { return false; }

 private:
  double phi(double t) const override;
  double weight(double t) const override;
  double curvature(double t) const override;
  const char* name() const override { return "Tukey"; }
};

}  // namespace thalweg
