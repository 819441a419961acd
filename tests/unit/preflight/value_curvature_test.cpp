#include "thalweg/preflight/value_curvature.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/model/saddle_chain.hpp"
#include "thalweg/model/strict_saddle.hpp"

namespace thalweg {
namespace {

TEST(ValueCurvature, TakesTheStatedBoundWithoutAMeasurement) {
  const StrictSaddleObjective problem({.dimension = 2});
  const ValueCurvature found = measure_value_curvature(problem, problem.start());
  EXPECT_EQ(found.source, CurvatureBound::Source::closed_form);
  EXPECT_EQ(found.evaluations, 0);
  EXPECT_EQ(found.gap, 2.25);
  EXPECT_NEAR(found.hessian_norm, 11, 1e-12);  // 2 + 6 sqrt(2.25)
  EXPECT_NEAR(found.smoothness, 2 + 6 * std::sqrt(4.25), 1e-12);
  EXPECT_NEAR(found.hessian_lipschitz, 6 * std::sqrt(1 + 2 * std::sqrt(4.25)), 1e-12);
}

TEST(ValueCurvature, MeasuresAnEnvelopeWhereNoneIsStated) {
  const SaddleChainObjective problem({.dimension = 4});
  const ValueCurvature found = measure_value_curvature(problem, problem.start(1));
  EXPECT_EQ(found.source, CurvatureBound::Source::measured);
  EXPECT_GE(found.samples, 2);
  EXPECT_GT(found.evaluations, 10);
  // |H| is 2 L = 4 in the outer pieces; lower estimates times 1.5.
  EXPECT_GE(found.hessian_norm, 4);
  EXPECT_LE(found.hessian_norm, 30);
  EXPECT_THROW(measure_value_curvature(problem, problem.start(1), {.probes = 0}), UsageError);
}

}  // namespace
}  // namespace thalweg
