// The published settings against the numbers of the paper and the conversion to the true gradient.
#include "thalweg/plan/published.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/method/registry.hpp"
#include "thalweg/plan/samples.hpp"

namespace thalweg {
namespace {

double number(const PublishedSettings& settings, const std::string& key) {
  return std::stod(settings.options.at(key));
}

PublishedSettings published(const std::string& problem, const std::string& method,
                            Index samples = 3000) {
  const auto settings = published_settings(problem, method, samples);
  EXPECT_TRUE(settings) << problem << " " << method;
  return settings.value_or(PublishedSettings{});
}

// Steps gamma g / (A |g| + delta)^beta with half the gradient: 2^(beta - 1) gamma with all of it.
TEST(Published, StepsOfPhaseRetrievalAreThoseOfTheTrueGradient) {
  const PublishedSettings ian = published("phase-retrieval", "ian-sgd");
  EXPECT_NEAR(number(ian, "stepsize"), 0.3 * std::pow(2, -1.0 / 3), 1e-15);
  EXPECT_NEAR(number(ian, "exponent"), 2.0 / 3, 1e-15);
  EXPECT_EQ(number(ian, "threshold"), 4050);  // 2 * 45^2
  EXPECT_EQ(number(ian, "offset"), 30);
  EXPECT_EQ(number(ian, "batch"), 64);
  EXPECT_EQ(number(ian, "independent-batch"), 4);

  const PublishedSettings clipped = published("phase-retrieval", "clipped-sgd");
  EXPECT_EQ(number(clipped, "stepsize"), 0.6);  // exponent 1: as it was
  EXPECT_EQ(number(clipped, "threshold"), 4050);
  EXPECT_EQ(number(clipped, "offset"), 30);
  EXPECT_EQ(number(published("phase-retrieval", "sgd"), "eta"), 2.5e-5);
  EXPECT_EQ(number(published("phase-retrieval", "normalized"), "stepsize"), 0.2);
  EXPECT_EQ(number(published("phase-retrieval", "nsgd-momentum"), "momentum"), 0.2);
  EXPECT_EQ(number(published("phase-retrieval", "spider"), "period"), 20);

  // One step of 2/3 normalized descent before the run.
  EXPECT_EQ(ian.preparation.steps, 1);
  EXPECT_NEAR(ian.preparation.stepsize, 0.1 * std::pow(2, -1.0 / 3), 1e-15);
  EXPECT_NEAR(ian.preparation.exponent, 2.0 / 3, 1e-15);
}

TEST(Published, TheOthersAreAsTheyWereWritten) {
  const PublishedSettings ian = published("dro", "ian-sgd");
  EXPECT_EQ(number(ian, "stepsize"), 0.14);
  EXPECT_EQ(number(ian, "threshold"), 1225);  // 35^2
  EXPECT_EQ(number(ian, "offset"), 25);
  EXPECT_EQ(number(ian, "batch"), 128);
  EXPECT_EQ(number(ian, "independent-batch"), 8);
  EXPECT_EQ(ian.preparation.steps, 30);
  EXPECT_EQ(ian.preparation.stepsize, 0.2);
  EXPECT_EQ(number(published("dro", "spider"), "period"), 15);

  const PublishedSettings two_point = published("two-point", "ian-sgd", 5);
  EXPECT_EQ(two_point.steps, 40000);
  EXPECT_EQ(number(two_point, "threshold"), 1);
  EXPECT_EQ(number(two_point, "batch"), 1);
  EXPECT_EQ(two_point.options.at("output"), "tail-average");
  EXPECT_EQ(two_point.preparation.steps, 0);
}

TEST(Published, EveryMethodTakesItsOptions) {
  for (const char* problem : {"phase-retrieval", "dro", "two-point"}) {
    EXPECT_FALSE(published_methods(problem).empty());
    for (const std::string& method : published_methods(problem)) {
      SCOPED_TRACE(std::string(problem) + ", " + method);
      EXPECT_NO_THROW(find_method(method).make(published(problem, method).options));
    }
  }
}

TEST(Published, AsManyStepsAsTheBudgetOfSamplesAllowsWhateverTheSize) {
  const std::pair<const char*, std::int64_t> budgets[] = {{"phase-retrieval", 34000},
                                                          {"dro", 136000}};
  for (const auto& [problem, budget] : budgets)
    for (const std::string& method : published_methods(problem))
      for (const Index samples : {5, 100, 3000, 33990, 100000}) {
        const PublishedSettings settings = published(problem, method, samples);
        SCOPED_TRACE(std::string(problem) + ", " + method + ", " + std::to_string(samples));
        EXPECT_LE(samples_of(method, settings.options, samples, settings.steps), budget);
        EXPECT_GT(samples_of(method, settings.options, samples, settings.steps + 1), budget);
      }
  EXPECT_EQ(published("phase-retrieval", "ian-sgd").steps, 34000 / 68);
  EXPECT_EQ(published("phase-retrieval", "normalized").steps, 34000 / 64);
  // Periods of one full gradient and 19 pairs of batches: 3000 + 19 * 128.
  EXPECT_EQ(published("phase-retrieval", "spider").steps, 34000 / 5432 * 20);
  // A full gradient alone is over the budget.
  EXPECT_EQ(published("phase-retrieval", "spider", 100000).steps, 0);
}

TEST(Published, NothingIsMadeUp) {
  EXPECT_FALSE(published_settings("phase-retrieval", "adam", 3000));
  EXPECT_FALSE(published_settings("phase-retrieval", "", 3000));
  EXPECT_FALSE(published_settings("two-point", "spider", 5));
  EXPECT_FALSE(published_settings("cosh", "normalized", 1));
  EXPECT_TRUE(published_methods("cosh").empty());
}

}  // namespace
}  // namespace thalweg
