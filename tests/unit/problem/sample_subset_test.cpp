#include "thalweg/problem/sample_subset.hpp"

#include <gtest/gtest.h>

#include <set>

#include "thalweg/core/error.hpp"
#include "unit/problem/sampled_problems.hpp"

namespace thalweg {
namespace {

// Centres 0, 1, 2, ...: the gradient at 0 of a batch is minus the mean of its members.
testing::Centres counting(Index count) {
  return testing::Centres(Vector::LinSpaced(count, 0, static_cast<double>(count - 1)));
}

std::vector<double> members_of(const SampleSubset& subset) {
  std::vector<double> members;
  Vector g(1);
  for (Index i = 0; i < subset.sample_count(); ++i) {
    subset.value_and_gradient(Vector{{0}}, Batch(&i, 1), g);
    members.push_back(-g[0]);
  }
  return members;
}

TEST(SampleSubset, HasSomeOfTheSamplesOnceEach) {
  const auto problem = counting(40);
  const SampleSubset subset(problem, 15, 3);
  EXPECT_EQ(subset.sample_count(), 15);
  EXPECT_EQ(subset.dimension(), 1);
  const std::vector<double> members = members_of(subset);
  EXPECT_TRUE(std::is_sorted(members.begin(), members.end()));
  EXPECT_EQ(std::set<double>(members.begin(), members.end()).size(), 15u);
  EXPECT_EQ(members, members_of(SampleSubset(problem, 15, 3)));
  EXPECT_NE(members, members_of(SampleSubset(problem, 15, 4)));
}

TEST(SampleSubset, ValueAndGradientAreTheMeansOfItsMembers) {
  const testing::LeastSquares problem(30, 4, 1);
  const SampleSubset subset(problem, 11, 2);
  const Vector x = RandomStream(5, "point").normal_vector(4);
  Vector g(4), one(4), mean = Vector::Zero(4);
  double value = 0;
  for (Index i = 0; i < 11; ++i) {
    value += subset.value_and_gradient(x, Batch(&i, 1), one) / 11;
    mean += one / 11;
  }
  EXPECT_NEAR(subset.value_and_gradient(x, g), value, 1e-12 * value);
  EXPECT_NEAR(subset.value(x), value, 1e-12 * value);
  EXPECT_LE((g - mean).norm(), 1e-12 * mean.norm());
  // A batch of it, of repeated members too.
  const std::vector<Index> batch{3, 3, 10};
  Vector of_batch = Vector::Zero(4);
  for (const Index i : batch) {
    subset.value_and_gradient(x, Batch(&i, 1), one);
    of_batch += one / 3;
  }
  subset.value_and_gradient(x, batch, g);
  EXPECT_LE((g - of_batch).norm(), 1e-12 * of_batch.norm());
}

TEST(SampleSubset, OfAllSamplesIsTheProblem) {
  const testing::LeastSquares problem(12, 3, 1);
  const SampleSubset subset(problem, 100, 2);
  EXPECT_EQ(subset.sample_count(), 12);
  const Vector x = RandomStream(6, "point").normal_vector(3);
  Vector g(3), expected(3);
  EXPECT_NEAR(subset.value_and_gradient(x, g), problem.value_and_gradient(x, expected), 1e-12);
  EXPECT_LE((g - expected).norm(), 1e-12 * expected.norm());
}

TEST(SampleSubset, IsFairOverTheSeeds) {
  const auto problem = counting(10);
  std::vector<int> counts(10);
  constexpr int seeds = 2000;
  for (int seed = 0; seed < seeds; ++seed)
    for (const double member : members_of(SampleSubset(problem, 3, static_cast<unsigned>(seed))))
      ++counts[static_cast<std::size_t>(member)];
  // Binomial with 2000 draws of probability 0.3: 600 +- 20.5.
  for (const int count : counts) EXPECT_NEAR(count, 600, 5 * 20.5);
}

TEST(SampleSubset, NeedsAFiniteSum) {
  class Plain final : public Objective {
   public:
    Index dimension() const override { return 1; }
    double value(const ConstVectorRef& x) const override { return x[0] * x[0]; }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g[0] = 2 * x[0];
      return value(x);
    }
  };
  EXPECT_THROW(SampleSubset(Plain(), 1, 0), UsageError);
}

}  // namespace
}  // namespace thalweg
