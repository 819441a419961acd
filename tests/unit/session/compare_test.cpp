// Comparisons: equal samples, a search that finds the stepsize, costs that are counted, and
// verdicts.
#include "thalweg/session/compare.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/model/logistic_toy.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/phase_retrieval.hpp"

namespace thalweg {
namespace {

using report::ComparedMethod;
using report::ComparisonSection;

// f(x) = (1/N) sum_i |x - a_i|^2 / 2: curvature 1, so that full gradient steps of size 1 solve it
// and steps beyond 2 diverge. Counts its samples.
class Centers final : public Objective, public FiniteSum {
 public:
  static constexpr Index samples = 20, parameters = 3;

  explicit Centers(std::uint64_t seed) {
    RandomStream random(seed, "centers");
    rows_ = random.normal_vector(samples * parameters).reshaped(samples, parameters);
  }
  Index dimension() const override { return parameters; }
  Index sample_count() const override { return samples; }
  double value(const ConstVectorRef& x) const override {
    return 0.5 * (rows_.rowwise() - x.transpose()).rowwise().squaredNorm().mean();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = x - rows_.colwise().mean().transpose();
    return value(x);
  }
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override {
    g.setZero();
    double sum = 0;
    for (const Index i : batch) {
      const Vector difference = x - rows_.row(i).transpose();
      g += difference / static_cast<double>(batch.size());
      sum += 0.5 * difference.squaredNorm() / static_cast<double>(batch.size());
    }
    return sum;
  }
  double least() const { return value(rows_.colwise().mean().transpose()); }

