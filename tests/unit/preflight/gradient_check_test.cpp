#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "thalweg/core/random.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

// sum exp(a_i x_i) with one gradient entry scaled by `factor`.
class Exponentials final : public Objective {
 public:
  Exponentials(Vector a, double factor) : a_(std::move(a)), factor_(factor) {}
  Index dimension() const override { return a_.size(); }
  double value(const ConstVectorRef& x) const override {
    return a_.cwiseProduct(x).array().exp().sum();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = a_.array() * a_.cwiseProduct(x).array().exp();
    g[0] *= factor_;
    return value(x);
  }

 private:
  Vector a_;
  double factor_;
};

TEST(CheckGradient, ARightGradientHasSlopeTwo) {
  const Exponentials problem(Vector{{1.0, -2.0, 0.5}}, 1);
  const GradientCheck check = check_gradient(problem, Vector{{0.3, 0.2, 0.0}}, 1);
  ASSERT_TRUE(check.slope.has_value());
  EXPECT_NEAR(*check.slope, 2, 0.05);
  EXPECT_TRUE(check.passed);
}

TEST(CheckGradient, AWrongEntryOfOnePercentIsFound) {
  const Exponentials problem(Vector{{1.0, -2.0, 0.5}}, 1.01);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const GradientCheck check = check_gradient(problem, Vector{{0.3, 0.2, 0.1}}, seed);
    ASSERT_TRUE(check.slope.has_value());
    EXPECT_LT(*check.slope, 1.3);
    EXPECT_FALSE(check.passed);
  }
}

TEST(CheckGradient, ParametersOfVeryDifferentSizeEachMoveInProportion) {
  // exp(1e4 * 1e-4): a step of the same absolute size for both parameters would overflow.
  const Exponentials problem(Vector{{1e4, 1e-3}}, 1);
  const GradientCheck check = check_gradient(problem, Vector{{1e-4, 1e3}}, 1);
  ASSERT_TRUE(check.slope.has_value());
  EXPECT_NEAR(*check.slope, 2, 0.05);
}

TEST(CheckGradient, ALinearFunctionHasNoSlopeAndPasses) {
  class Linear final : public Objective {
   public:
    Index dimension() const override { return 3; }
    double value(const ConstVectorRef& x) const override { return 5 + x.sum(); }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g.setOnes();
      return value(x);
    }
  };
  const GradientCheck check = check_gradient(Linear(), Vector{{1.0, 2.0, 3.0}}, 4);
  EXPECT_FALSE(check.slope.has_value());
  EXPECT_TRUE(check.passed);
}

TEST(CheckGradient, ConfirmsNetworksOfEverySmoothActivation) {
  for (const Activation activation :
       {Activation::tanh, Activation::softplus, Activation::sigmoid, Activation::gelu}) {
    const Network network({.inputs = 3, .hidden = {8, 5}, .outputs = 2, .activation = activation});
    RandomStream random(1, "inputs");
    Matrix inputs(20, 3);
    for (Index c = 0; c < 3; ++c) inputs.col(c) = random.normal_vector(20);
    const CompositeObjective problem(network.on(inputs),
                                     std::make_shared<SquaredLoss>(Matrix::Ones(20, 2)));
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const GradientCheck check = check_gradient(problem, network.initial_parameters(seed), seed);
      ASSERT_TRUE(check.slope.has_value());
      EXPECT_NEAR(*check.slope, 2, 0.1);
      EXPECT_TRUE(check.passed);
    }
  }
}

}  // namespace
}  // namespace thalweg
