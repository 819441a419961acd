// What the watching of a run costs: the same training with and without the watch for plateaus,
// their diagnosis and the second-order certificate.

#include <cmath>

#include "bench.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg::bench {
namespace {

// A smooth function of the inputs with noise, standardized; the rows of a table such as concrete.
struct Training {
  Network network;
  CompositeObjective objective;
  Vector start;
};

Training training(Index rows, Index inputs, std::vector<Index> widths) {
  const Matrix table = normal_matrix(rows, inputs, "inputs");
  const Matrix noise = normal_matrix(rows, 1, "noise");
  const Matrix directions =
      normal_matrix(inputs, 4, "directions") / std::sqrt(static_cast<double>(inputs));
  Matrix targets = (table * directions).array().sin().rowwise().sum().matrix() + 0.3 * noise;
  targets.array() -= targets.mean();
  targets /= std::sqrt(targets.squaredNorm() / static_cast<double>(rows));
  Network network({.inputs = inputs, .hidden = std::move(widths), .outputs = 1});
  return {network,
          {network.on(table), std::make_shared<SquaredLoss>(targets)},
          network.initial_parameters(1)};
}

}  // namespace

Json watching(const std::map<std::string, std::string>& given) {
  const Options options({{"method", "levenberg-marquardt"},
                         {"rows", "824"},
                         {"inputs", "8"},
                         {"widths", "64,64"},
                         {"batch", "0"},
                         {"steps", "plan"},
                         {"repeats", "5"}},
                        given);
  const Training task =
      training(options.number("rows"), options.number("inputs"), options.numbers("widths"));
  Goal goal;
  goal.method = options.text("method");
  if (options.text("steps") != "plan") goal.max_steps = options.number("steps");
  if (options.text("batch") != "0") goal.method_options["batch"] = options.text("batch");

  report::Record record;
  const ProblemSize size = describe(task.objective);
  record.problem = problem_section(task.objective);
  record.preflight = measure(task.objective, task.start, {.size = size}, goal, 1e10, /*seed=*/0);
  add_plan(record, task.objective, task.start, size, goal);
  const auto method = find_method(record.plan->method).make(record.plan->options);
  const StopWhen stop = stopping(goal, record, {});

  Result result;
  std::vector<double> plain, watched, ratios;
  std::int64_t products = 0;
  const auto run_plain = [&] {
    RunOptions how;
    how.stop = stop;
    how.target = record.plan->target_loss;
    result = run(task.objective, *method, task.start, how);
  };
  const auto run_watched = [&] {
    PlateauWatch watch = plateau_watch(task.objective, record);
    RunOptions how;
    how.stop = stop;
    how.target = record.plan->target_loss;
    how.observers = {&watch};
    result = run(task.objective, *method, task.start, how);
    record.outcome = report::OutcomeSection();
    record.outcome->reason = result.reason;
    add_plateaus(record, task.objective, task.start, result, watch, goal);
    const auto certificates =
        certify(task.objective, task.start, result, record, goal, std::nullopt, false);
    products = 0;
    for (const Certificate& certificate : certificates)
      products += certificate.products.value_or(0);
  };
  run_plain();  // warms caches and the BLAS
  const Index repeats = options.number("repeats");
  for (Index k = 0; k < repeats; ++k) {
    // In turns, so that neither always runs on the warmer machine.
    const auto in_order = [&](bool watched_first) {
      if (watched_first) watched.push_back(seconds_of(run_watched));
      plain.push_back(seconds_of(run_plain));
      if (!watched_first) watched.push_back(seconds_of(run_watched));
    };
    in_order(k % 2 == 1);
    ratios.push_back(watched.back() / plain.back() - 1);
  }
  std::vector<std::string> kinds;
  for (const PlateauDiagnosis& plateau : record.plateaus) kinds.push_back(plateau.kind);
  return {{"plain_seconds", median(plain)}, {"watched_seconds", median(watched)},
          {"overhead", median(ratios)},     {"steps", result.steps},
          {"products", products},           {"plateaus", kinds}};
}

}  // namespace thalweg::bench
