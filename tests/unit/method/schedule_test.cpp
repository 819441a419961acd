#include "thalweg/method/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace thalweg {
namespace {

using Kind = Schedule::Kind;

TEST(Schedule, FactorsAreThoseOfTheFormulas) {
  const Schedule cosine{.kind = Kind::cosine, .horizon = 100};
  const Schedule step{.kind = Kind::step, .decay = 0.5, .every = 10};
  const Schedule inverse{.kind = Kind::inverse_sqrt};
  for (const std::int64_t t : {0, 1, 9, 10, 25, 50, 100}) {
    const auto steps = static_cast<double>(t);
    EXPECT_EQ(Schedule{}.at(t), 1);
    EXPECT_NEAR(cosine.at(t), std::pow(std::cos(std::numbers::pi * steps / 200), 2), 1e-15);
    EXPECT_NEAR(inverse.at(t) * inverse.at(t) * (steps + 1), 1, 1e-14);
    EXPECT_EQ(step.at(t), std::ldexp(1.0, -static_cast<int>(t / 10)));
  }
  EXPECT_NEAR(cosine.at(1000), 0, 1e-30) << "stays at its end";
}

TEST(Schedule, AThirdOfTheHorizonIsAStage) {
  const Schedule step{.kind = Kind::step, .horizon = 30, .decay = 0.1};
  EXPECT_EQ(step.at(9), 1);
  EXPECT_EQ(step.at(10), 0.1);
  EXPECT_NEAR(step.at(29), 0.01, 1e-17);
}

TEST(Schedule, WithoutAHorizonNothingChanges) {
  EXPECT_EQ((Schedule{.kind = Kind::cosine}.at(1000)), 1);
  EXPECT_EQ((Schedule{.kind = Kind::step}.at(1000)), 1);
}

}  // namespace
}  // namespace thalweg
