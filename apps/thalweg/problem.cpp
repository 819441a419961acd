#include "problem.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>

#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/output_losses.hpp"
#include "vector_file.hpp"

namespace thalweg::cli {
namespace {

/// FNV-1a, 64 bits, with the length: tells changed data from unchanged ones, no more.
std::string hash_of(const std::string& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return fmt::format("fnv1a64:{:016x}:{}", hash, bytes.size());
}

std::string describe_table(const Table& table) {
  const std::string delimiter = table.delimiter == '\t' ? "tab" : std::string(1, table.delimiter);
  return fmt::format(
      "{}: {} rows, {} columns, {}, delimiter {}", table.source, table.rows(), table.columns.size(),
      table.header_found ? "header found" : "no header: the columns are x0, x1, ...", delimiter);
}

ProblemSize network_size(const Dataset& dataset, const Network& network) {
  ProblemSize size;
  size.samples = dataset.train.size();
  size.outputs_per_sample = network.options().outputs;
  size.parameters = network.parameter_count();
  size.inputs = network.options().inputs;
  size.hidden = network.options().hidden;
  size.classification = dataset.encoding.task == Task::classification;
  size.gradient_flops = 3 * network.forward_flops(size.samples);
  return size;
}

report::ProblemSection sizes_of(const CompositeObjective& objective) {
  report::ProblemSection section;
  section.objective = objective.loss().description();
  section.parameters = objective.dimension();
  section.outputs = objective.output_count();
  section.regime = objective.overparametrized() ? "overparametrized" : "underparametrized";
  return section;
}

std::shared_ptr<const CompositeObjective> objective_on(const Network& network,
                                                       const Encoding& encoding, const Part& part) {
  return std::make_shared<CompositeObjective>(network.on(part.inputs), make_loss(encoding, part));
}

}  // namespace

Source read_source(const std::string& path) {
  Source source{.path = path, .bytes = read_bytes(path), .hash = {}};
  source.hash = hash_of(source.bytes);
  return source;
}

std::shared_ptr<const OutputLoss> make_loss(const Encoding& encoding, const Part& part) {
  if (encoding.task != Task::classification) return std::make_shared<SquaredLoss>(part.targets);
  return std::make_shared<CrossEntropyLoss>(part.labels, static_cast<int>(encoding.classes.size()));
}

Problem table_problem(const Settings& settings, const Source& source) {
  Problem problem;
  const Table table = parse_csv(source.bytes, source.path, settings.csv);
  problem.dataset = make_dataset(table, settings.dataset);
  problem.notices = problem.dataset->notices;
  problem.notices.insert(problem.notices.begin(), describe_table(table));
  const Dataset& dataset = *problem.dataset;
  const Encoding& encoding = dataset.encoding;
  const bool classes = encoding.task == Task::classification;
  const auto hidden =
      settings.hidden ? *settings.hidden
                      : choose_hidden(dataset.train.size(), encoding.inputs(), encoding.outputs(),
                                      classes, settings.goal, problem.decisions);
  problem.network.emplace(Network::Options{.inputs = encoding.inputs(),
                                           .hidden = hidden,
                                           .outputs = encoding.outputs(),
                                           .activation = settings.activation});
  problem.size = network_size(dataset, *problem.network);
  problem.objective = objective_on(*problem.network, encoding, dataset.train);
  if (dataset.validation.size() > 0)
    problem.validation = [held_back = objective_on(*problem.network, encoding, dataset.validation)](
                             const ConstVectorRef& x) { return held_back->value(x); };
  return problem;
}

Problem built_in_problem(const Settings& settings) {
  const std::string prefix = "nist:";
  if (!settings.problem.starts_with(prefix))
    throw UsageError(fmt::format("unknown problem \"{}\"", settings.problem),
                     fmt::format("the problems are nist:NAME with NAME one of {}",
                                 fmt::join(nist::names(), ", ")));
  Problem problem;
  problem.nist = nist::load(settings.problem.substr(prefix.size()));
  problem.objective = problem.nist->objective;
  problem.size.samples = problem.objective->sample_count();
  problem.size.parameters = problem.objective->dimension();
  return problem;
}

Vector start_parameters(const Problem& problem, const Settings& settings) {
  const Index expected = problem.objective->dimension();
  if (!settings.init.empty()) {
    Vector start = read_vector(settings.init);
    if (start.size() == expected) return start;
    throw UsageError(
        fmt::format("--init has {} numbers, the model has {} parameters", start.size(), expected),
        fmt::format("give {} numbers: for each layer in turn its weights (out x in, "
                    "row by row), then its biases",
                    expected),
        settings.init);
  }
  if (problem.nist) return problem.nist->starts[static_cast<std::size_t>(settings.start - 1)];
  return problem.network->initial_parameters(settings.seed);
}

report::DataSection data_section(const Settings& settings, const Dataset& dataset) {
  report::DataSection section;
  section.file = settings.data;
  section.rows = dataset.table_rows;
  for (const Encoding::Feature& feature : dataset.encoding.features)
    section.features.push_back(feature.column);
  section.targets = dataset.encoding.targets;
  section.train = dataset.train.size();
  section.validation = dataset.validation.size();
  section.test = dataset.test.size();
  section.dropped_rows = dataset.dropped_rows;
  section.dropped_columns = dataset.dropped_columns;
  section.task = dataset.encoding.task == Task::classification ? "classification" : "regression";
  section.classes = dataset.encoding.classes;
  return section;
}

report::ProblemSection problem_section(const CompositeObjective& objective,
                                       const Network& network) {
  report::ProblemSection section = sizes_of(objective);
  section.model = network.description();
  section.activation = to_string(network.options().activation);
  return section;
}

report::ProblemSection problem_section(const Problem& problem) {
  if (problem.network) return problem_section(*problem.objective, *problem.network);
  report::ProblemSection section = sizes_of(*problem.objective);
  section.model = "nist:" + problem.nist->name;
  return section;
}

}  // namespace thalweg::cli
