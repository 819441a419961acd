// Eight saddles in a row: gradient descent takes geometrically longer for each, perturbed descent
// the same time. Steps until each saddle is passed, medians of five random starts. With a path it
// also draws them: example_saddle_chain figure.svg
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "log_picture.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/saddle_chain.hpp"

using namespace thalweg;

constexpr Index saddles = 8;
constexpr int most_steps = 20000;

struct Contender {
  const char *name, *method;
  std::map<std::string, std::string> options;
};
const Contender contenders[] = {
    {"gd, stepsize 1/16", "gd", {{"stepsize", "0.0625"}}},
    {"perturbed, published", "perturbed", {{"eps", "1e-3"}}},
    {"perturbed, practical", "perturbed", {{"eps", "1e-3"}, {"preset", "practical"}}},
    {"negative-curvature", "negative-curvature", {{"eps", "1e-3"}}},
};

// The step at which each saddle is passed; infinite where it is not.
std::vector<double> passed_at(const SaddleChainObjective& problem, const Method& method,
                              std::uint64_t seed) {
  std::vector<double> steps(saddles, HUGE_VAL);
  Context context;
  context.seed = seed;
  const auto state = method.init(problem, problem.start(seed), context);
  for (int t = 1; t <= most_steps; ++t) {
    const StepRecord record = method.step(problem, *state, context);
    for (Index k = 0; k < problem.passed(state->x); ++k)
      steps[static_cast<std::size_t>(k)] = std::min<double>(steps[static_cast<std::size_t>(k)], t);
    if (record.halt) break;
  }
  return steps;
}

int main(int argc, char** argv) {
  const SaddleChainObjective problem({.dimension = saddles});
  LogPicture picture{.title = "Saddles passed, one after the other: steps until each",
                     .x_name = "saddle",
                     .first_x = 0,
                     .last_x = 8,
                     .first_y = 0,
                     .last_y = 4,
                     .legend_x = 0.6,
                     .legend_y = 0.36,
                     .tick_x = 1};
  std::printf("saddle                    1     2     3     4     5     6     7     8\n");
  for (const Contender& contender : contenders) {
    const auto method = find_method(contender.method).make(contender.options);
    std::vector<std::vector<double>> runs;
    for (const std::uint64_t seed : {1, 2, 3, 4, 5})
      runs.push_back(passed_at(problem, *method, seed));
    LogLine line{contender.name, {}, true};
    std::printf("%-20s", contender.name);
    for (std::size_t k = 0; k < saddles; ++k) {
      std::ranges::sort(runs, {}, [k](const auto& run) { return run[k]; });
      const double steps = runs[runs.size() / 2][k];
      if (std::isfinite(steps)) {
        line.points.emplace_back(static_cast<double>(k + 1), std::log10(steps));
        std::printf("  %4.0f", steps);
      } else {
        std::printf("     -");
      }
    }
    std::printf("\n");
    picture.lines.push_back(std::move(line));
  }
  if (argc > 1) picture.write(argv[1]);
}
