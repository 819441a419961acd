// What the watching of a run costs: the same training with and without the watch for plateaus,
// their diagnosis and the second-order certificate.

#include <cmath>

#include "bench.hpp"
#include "thalweg/data/dataset.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg::bench {
namespace {

struct Rows {
  Matrix inputs, targets;  // (N, D) and (N, 1), standardized
};

// A smooth function of the inputs, with noise.
Rows made_up(Index count, Index columns) {
  Rows rows{normal_matrix(count, columns, "inputs"), {}};
  const Matrix directions =
      normal_matrix(columns, 4, "directions") / std::sqrt(static_cast<double>(columns));
  rows.targets = (rows.inputs * directions).array().sin().rowwise().sum().matrix() +
                 0.3 * normal_matrix(count, 1, "noise");
  rows.targets.array() -= rows.targets.mean();
  rows.targets /= std::sqrt(rows.targets.squaredNorm() / static_cast<double>(count));
  return rows;
}

// A table with the target last.
Rows from_file(const std::string& path) {
  const Table table = read_table(path);
  DatasetOptions options;
  options.targets = {table.columns.back().name};
  Dataset dataset = make_dataset(table, options);
  return {std::move(dataset.train.inputs), std::move(dataset.train.targets)};
}

struct Training {
  Training(const Rows& rows, std::vector<Index> widths)
      : network({.inputs = rows.inputs.cols(), .hidden = std::move(widths), .outputs = 1}),
        objective(network.on(rows.inputs), std::make_shared<SquaredLoss>(rows.targets)),
        start(network.initial_parameters(1)) {}
  Network network;
  CompositeObjective objective;
  Vector start;
};

}  // namespace

Json watching(const std::map<std::string, std::string>& given) {
  const Options options({{"method", "levenberg-marquardt"},
                         {"data", ""},
                         {"rows", "1030"},
                         {"inputs", "8"},
                         {"widths", "64,64"},
                         {"batch", "0"},
                         {"steps", "plan"},
                         {"repeats", "5"}},
                        given);
  const std::string& file = options.text("data");
  const Training task(
      file.empty() ? made_up(options.number("rows"), options.number("inputs")) : from_file(file),
      options.numbers("widths"));
  Goal goal;
  goal.method = options.text("method");
  if (options.text("steps") != "plan") goal.max_steps = options.number("steps");
  if (options.text("batch") != "0") goal.method_options["batch"] = options.text("batch");

  report::Record record;
  ProblemSize size = describe(task.objective);
  size.inputs = task.network.options().inputs;
  size.hidden = task.network.options().hidden;
  record.problem = problem_section(task.objective);
  record.preflight = measure(task.objective, task.start, {.size = size}, goal, 1e10, /*seed=*/0);
  add_plan(record, task.objective, task.start, size, goal);
  const auto method = find_method(record.plan->method).make(record.plan->options);
  const StopWhen stop = stopping(goal, record, {});

  Result result;
  std::vector<double> plain, watched, ratios, diagnosis, certificate_seconds;
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
    diagnosis.push_back(
        seconds_of([&] { add_plateaus(record, task.objective, task.start, result, watch, goal); }));
    std::vector<Certificate> certificates;
    certificate_seconds.push_back(seconds_of([&] {
      certificates = certify(task.objective, task.start, result, record, goal, std::nullopt, false);
    }));
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
  return {{"plain_seconds", median(plain)},
          {"watched_seconds", median(watched)},
          {"overhead", median(ratios)},
          {"diagnosis_seconds", median(diagnosis)},
          {"certificate_seconds", median(certificate_seconds)},
          {"steps", result.steps},
          {"products", products},
          {"plateaus", kinds}};
}

}  // namespace thalweg::bench
