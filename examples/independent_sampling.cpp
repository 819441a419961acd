// When independence helps: the mean of two points by normalized stochastic steps, once divided by
// the gradient of a sample drawn apart, once by that of the same sample; and preflight, which says
// beforehand that the second goes astray.
#include <cstdio>

#include "thalweg/method/ian_sgd.hpp"
#include "thalweg/model/two_point.hpp"
#include "thalweg/plan/sampling.hpp"
#include "thalweg/run/run.hpp"

using namespace thalweg;

constexpr std::int64_t steps = 40000;

// The average of the late iterates; value and gradient are measured once, at the end.
double average(std::int64_t independent_batch, std::uint64_t seed) {
  IanSgd::Options options{.stepsize = 0.01,
                          .exponent = 1,
                          .threshold = 1,
                          .offset = 1,
                          .independent_batch = independent_batch};
  options.sampling = {
      .batch = 1, .evaluate = steps, .output = SamplingOptions::Output::tail_average};
  RunOptions run_options;
  run_options.stop = max_steps(steps);
  run_options.context.seed = seed;
  return run(*two_point(), IanSgd(options), two_point_start(), run_options).last[0];
}

int main() {
  std::printf("10 with probability 1/5, -1 with 4/5: mean %.1f\n\n", two_point_minimizer());
  std::printf("seed  independent  same batch\n");
  for (const std::uint64_t seed : {1, 2, 3, 4, 5})
    std::printf("%4d  %11.2f  %10.2f\n", static_cast<int>(seed), average(1, seed),
                average(0, seed));

  NormalizationBiasOptions options;
  options.batch = options.independent_batch = 1;
  options.normalizer = {.exponent = 1, .scale = 2, .offset = 1, .threshold = 1};
  const NormalizationBias bias =
      measure_normalization_bias(*two_point(), two_point_start(), options);
  std::printf(
      "\npreflight: alignment with the gradient %.2f by the same batch, %.2f by another: %s\n",
      bias.same_batch, bias.independent, to_string(choose_sampling(bias).sampling));
}
