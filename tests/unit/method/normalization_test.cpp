#include "thalweg/method/normalization.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace thalweg {
namespace {

const std::vector<Index> one{0};

TEST(Normalization, DividesByAPowerOfTheLargerOfNormAndThreshold) {
  const Normalization clip{.factor = 2, .offset = 1, .threshold = 9, .exponent = 0.5};
  EXPECT_DOUBLE_EQ(clip.divisor(4), 3);   // 2 * 4 + 1 = 9: both
  EXPECT_DOUBLE_EQ(clip.divisor(0), 3);   // below it the threshold
  EXPECT_DOUBLE_EQ(clip.divisor(12), 5);  // above it the norm
  EXPECT_DOUBLE_EQ((Normalization{.exponent = 0}.divisor(123)), 1);
  EXPECT_DOUBLE_EQ((Normalization{.exponent = 1}.divisor(123)), 123);
}

TEST(NormalizedDescent, MovesByTheStepsizeWhereTheExponentIsOne) {
  const Vector g{{3, 4}};
  Vector x{{1, 1}};
  const double multiplier = normalized_descent(x, 0.5, g, g, one, {});
  EXPECT_DOUBLE_EQ(multiplier, 0.1);
  EXPECT_NEAR((x - Vector{{0.7, 0.6}}).norm(), 0, 1e-15);
}

TEST(NormalizedDescent, BelowTheThresholdStepsArePlain) {
  const Vector g{{3, 4}};
  Vector x = Vector::Zero(2);
  normalized_descent(x, 0.5, g, g, one, {.threshold = 50});
  EXPECT_NEAR((x + 0.01 * g).norm(), 0, 1e-15);
}

TEST(NormalizedDescent, TheNormMayBeThatOfAnotherVector) {
  const Vector g{{1, 0}}, v{{0, 8}};
  Vector x = Vector::Zero(2);
  EXPECT_DOUBLE_EQ(normalized_descent(x, 1, g, v, one, {.exponent = 1.0 / 3}), 0.5);
  EXPECT_NEAR((x - Vector{{-0.5, 0}}).norm(), 0, 1e-15);
}

TEST(NormalizedDescent, GroupsAreTakenApart) {
  const Vector g{{3, 4, 0.5, 0, 0}};
  Vector x = Vector::Zero(5);
  // Norms 5, 0.5 and 0: the last does not move.
  const double largest = normalized_descent(x, 1, g, g, {0, 2, 3}, {});
  EXPECT_DOUBLE_EQ(largest, 2);
  EXPECT_NEAR((x - Vector{{-0.6, -0.8, -1, 0, 0}}).norm(), 0, 1e-15);
}

TEST(NormalizedDescent, AZeroGradientMovesNothingAndIsNoDivisionByZero) {
  Vector x{{1, 2}};
  EXPECT_EQ(normalized_descent(x, 1, Vector::Zero(2), Vector::Zero(2), one, {}), 0);
  EXPECT_EQ(x, (Vector{{1, 2}}));
  // Nor does the same batch's zero norm blow up another one's gradient.
  EXPECT_EQ(normalized_descent(x, 1, Vector::Ones(2), Vector::Zero(2), one, {}), 0);
  EXPECT_EQ(x, (Vector{{1, 2}}));
}

TEST(NormalizedDescent, HugeAndTinyGradientsHaveTheirNorms) {
  for (const double size : {1e-200, 1e200}) {
    const Vector g = size * Vector{{3, 4}};
    Vector x = Vector::Zero(2);
    normalized_descent(x, 1, g, g, one, {});
    EXPECT_NEAR((x - Vector{{-0.6, -0.8}}).norm(), 0, 1e-15) << size;
  }
}

}  // namespace
}  // namespace thalweg
