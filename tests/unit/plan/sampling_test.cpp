#include "thalweg/plan/sampling.hpp"

#include <gtest/gtest.h>

namespace thalweg {
namespace {

NormalizationBias measured(bool significant) {
  NormalizationBias bias;
  bias.significant = significant;
  bias.same_batch = significant ? -0.55 : 0.12;
  bias.same_batch_error = 0.05;
  bias.gradient_to_noise = 0.15;
  bias.false_alarm = 1e-3;
  bias.points = 3;
  bias.batch = 4;
  bias.searched = true;
  return bias;
}

TEST(ChooseSampling, PaysForIndependenceOnlyWhereTheBiasIsSignificant) {
  const SamplingChoice biased = choose_sampling(measured(true));
  EXPECT_EQ(biased.sampling, Sampling::independent);
  for (const char* part : {"batch of 4", "uphill", "-0.55", "0.15", "once in 1000"})
    EXPECT_NE(biased.because.find(part), std::string::npos) << biased.because;

  const SamplingChoice fair = choose_sampling(measured(false));
  EXPECT_EQ(fair.sampling, Sampling::same_batch);
  EXPECT_NE(fair.because.find("0.12"), std::string::npos) << fair.because;
}

TEST(ChooseSampling, SaysWhereNothingCouldBeSeen) {
  NormalizationBias far = measured(false);
  far.searched = false;
  EXPECT_NE(choose_sampling(far).because.find("as far down as it was followed"), std::string::npos);
  const SamplingChoice nothing = choose_sampling(NormalizationBias{});
  EXPECT_EQ(nothing.sampling, Sampling::same_batch);
  EXPECT_NE(nothing.because.find("could not be measured"), std::string::npos);
}

}  // namespace
}  // namespace thalweg
