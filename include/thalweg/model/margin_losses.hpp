// Losses of classification margins: logistic, exponential, polynomial tails, squared hinge.
// Everything is computed so that neither value nor ln value overflows or loses its digits.
#pragma once

#include "thalweg/problem/margin_loss.hpp"

namespace thalweg {

/// Mean cross-entropy. Two classes: ln(1 + exp(-m)) of the margin m. More: a softmax over Q
/// outputs.
class CrossEntropyLoss final : public MarginLoss {
 public:
  using MarginLoss::MarginLoss;
  double value(const ConstVectorRef& y) const override;
  double log_value(const ConstVectorRef& y) const override;
  void gradient(const ConstVectorRef& y, VectorRef gy) const override;
  double batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const override;
  void batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const override;
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                       VectorRef hv) const override;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& y) const override;
  Matrix hessian_root(const ConstVectorRef& y) const override;
  bool attains_infimum() const override { return false; }
  double curvature_bound() const override;  ///< 1/4 for two classes, 1/2 for more
  /// Two classes: 1 - e^-l, min(l, 1/4), min(l, 1/(6 sqrt 3)). More: sqrt 2 (1 - e^-l),
  /// min(2 l, 1/2), sqrt 2 min(2 l, 1/2). Derived in margin_losses.cpp.
  std::optional<Growth> growth() const override;
  bool below_exponential() const override { return true; }
  std::string description() const override;
};

/// A loss l(m) of the one margin of two classes.
class TwoClassLoss : public MarginLoss {
 public:
  explicit TwoClassLoss(std::vector<int> labels) : MarginLoss(std::move(labels), 2) {}
  double value(const ConstVectorRef& y) const final;
  double log_value(const ConstVectorRef& y) const final;
  void gradient(const ConstVectorRef& y, VectorRef gy) const final;
  double batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const final;
  void batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const final;
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v, VectorRef hv) const final;
  Matrix hessian_root(const ConstVectorRef& y) const final;

 protected:
  struct Derivatives {
    double value, first, second;
  };
  virtual Derivatives at(double margin) const = 0;
  virtual double log_at(double margin) const = 0;  ///< ln l(margin); -infinity where l is 0
};

/// l(m) = e^-m.
class ExponentialLoss final : public TwoClassLoss {
 public:
  using TwoClassLoss::TwoClassLoss;
  bool attains_infimum() const override { return false; }
  double curvature_bound() const override;        ///< infinite
  std::optional<Growth> growth() const override;  ///< l, l, l
  bool below_exponential() const override { return true; }
  std::string description() const override;

 protected:
  Derivatives at(double margin) const override;
  double log_at(double margin) const override;
};

/// l(m) = (1 + m)^-a for m >= 0, 1 - a m below: a polynomial tail of degree a > 0 (Wu et al.,
/// COLT 2024, assumption 3, "flattened polynomial").
class PolynomialLoss final : public TwoClassLoss {
 public:
  PolynomialLoss(std::vector<int> labels, double degree);
  bool attains_infimum() const override { return false; }
  double curvature_bound() const override;  ///< a (a + 1)
  std::string description() const override;

 protected:
  Derivatives at(double margin) const override;
  double log_at(double margin) const override;

 private:
  double degree_;
};

/// l(m) = max(0, 1 - m)^2 / 2: a baseline that a separator of margin 1 brings to 0.
class SquaredHingeLoss final : public TwoClassLoss {
 public:
  using TwoClassLoss::TwoClassLoss;
  double curvature_bound() const override;  ///< 1
  bool below_exponential() const override { return true; }
  std::string description() const override;

 protected:
  Derivatives at(double margin) const override;
  double log_at(double margin) const override;
};

}  // namespace thalweg
