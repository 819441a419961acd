#include "thalweg/problem/sampled_gradient.hpp"

#include <gtest/gtest.h>

#include "thalweg/core/error.hpp"
#include "unit/problem/sampled_problems.hpp"

namespace thalweg {
namespace {

TEST(SampledGradient, IsUnbiasedWithTheVarianceOfItsLaw) {
  const testing::AffineNoiseProblem problem(3, 0.7, 2);
  const Vector x{{1, -2, 0.5}};
  constexpr Index batch = 4, draws = 20000;
  SampledGradient gradients(problem, batch, 1, "test");
  VectorMean mean(3);
  for (Index i = 0; i < draws; ++i) mean.add(gradients.draw(x));
  const double variance = AffineNoise{0.7, 2}.variance(x.norm(), batch);
  // Both within five standard errors.
  EXPECT_LT((mean.mean() - x).norm(), 5 * std::sqrt(variance / draws));
  EXPECT_NEAR(mean.variance() / variance, 1, 5 * std::sqrt(2.0 / draws));
  EXPECT_EQ(gradients.samples_used(), batch * draws);
}

TEST(SampledGradient, StreamsOfOtherNamesAreIndependentAndTheSameRepeat) {
  const testing::Centres problem;
  const Vector x{{0}};
  SampledGradient a(problem, 3, 1, "a"), again(problem, 3, 1, "a"), b(problem, 3, 1, "b");
  int same = 0;
  for (int i = 0; i < 200; ++i) {
    const double drawn = a.draw(x)[0];
    EXPECT_EQ(drawn, again.draw(x)[0]);
    same += drawn == b.draw(x)[0];
  }
  // Two binomial counts of three agree with probability 0.42: 84 +- 7.
  EXPECT_NEAR(same, 84, 35);
}

TEST(SampledGradient, NeedsAFiniteSum) {
  class Plain final : public Objective {
   public:
    Index dimension() const override { return 1; }
    double value(const ConstVectorRef& x) const override { return x[0]; }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g[0] = 1;
      return x[0];
    }
  };
  EXPECT_THROW(SampledGradient(Plain(), 1, 0, "test"), UsageError);
}

TEST(VectorMean, AgreesWithTheTwoPassFormula) {
  RandomStream random(5, "vectors");
  Matrix v = random.normal_vector(7 * 40).reshaped(7, 40);
  v.array() += 1e6;  // where a sum of squares would lose everything
  VectorMean mean(7);
  for (Index i = 0; i < v.cols(); ++i) mean.add(v.col(i));
  const Vector centre = v.rowwise().mean();
  EXPECT_NEAR((mean.mean() - centre).norm(), 0, 1e-8);
  EXPECT_NEAR(mean.variance(), (v.colwise() - centre).squaredNorm() / 39, 1e-7);
}

}  // namespace
}  // namespace thalweg