 private:
  Matrix rows_;
};

Instance centers(std::uint64_t seed) {
  return {.objective = std::make_shared<Centers>(3),
          .start = RandomStream(seed, "start").normal_vector(Centers::parameters) * 10,
          .validation = {},
          .test = {}};
}

CompareOptions comparing(std::vector<std::string> methods) {
  CompareOptions options;
  options.methods = std::move(methods);
  return options;
}

const ComparedMethod& of(const ComparisonSection& section, const std::string& name) {
  return *std::ranges::find(section.methods, name, &ComparedMethod::method);
}

TEST(Compare, MethodsOnBatchesTakeTheSameSamples) {
  CompareOptions options =
      comparing({"sgd", "adam", "normalized", "ian-sgd", "clipped-sgd", "nsgd-momentum"});
  options.method_options = {{"batch", "4"}, {"independent-batch", "4"}, {"stepsize", "0.01"}};
  options.samples = 400;
  const ComparisonSection section = compare(centers, options);
  EXPECT_EQ(section.samples, 400);
  EXPECT_EQ(section.seeds, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  for (const ComparedMethod& method : section.methods) {
    ASSERT_EQ(method.runs.size(), 5U);
    for (const auto& run : method.runs) EXPECT_EQ(run.samples, 400) << method.method;
  }
  EXPECT_EQ(of(section, "ian-sgd").runs[0].steps, 50);
  EXPECT_EQ(of(section, "sgd").runs[0].steps, 100);
}

TEST(Compare, MethodsOnAllSamplesCountNoStepBeyond) {
  CompareOptions options = comparing({"gd", "lbfgs", "adam"});
  options.method_options = {{"batch", "0"}};
  options.samples = 5 * Centers::samples + 7;
  const ComparisonSection section = compare(centers, options);
  const auto& adam = of(section, "adam").runs[0];
  EXPECT_EQ(adam.samples, 5 * Centers::samples) << "the start and 4 steps";
  EXPECT_EQ(adam.steps, 4);
  for (const auto& run : of(section, "lbfgs").runs)
    if (run.samples_to_target) {
      EXPECT_LE(*run.samples_to_target, *options.samples);
    }
}

TEST(Compare, TheSearchFindsABetterStepsizeThanThatOfThePlan) {
  CompareOptions options = comparing({"adam", "gd"});
  options.method_options = {{"batch", "0"}, {"rule", "constant"}};
  options.samples = 6 * Centers::samples;
  options.tuning_trials = 0;
  const ComparisonSection planned = compare(centers, options);
  options.tuning_trials = 12;
  const ComparisonSection tuned = compare(centers, options);
  // Steps of 0.001 go nowhere from a start 10 away.
  EXPECT_EQ(of(planned, "adam").options.at("stepsize"), "0.001");
  EXPECT_GT(*of(tuned, "adam").tuning.chosen, 0.01);
  EXPECT_LT(of(tuned, "adam").value->median, 0.5 * of(planned, "adam").value->median);
  EXPECT_EQ(of(tuned, "adam").options.at("stepsize"),
            fmt::format("{}", *of(tuned, "adam").tuning.chosen));
  // Of constant steps that of 1 is exact, and is the plan's: no other is better.
  EXPECT_EQ(*of(tuned, "gd").tuning.chosen, 1);
  EXPECT_NEAR(of(tuned, "gd").value->median, Centers(3).least(), 1e-12);
}

TEST(Compare, TheCostOfTheSearchIsCounted) {
  CompareOptions options = comparing({"nsgd-momentum", "lbfgs"});
  options.method_options = {{"batch", "4"}};
  options.samples = 200;
  options.tuning_trials = 7;
  const ComparisonSection section = compare(centers, options);
  const report::TuningSection& tuning = of(section, "nsgd-momentum").tuning;
  EXPECT_EQ(tuning.trials, 7);
  EXPECT_EQ(tuning.samples, 7 * 200);
  EXPECT_EQ(tuning.option, "stepsize");
  EXPECT_TRUE(tuning.because.empty());
  const report::TuningSection& none = of(section, "lbfgs").tuning;
  EXPECT_EQ(none.trials, 0);
  EXPECT_EQ(none.samples, 0);
  EXPECT_EQ(none.because, "no stepsize to set");
}

TEST(Compare, WhatTheUserOrAPresetFixesIsNotSearchedFor) {
  CompareOptions options = comparing({"sgd", "adam"});
  options.method_options = {{"batch", "4"}, {"stepsize", "0.05"}};
  options.samples = 200;
  const ComparisonSection given = compare(centers, options);
  EXPECT_EQ(of(given, "sgd").options.at("eta"), "0.05") << "its name for the stepsize";
  EXPECT_EQ(of(given, "adam").options.at("stepsize"), "0.05");
  for (const ComparedMethod& method : given.methods) {
    EXPECT_EQ(method.tuning.trials, 0);
    EXPECT_EQ(method.tuning.because, "stepsize given");
  }

  options.method_options = {{"batch", "5"}};
  options.samples.reset();
  options.preset = [](const std::string& method) {
    return MethodPreset{.options = {{"stepsize", method == "sgd" ? "0.1" : "0.2"}, {"batch", "2"}},
                        .steps = 30};
  };
  const ComparisonSection preset = compare(centers, options);
  EXPECT_EQ(of(preset, "sgd").options.at("eta"), "0.1");
  EXPECT_EQ(of(preset, "adam").options.at("stepsize"), "0.2");
  EXPECT_EQ(of(preset, "adam").options.at("batch"), "5") << "the user comes first";
  EXPECT_EQ(preset.samples, 5 * 30);
  EXPECT_EQ(of(preset, "sgd").runs[0].steps, 30);
  EXPECT_EQ(of(preset, "sgd").tuning.trials, 0);
}

TEST(Compare, EqualSeedsGiveEqualBits) {
  CompareOptions options = comparing({"sgd", "spider", "lbfgs"});
  options.method_options = {{"batch", "4"}};
  options.samples = 300;
  options.tuning_trials = 4;
  const auto drawn = [](std::uint64_t seed) {
    PhaseRetrieval made = phase_retrieval({.samples = 40, .dimension = 5, .seed = seed});
    return Instance{.objective = std::move(made.objective),
                    .start = std::move(made.start),
                    .validation = {},
                    .test = {}};
  };
  const ComparisonSection first = compare(drawn, options), second = compare(drawn, options);
  options.seeds = {4, 2};
  const ComparisonSection fewer = compare(drawn, options);
  for (std::size_t m = 0; m < first.methods.size(); ++m) {
    const auto& runs = first.methods[m].runs;
    EXPECT_EQ(first.methods[m].options, second.methods[m].options);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      EXPECT_EQ(runs[i].value, second.methods[m].runs[i].value);
      EXPECT_EQ(runs[i].samples_to_target, second.methods[m].runs[i].samples_to_target);
    }
    EXPECT_EQ(fewer.methods[m].runs[0].value, runs[3].value) << "a run depends on its seed alone";
    EXPECT_EQ(fewer.methods[m].runs[1].value, runs[1].value);
    EXPECT_NE(runs[0].value, runs[1].value) << "other data";
  }
}

TEST(Compare, ATargetIsCountedInSamples) {
  CompareOptions options = comparing({"gd", "adam"});
  options.method_options = {{"batch", "0"}, {"rule", "constant"}, {"stepsize", "1"}};
  options.samples = 10 * Centers::samples;
  options.target = 1.0001 * Centers(3).least();
  const ComparisonSection section = compare(centers, options);
  EXPECT_TRUE(section.target_given);
  EXPECT_EQ(*of(section, "gd").samples_to_target, 2 * Centers::samples) << "one exact step";
  EXPECT_EQ(of(section, "gd").reached, 5);
  EXPECT_FALSE(of(section, "adam").samples_to_target);
  EXPECT_EQ(of(section, "adam").reached, 0);
  options.target.reset();
  const ComparisonSection common = compare(centers, options);
  EXPECT_EQ(*common.target, of(common, "adam").value->median) << "the largest median";
  EXPECT_GE(of(common, "adam").reached, 3);
  EXPECT_EQ(*of(common, "gd").samples_to_target, 2 * Centers::samples);
}

TEST(Compare, RunsThatDivergeAreCountedAndRankLast) {
  CompareOptions options = comparing({"gd", "lbfgs"});
  options.method_options = {{"rule", "constant"}, {"stepsize", "1000"}};
  options.samples = 40 * Centers::samples;
  const ComparisonSection section = compare(centers, options);
  EXPECT_EQ(of(section, "gd").diverged, 5);
  EXPECT_EQ(of(section, "lbfgs").diverged, 0);
  EXPECT_EQ(section.ranking[0].method, "lbfgs");
  EXPECT_EQ(section.ranking[1].rank, 2);
  EXPECT_EQ(*section.target, of(section, "lbfgs").value->median) << "gd stayed at its start";
}

TEST(Compare, TwoWaysToTheSameMinimumAreNotDistinguished) {
  CompareOptions options = comparing({"lbfgs", "newton", "adam"});
  options.method_options = {{"batch", "0"}, {"stepsize", "0.001"}};
  options.samples = 30 * Centers::samples;
  const ComparisonSection section = compare(centers, options);
  ASSERT_EQ(section.ranking.size(), 3U);
  EXPECT_EQ(section.ranking[0].rank, 1);
  EXPECT_EQ(section.ranking[1].rank, 1);
  EXPECT_EQ(section.ranking[0].not_distinguishable_from,
            std::vector<std::string>{section.ranking[1].method});
  EXPECT_EQ(section.ranking[2].method, "adam");
  EXPECT_EQ(section.ranking[2].rank, 3);
  options.seeds = {1, 2};
  const ComparisonSection few = compare(centers, options);
  for (const auto& ranked : few.ranking) EXPECT_EQ(ranked.not_distinguishable_from.size(), 2U);
}

TEST(Compare, HeldBackRowsAreMeasuredAtThePointReturned) {
  const auto instance = [](std::uint64_t seed) {
    Instance made = centers(seed);
    made.validation.loss = [](const ConstVectorRef& x) { return x.squaredNorm(); };
    made.validation.metrics = [](const ConstVectorRef& x) {
      return Metrics{.rmse = {}, .mae = {}, .r2 = x[0], .accuracy = {}, .cross_entropy = {}};
    };
    return made;
  };
  CompareOptions options = comparing({"gd", "lbfgs"});
  options.samples = 30 * Centers::samples;
  const ComparisonSection section = compare(instance, options);
  Vector center(Centers::parameters);
  Centers(3).value_and_gradient(Vector::Zero(Centers::parameters), center);  // minus the mean
  EXPECT_NEAR(of(section, "lbfgs").validation_loss->median, center.squaredNorm(), 1e-9);
  EXPECT_NEAR(of(section, "lbfgs").validation_score->median, -center[0], 1e-9);
  EXPECT_FALSE(of(section, "lbfgs").test_loss);
}

TEST(Compare, AStopRequestLeavesTheSeedsThatAllFinished) {
  StopToken token;
  CompareOptions options = comparing({"adam", "lbfgs"});
  options.method_options = {{"batch", "4"}, {"stepsize", "0.01"}};
  options.samples = 400;
  options.stop_token = &token;
  options.watch = [&](const CompareProgress& progress) {
    EXPECT_EQ(progress.runs, 10);
    if (progress.seed == 3 && progress.method == "lbfgs") token.request();
  };
  const ComparisonSection section = compare(centers, options);
  EXPECT_TRUE(section.interrupted);
  EXPECT_EQ(section.seeds, (std::vector<std::uint64_t>{1, 2}));
  for (const ComparedMethod& method : section.methods) EXPECT_EQ(method.runs.size(), 2U);
  options.watch = nullptr;
  const ComparisonSection none = compare(centers, options);
  EXPECT_TRUE(none.interrupted);
  EXPECT_TRUE(none.seeds.empty());
  EXPECT_TRUE(none.ranking.empty());
}

TEST(Compare, AMethodThatCannotWorkIsRefusedByName) {
  const auto refused = [](std::vector<std::string> methods) -> std::string {
    try {
      compare(centers, comparing(std::move(methods)));
    } catch (const UsageError& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_NE(refused({"adam", "levenberg-marquardt"}).find("levenberg-marquardt cannot be compared"),
            std::string::npos);
  EXPECT_NE(refused({"large-step-adaptive", "adam"}).find("large-step-adaptive cannot"),
            std::string::npos);
  EXPECT_NE(refused({"adam", "magic"}).find("magic"), std::string::npos);
}

TEST(Compare, WhatCannotBeUsedIsRefused) {
  const auto refused = [](CompareOptions options) {
    EXPECT_THROW(compare(centers, options), UsageError);
  };
  refused(comparing({}));
  refused(comparing({"adam"}));
  refused(comparing({"adam", "adam"}));
  CompareOptions options = comparing({"adam", "sgd"});
  options.method_options = {{"bogus", "1"}};
  refused(options);
  options.method_options = {{"batch", "-1"}};
  refused(options);
  options = comparing({"adam", "sgd"});
  options.seeds = {};
  refused(options);
  options.seeds = {3, 3};
  refused(options);
  options.seeds = {0, 1};
  refused(options);  // the tuning seed
  options = comparing({"adam", "lbfgs"});
  options.samples = Centers::samples;
  refused(options);  // no step
  options.samples = 2 * Centers::samples;
  EXPECT_NO_THROW(compare(centers, options));
}

TEST(TuningFactors, OneFromEachPartOfTheRange) {
  const std::vector<double> factors = tuning_factors(13, 7);
  ASSERT_EQ(factors.size(), 13U);
  EXPECT_EQ(factors[0], 1);
  for (std::size_t i = 1; i < 13; ++i) {  // twelve parts of half a decade
    const double part = static_cast<double>(i - 1);
    EXPECT_GT(std::log10(factors[i]), -3 + 0.5 * part);
    EXPECT_LT(std::log10(factors[i]), -3 + 0.5 * (part + 1));
  }
  EXPECT_EQ(tuning_factors(13, 7), factors);
  EXPECT_NE(tuning_factors(13, 8), factors);
  EXPECT_EQ(tuning_factors(1, 7), std::vector<double>{1});
  EXPECT_TRUE(tuning_factors(0, 7).empty());
}

TEST(Spread, QuartilesBetweenNeighbours) {
  const report::Spread odd = spread_of({5, 1, 4, 2, 3});
  EXPECT_EQ(odd.lower_quartile, 2);
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.upper_quartile, 4);
  const report::Spread even = spread_of({4, 1, 3, 2});  // as numpy.percentile has them
  EXPECT_DOUBLE_EQ(even.lower_quartile, 1.75);
  EXPECT_DOUBLE_EQ(even.median, 2.5);
  EXPECT_DOUBLE_EQ(even.upper_quartile, 3.25);
  EXPECT_EQ(spread_of({7}).upper_quartile, 7);
  EXPECT_THROW(spread_of({}), UsageError);
}

TEST(Spread, OverlappingQuartilesAreNotDistinguishable) {
  const report::Spread low{2, 1, 3}, middle{3.5, 2.9, 4}, high{6, 5, 7};
  EXPECT_FALSE(distinguishable(low, middle));
  EXPECT_FALSE(distinguishable(middle, low));
  EXPECT_TRUE(distinguishable(low, high));
  EXPECT_TRUE(distinguishable(high, low));
  const report::Spread exact{1, 1, 1}, near{1.0005, 1.0005, 1.0005}, far{1.002, 1.002, 1.002};
  EXPECT_FALSE(distinguishable(exact, near)) << "within 0.1 %";
  EXPECT_TRUE(distinguishable(exact, far));
}

}  // namespace
}  // namespace thalweg
