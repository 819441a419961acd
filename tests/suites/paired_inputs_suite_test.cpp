// mu = rho lambda_min makes the number of steps independent of the conditioning; a fixed mu and the
// gain ratio do not. examples/paired_inputs.cpp prints the same numbers.
#include "examples/paired_inputs.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "thalweg/method/levenberg_marquardt.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using Damping = LevenbergMarquardt::Damping;
using paired_inputs::Labels;

Result fit(Damping damping, std::uint64_t seed, double delta, std::int64_t cap) {
  const auto problem = paired_inputs::make(seed, delta, Labels::slope);
  LevenbergMarquardt::Options options;
  options.damping = damping;
  if (damping == Damping::fixed) options.damping_ratio = 1e-4;
  RunOptions run_options;
  run_options.stop = target_loss(paired_inputs::target(problem, delta)) | max_steps(cap);
  return run(*problem.objective, LevenbergMarquardt(options), problem.start, run_options);
}

class PairedInputs : public testing::TestWithParam<std::uint64_t> {};

TEST_P(PairedInputs, SmallestEigenvaluePolicyIsWithinAFactorOfTwoAndAHalfOverDelta) {
  std::int64_t fewest = 1000, most = 0;
  for (const double delta : {1e-1, 1e-2, 1e-3, 1e-4}) {
    const Result result = fit(Damping::smallest_eigenvalue, GetParam(), delta, 100);
    ASSERT_EQ(result.reason.criterion, "target-loss") << "delta " << delta;
    fewest = std::min(fewest, result.steps);
    most = std::max(most, result.steps);
  }
  EXPECT_LE(static_cast<double>(most), 2.5 * static_cast<double>(fewest));
}

// At delta = 1e-1 the conditioning is still mild and the factor is between 6 and 140.
TEST_P(PairedInputs, FixedDampingNeedsTenTimesAsManyOnceThePairsAreClose) {
  for (const double delta : {1e-2, 1e-3, 1e-4}) {
    const auto needed = fit(Damping::smallest_eigenvalue, GetParam(), delta, 100).steps;
    const Result fixed = fit(Damping::fixed, GetParam(), delta, 10 * needed);
    EXPECT_NE(fixed.reason.criterion, "target-loss")
        << "delta " << delta << ": " << fixed.steps << " steps against " << needed;
  }
}

TEST_P(PairedInputs, GainRatioNeedsMoreAsDeltaFalls) {
  std::int64_t before = 0;
  for (const double delta : {1e-1, 1e-2, 1e-3}) {
    const auto needed = fit(Damping::gain_ratio, GetParam(), delta, 1000).steps;
    EXPECT_GT(needed, before) << "delta " << delta;
    before = needed;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PairedInputs, testing::Values(1, 2, 3, 4, 5));

}  // namespace
}  // namespace thalweg
