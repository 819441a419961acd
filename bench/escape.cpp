// Leaving saddles: steps of perturbed descent over the dimension, published against practical
// constants.
//
// strict-saddle in d dimensions (curvatures 1 down to 0.1) from the point where x_1 = 0, eps 1e-3,
// failure probability 0.1: steps from the first perturbation to the second-order certificate, and
// seconds of the whole run. saddle-chain of 8 saddles from its random start: steps to the last one.
// Medians over the seeds; the two presets one after the other per seed.

#include <algorithm>
#include <cmath>

#include "bench.hpp"
#include "thalweg/method/perturbed.hpp"
#include "thalweg/model/saddle_chain.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg::bench {
namespace {

struct Escape {
  double steps = 0, total = 0, seconds = 0;
  bool certified = false;
};

Escape escape(const Objective& problem, const Vector& start, SaddlePreset preset,
              std::uint64_t seed) {
  Perturbed::Options options;
  options.preset = preset;
  RunOptions how;
  how.stop = max_steps(1000000);
  how.context.seed = seed;
  Result result;
  Escape escape;
  escape.seconds = seconds_of([&] { result = run(problem, Perturbed(options), start, how); });
  const auto left = std::ranges::find_if(
      result.trace, [](const StepRecord& r) { return r.escapes.value_or(0) > 0; });
  const auto first = left == result.trace.end() ? result.steps : left->iteration;
  escape.total = static_cast<double>(result.steps);
  escape.steps = static_cast<double>(result.steps - first);
  escape.certified = result.reason.criterion == "second-order";
  return escape;
}

struct Medians {
  std::vector<double> steps, total, seconds;
  int certified = 0;

  void add(const Escape& e) {
    steps.push_back(e.steps);
    total.push_back(e.total);
    seconds.push_back(e.seconds);
    certified += e.certified;
  }
  Json json() const {
    return {{"escape_steps", median(steps)},
            {"steps", median(total)},
            {"seconds", median(seconds)},
            {"certified", certified},
            {"runs", steps.size()}};
  }
};

template <class Start>
Json compare_presets(const Objective& problem, Index seeds, Start start) {
  Medians published, practical;
  for (Index seed = 1; seed <= seeds; ++seed) {
    const auto key = static_cast<std::uint64_t>(seed);
    published.add(escape(problem, start(key), SaddlePreset::published, key));
    practical.add(escape(problem, start(key), SaddlePreset::practical, key));
  }
  return {{"published", published.json()},
          {"practical", practical.json()},
          {"speedup", median(published.total) / median(practical.total)}};
}

}  // namespace

Json escape(const std::map<std::string, std::string>& given) {
  const Options options({{"dimensions", "10,100,1000,10000,100000"}, {"seeds", "5"}}, given);
  const Index seeds = options.number("seeds");
  Json result;
  for (const Index d : options.numbers("dimensions")) {
    const StrictSaddleObjective problem({.dimension = d, .least_curvature = 0.1});
    result["strict_saddle_" + std::to_string(d)] =
        compare_presets(problem, seeds, [&](std::uint64_t) { return problem.start(); });
  }
  const SaddleChainObjective chain({.dimension = 8});
  result["saddle_chain_8"] =
      compare_presets(chain, seeds, [&](std::uint64_t seed) { return chain.start(seed); });
  return result;
}

}  // namespace thalweg::bench
