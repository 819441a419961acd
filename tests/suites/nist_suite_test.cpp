// All 54 runs of the NIST nonlinear regression sets: four correct digits, each within a second.
#include <gtest/gtest.h>

#include "thalweg/method/levenberg_marquardt.hpp"
#include "thalweg/model/nist.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

Result fit(const nist::Problem& problem, std::size_t start, double initial_damping) {
  LevenbergMarquardt::Options options;
  options.initial_damping = initial_damping;
  RunOptions run_options;
  run_options.stop = max_steps(10000);
  return run(*problem.objective, LevenbergMarquardt(options), problem.starts[start], run_options);
}

class NistSet : public testing::TestWithParam<std::string> {};

TEST_P(NistSet, DefaultOptionsReachFourDigitsFromBothStartsWithinASecond) {
  const auto problem = nist::load(GetParam());
  for (const std::size_t start : {0U, 1U}) {
    SCOPED_TRACE("start " + std::to_string(start + 1));
    const Result result = fit(problem, start, LevenbergMarquardt::Options{}.initial_damping);
    EXPECT_GE(problem.digits(result.best), 4);
    EXPECT_EQ(result.reason.outcome, Outcome::converged);
    EXPECT_EQ(result.value, problem.objective->value(result.best));
    EXPECT_LT(result.seconds, 1);
  }
}

// The result does not hang on one lucky first damping.
TEST_P(NistSet, ReachesFourDigitsOverSixDecadesOfInitialDamping) {
  const auto problem = nist::load(GetParam());
  for (const double initial_damping : {1e-6, 1e-5, 1e-4, 1.1e-3, 3e-3, 1e-2, 1e-1, 1.0})
    for (const std::size_t start : {0U, 1U}) {
      SCOPED_TRACE("start " + std::to_string(start + 1) + ", initial damping " +
                   std::to_string(initial_damping));
      EXPECT_GE(problem.digits(fit(problem, start, initial_damping).best), 4);
    }
}

INSTANTIATE_TEST_SUITE_P(StRD, NistSet, testing::ValuesIn(nist::names()),
                         [](const auto& set) { return set.param; });

}  // namespace
}  // namespace thalweg
