// Phase retrieval by stochastic methods with the settings of Yang et al. (TMLR 2025): the samples
// until the value comes near its noise floor, 8. Medians of five seeds; a seed fixes data, start
// and batches. With a path it also draws the runs of the first seed: example_phase_retrieval
// figure.svg
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "log_picture.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/phase_retrieval.hpp"
#include "thalweg/plan/published.hpp"
#include "thalweg/plan/samples.hpp"
#include "thalweg/run/run.hpp"

using namespace thalweg;

constexpr std::int64_t budget = 34000;  // samples

struct Contender {
  const char *name, *method;
  std::map<std::string, std::string> changes = {};
};
const Contender contenders[] = {
    {"ian-sgd", "ian-sgd"},
    {"ian-sgd, same batch", "ian-sgd", {{"independent-batch", "0"}}},
    {"normalized", "normalized"},
    {"nsgd-momentum", "nsgd-momentum"},
    {"clipped-sgd", "clipped-sgd"},
    {"spider", "spider"},
    {"sgd", "sgd"},
};

// The published start: a full normalized step from the drawn one.
Vector prepared(const Objective& problem, Vector z, const Preparation& preparation) {
  Vector g(z.size());
  for (int step = 0; step < preparation.steps; ++step) {
    problem.value_and_gradient(z, g);
    z -= preparation.stepsize * std::pow(g.norm(), -preparation.exponent) * g;
  }
  return z;
}

Result descend(const Contender& contender, std::uint64_t seed) {
  PhaseRetrievalOptions drawn;
  drawn.seed = seed;
  const PhaseRetrieval problem = phase_retrieval(drawn);
  PublishedSettings settings =
      *published_settings("phase-retrieval", contender.method, drawn.samples);
  for (const auto& [key, value] : contender.changes) settings.options[key] = value;
  settings.steps = updates_within(contender.method, settings.options, drawn.samples, budget);
  RunOptions options;
  options.stop = max_steps(settings.steps) | divergence();
  options.context.seed = seed;
  return run(*problem.objective, *find_method(contender.method).make(settings.options),
             prepared(*problem.objective, problem.start, settings.preparation), options);
}

double samples_to(const Result& result, double value) {
  for (const StepRecord& record : result.trace)
    if (record.value <= value) return static_cast<double>(record.samples);
  return HUGE_VAL;
}

double median(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  return numbers[numbers.size() / 2];
}

std::string count(double samples) {
  return std::isfinite(samples) ? fmt::format("{:.0f}", samples) : "never";
}

int main(int argc, char** argv) {
  LogPicture picture{.title = "Phase retrieval, published settings: value over samples",
                     .x_name = "samples",
                     .first_x = 0,
                     .last_x = 7,
                     .first_y = 0,
                     .last_y = 6,
                     .legend_x = 0.68,
                     .legend_y = 0.97,
                     .tick_x = 5000};
  std::printf("                      samples to 20  to 10  value at the end\n");
  for (const Contender& contender : contenders) {
    std::vector<double> to_20, to_10, last;
    for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
      const Result result = descend(contender, seed);
      to_20.push_back(samples_to(result, 20));
      to_10.push_back(samples_to(result, 10));
      last.push_back(result.trace.back().value);
      if (seed > 1) continue;
      LogLine line{contender.name, {}};
      for (const StepRecord& record : result.trace)
        line.points.emplace_back(record.samples, std::log10(record.value));
      picture.lines.push_back(std::move(line));
    }
    std::printf("%-20s  %13s  %5s  %16.1f\n", contender.name, count(median(to_20)).c_str(),
                count(median(to_10)).c_str(), median(last));
  }
  if (argc > 1) picture.write(argv[1]);
}
