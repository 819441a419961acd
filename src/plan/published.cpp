#include "thalweg/plan/published.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "thalweg/plan/samples.hpp"
#include "work.hpp"

namespace thalweg {
namespace {

using plan::Options;

// As the authors' program has them, before the conversion.
struct Setting {
  std::string_view problem, method;
  double stepsize, exponent, threshold, offset, momentum;
  int period;
};

constexpr std::array settings{
    Setting{"phase-retrieval", "sgd", 5e-5, 0, 0, 0, 0, 0},
    Setting{"phase-retrieval", "normalized", 0.2, 1, 0, 0, 0, 0},
    Setting{"phase-retrieval", "nsgd-momentum", 0.2, 1, 0, 0, 0.2, 0},
    Setting{"phase-retrieval", "clipped-sgd", 0.6, 1, 2025, 15, 0, 0},
    Setting{"phase-retrieval", "spider", 0.3, 1, 0, 0, 0, 20},
    Setting{"phase-retrieval", "ian-sgd", 0.3, 2.0 / 3, 2025, 15, 0, 0},
    Setting{"dro", "sgd", 4e-5, 0, 0, 0, 0, 0},
    Setting{"dro", "normalized", 0.005, 2.0 / 3, 0, 0, 0, 0},
    Setting{"dro", "nsgd-momentum", 0.005, 2.0 / 3, 0, 0, 0.1, 0},
    Setting{"dro", "clipped-sgd", 0.14, 2.0 / 3, 1225, 25, 0, 0},
    Setting{"dro", "spider", 0.003, 2.0 / 3, 0, 0, 0, 15},
    Setting{"dro", "ian-sgd", 0.14, 2.0 / 3, 1225, 25, 0, 0},
    Setting{"two-point", "sgd", 0.01, 0, 0, 0, 0, 0},
    Setting{"two-point", "normalized", 0.01, 1, 0, 0, 0, 0},
    Setting{"two-point", "clipped-sgd", 0.01, 1, 1, 1, 0, 0},
    Setting{"two-point", "ian-sgd", 0.01, 1, 1, 1, 0, 0},
};

struct Experiment {
  std::string_view problem;
  int batch, independent_batch;
  double samples;      // the budget; 0: counted in steps
  std::int64_t steps;  // where it is counted so
  Preparation preparation;
  bool halved;  // the program's gradient is half of that of the objective
  bool tail_average;
};

constexpr std::array experiments{
    Experiment{"phase-retrieval", 64, 4, 34000, 0, {1, 0.1, 2.0 / 3}, true, false},
    Experiment{"dro", 128, 8, 136000, 0, {30, 0.2, 1}, false, false},
    Experiment{"two-point", 1, 1, 0, 40000, {}, false, true},
};

const Experiment* find_experiment(std::string_view problem) {
  const auto found = std::ranges::find(experiments, problem, &Experiment::problem);
  return found == experiments.end() ? nullptr : &*found;
}

std::string text(double number) { return fmt::format("{}", number); }

double converted(const Experiment& experiment, double stepsize, double exponent) {
  return experiment.halved ? std::exp2(exponent - 1) * stepsize : stepsize;
}

Options options_of(const Experiment& experiment, const Setting& setting) {
  const double unit = experiment.halved ? 2 : 1;
  Options options{{"batch", text(experiment.batch)}};
  options[setting.method == "sgd" ? "eta" : "stepsize"] =
      text(converted(experiment, setting.stepsize, setting.exponent));
  if (setting.method != "sgd") options["exponent"] = text(setting.exponent);
  if (setting.threshold > 0) {
    options["threshold"] = text(unit * setting.threshold);
    options["offset"] = text(unit * setting.offset);
  }
  if (setting.method == "ian-sgd")
    options["independent-batch"] = text(experiment.independent_batch);
  if (setting.momentum > 0) options["momentum"] = text(setting.momentum);
  if (setting.period > 0) options["period"] = text(setting.period);
  // Measured often enough to see when a value is reached; it costs no samples.
  if (!experiment.tail_average) options["evaluate"] = "5";
  if (experiment.tail_average) {
    options["output"] = "tail-average";
    // Only the answer counts: on the way down from the start every method passes the minimum.
    options["evaluate"] = text(static_cast<double>(experiment.steps));
  }
  return options;
}

}  // namespace

std::optional<PublishedSettings> published_settings(std::string_view problem,
                                                    std::string_view method, Index samples) {
  const Experiment* experiment = find_experiment(problem);
  const auto setting = std::ranges::find_if(
      settings, [&](const Setting& s) { return s.problem == problem && s.method == method; });
  if (!experiment || setting == settings.end()) return std::nullopt;
  PublishedSettings published;
  published.options = options_of(*experiment, *setting);
  published.preparation = experiment->preparation;
  published.preparation.stepsize =
      converted(*experiment, experiment->preparation.stepsize, experiment->preparation.exponent);
  published.steps = experiment->steps;
  if (experiment->samples > 0)
    published.steps = updates_within(std::string(method), published.options, samples,
                                     static_cast<std::int64_t>(experiment->samples));
  return published;
}

std::vector<std::string> published_methods(std::string_view problem) {
  std::vector<std::string> names;
  for (const Setting& setting : settings)
    if (setting.problem == problem) names.emplace_back(setting.method);
  return names;
}

}  // namespace thalweg
