#include "thalweg/problem/hessian.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/problem/composite_objective.hpp"
#include "thalweg/problem/difference_hessian.hpp"

namespace thalweg {
namespace {

/// f = sum_i exp(a_i x_i) with the Hessian diag(a_i^2 exp(a_i x_i)).
class Exponentials : public Objective {
 public:
  explicit Exponentials(Vector rates) : rates_(std::move(rates)) {}
  Index dimension() const override { return rates_.size(); }
  double value(const ConstVectorRef& x) const override {
    return rates_.cwiseProduct(x).array().exp().sum();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = rates_.array() * rates_.cwiseProduct(x).array().exp();
    return value(x);
  }
  Vector curvature(const ConstVectorRef& x) const {
    return rates_.array().square() * rates_.cwiseProduct(x).array().exp();
  }

 private:
  Vector rates_;
};

class TwiceExponentials final : public Exponentials, public TwiceDifferentiable {
 public:
  using Exponentials::Exponentials;
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const override {
    class Diagonal final : public Hessian {
     public:
      explicit Diagonal(Vector d) : d_(std::move(d)) {}
      void apply(const ConstVectorRef& v, VectorRef hv) const override { hv = d_.cwiseProduct(v); }

     private:
      Vector d_;
    };
    return std::make_unique<Diagonal>(curvature(x));
  }
};

/// y = J x of a fixed J.
class Straight final : public OutputModel {
 public:
  explicit Straight(Matrix jacobian) : jacobian_(std::move(jacobian)) {}
  Index parameter_count() const override { return jacobian_.cols(); }
  Index output_count() const override { return jacobian_.rows(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override { y = jacobian_ * x; }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    return std::make_unique<DenseLinearization>(jacobian_ * x, jacobian_);
  }
  bool linear() const override { return true; }

 private:
  Matrix jacobian_;
};

/// L(y) = (1/m) sum y_i^4 / 4.
class Quartic final : public OutputLoss {
 public:
  explicit Quartic(Index outputs) : outputs_(outputs) {}
  Index output_count() const override { return outputs_; }
  double value(const ConstVectorRef& y) const override { return y.array().pow(4).mean() / 4; }
  void gradient(const ConstVectorRef& y, VectorRef gy) const override {
    gy = y.array().cube() / static_cast<double>(outputs_);
  }
  void hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                       VectorRef hv) const override {
    hv = 3 * y.array().square() * v.array() / static_cast<double>(outputs_);
  }
  Matrix hessian_root(const ConstVectorRef& y) const override {
    return std::sqrt(3 / static_cast<double>(outputs_)) * y.cwiseAbs();
  }
  double batch_sum(Batch, const ConstVectorRef& y, VectorRef gy) const override {
    gy = y.array().cube();
    return y.array().pow(4).sum() / 4;
  }
  std::string description() const override { return "quartic"; }

 private:
  Index outputs_;
};

TEST(DifferenceHessian, CentralDifferencesHaveMoreDigitsAndKnowTheirError) {
  const Exponentials problem(Vector{{0.5, -1, 2, 3}});
  const Vector x = RandomStream(1, "x").normal_vector(4);
  Vector g(4), hv(4);
  problem.value_and_gradient(x, g);
  const DifferenceHessian forward(problem, x, g);
  const DifferenceHessian central(problem, x, g, Differences::central);
  EXPECT_EQ(forward.gradients_per_product(), 1);
  EXPECT_EQ(central.gradients_per_product(), 2);
  for (const double scale : {1e-4, 1.0, 1e6}) {
    const Vector v = scale * RandomStream(2, "v").normal_vector(4);
    const Vector exact = problem.curvature(x).cwiseProduct(v);
    for (const DifferenceHessian* hessian : {&forward, &central}) {
      hessian->apply(v, hv);
      const double error = (hv - exact).norm() / v.norm();
      const double allowed = hessian == &central ? 1e-8 : 3e-6;
      EXPECT_LE(error, allowed);
      const double estimate = hessian->product_error(v, hv);
      EXPECT_GE(estimate, error);
      EXPECT_LE(estimate, 10 * allowed);
    }
  }
  central.apply(Vector::Zero(4), hv);
  EXPECT_EQ(hv.norm(), 0);
  EXPECT_EQ(central.product_error(Vector::Zero(4), hv), 0);
}

TEST(HessianAt, TakesWhatTheProblemOffers) {
  const Vector rates{{0.5, -1, 2}}, x{{0.1, 0.2, 0.3}}, v{{1, 2, 3}};
  const Exponentials plain(rates);
  const TwiceExponentials twice(rates);
  Vector g(3), hv(3);
  plain.value_and_gradient(x, g);
  const Vector exact = plain.curvature(x).cwiseProduct(v);
  EXPECT_FALSE(has_exact_hessian(plain));
  EXPECT_TRUE(has_exact_hessian(twice));
  hessian_at(twice, x, g)->apply(v, hv);
  EXPECT_EQ((hv - exact).norm(), 0);
  hessian_at(plain, x, g)->apply(v, hv);
  EXPECT_LE((hv - exact).norm(), 1e-6 * exact.norm());
  EXPECT_GT((hv - exact).norm(), 0);
}

TEST(HessianAt, OfALinearModelNeedsNoSecondDerivativesOfIt) {
  Matrix jacobian(5, 3);
  for (Index j = 0; j < 3; ++j)
    jacobian.col(j) = RandomStream(static_cast<std::uint64_t>(j), "j").normal_vector(5);
  const CompositeObjective problem(std::make_shared<Straight>(jacobian),
                                   std::make_shared<Quartic>(5));
  const Vector x{{0.3, -1, 2}}, v{{1, -2, 0.5}};
  Vector g(3), hv(3);
  problem.value_and_gradient(x, g);
  ASSERT_TRUE(has_exact_hessian(problem));
  const auto hessian = hessian_at(problem, x, g);
  EXPECT_EQ(hessian->gradients_per_product(), 1);
  hessian->apply(v, hv);
  const Vector weights = 3 * (jacobian * x).array().square() / 5;
  const Vector expected = jacobian.transpose() * weights.asDiagonal() * jacobian * v;
  EXPECT_LE((hv - expected).norm(), 1e-14 * expected.norm());
}

}  // namespace
}  // namespace thalweg
