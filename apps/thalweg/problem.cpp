#include "problem.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>

#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/logistic_toy.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/session/session.hpp"
#include "vector_file.hpp"

namespace thalweg::cli {
namespace {

/// FNV-1a, 64 bits, with the length: tells changed data from unchanged ones, no more.
std::string hash_of(const std::string& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return fmt::format("fnv1a64:{:016x}:{}", hash, bytes.size());
}

std::string describe_table(const Table& table, const std::string& labels) {
  if (table.is_packed())
    return fmt::format(
        "{}: {} samples of {} numbers, {}{}", table.source, table.rows(),
        table.sample_shape.empty() ? "1" : fmt::format("{}", fmt::join(table.sample_shape, " x ")),
        table.format, labels.empty() ? "" : ", labels from " + labels);
  if (table.is_sparse())
    return fmt::format("{}: {} rows, {} columns, {} numbers, LIBSVM text", table.source,
                       table.rows(), table.column_count(), table.sparse.nonZeros());
  const std::string delimiter = table.delimiter == '\t' ? "tab" : std::string(1, table.delimiter);
  return fmt::format(
      "{}: {} rows, {} columns, {}, delimiter {}", table.source, table.rows(), table.columns.size(),
      table.header_found ? "header found" : "no header: the columns are x0, x1, ...", delimiter);
}

ProblemSize network_size(const CompositeObjective& objective, const Dataset& dataset,
                         const Network& network) {
  ProblemSize size = describe(objective);
  size.nonzeros = static_cast<double>(dataset.train.sparse.nonZeros());
  size.inputs = network.options().inputs;
  size.hidden = network.options().hidden;
  size.gradient_flops = 3 * objective.model().forward_flops();
  return size;
}

report::ProblemSection sizes_of(const CompositeObjective& objective) {
  report::ProblemSection section;
  section.objective = objective.loss().description();
  if (objective.ridge() > 0) section.objective += fmt::format(" + {:g}/2 |x|^2", objective.ridge());
  section.parameters = objective.dimension();
  section.outputs = objective.output_count();
  section.regime = objective.overparametrized() ? "overparametrized" : "underparametrized";
  return section;
}

std::shared_ptr<const OutputLoss> make_class_loss(const std::vector<int>& labels, int classes,
                                                  const LossOptions& options) {
  using Kind = LossOptions::Kind;
  if (options.kind == Kind::logistic) return std::make_shared<CrossEntropyLoss>(labels, classes);
  if (classes != 2)
    throw UsageError(fmt::format("this loss is for two classes, and there are {}", classes),
                     "leave --option loss out: several classes have the logistic loss");
  if (options.kind == Kind::exponential) return std::make_shared<ExponentialLoss>(labels);
  if (options.kind == Kind::polynomial)
    return std::make_shared<PolynomialLoss>(labels, options.degree);
  return std::make_shared<SquaredHingeLoss>(labels);
}

std::shared_ptr<const OutputLoss> make_loss(const Encoding& encoding, const Part& part,
                                            const LossOptions& options) {
  if (encoding.task != Task::classification) return std::make_shared<SquaredLoss>(part.targets);
  return make_class_loss(part.labels, static_cast<int>(encoding.classes.size()), options);
}

void require_no_loss_options(const LossOptions& options) {
  if (options.kind != LossOptions::Kind::logistic)
    throw UsageError("--option loss is for linear models of classes", "give --model linear");
  if (options.ridge > 0)
    throw UsageError("--option regularization is for linear models of classes",
                     "give --model linear");
}

// The loss as asked for; where the user asked for nothing, several classes get a small penalty.
LossOptions loss_for(const Settings& settings, const Dataset& dataset, const Network& network,
                     std::vector<Decision>& decisions) {
  LossOptions loss = settings.loss;
  const Goal& goal = settings.goal;
  const bool bounded = goal.target_loss || goal.max_steps || goal.budget;
  const bool several = dataset.encoding.classes.size() > 2;
  if (loss.ridge_given || goal.method || bounded || !network.linear() || !several) return loss;
  loss.ridge = 1 / static_cast<double>(dataset.train.size());
  decisions.push_back({"regularization",
                       fmt::format("{:.3g}", loss.ridge),
                       "1 / rows: several classes can often be separated, and then no parameters "
                       "minimise the loss alone",
                       {{"0", "--option regularization=0 leaves the penalty out"}}});
  return loss;
}

std::vector<Index> hidden_for(const Settings& settings, const Dataset& dataset,
                              std::vector<Decision>& decisions) {
  if (settings.hidden) return *settings.hidden;
  const Encoding& encoding = dataset.encoding;
  if (dataset.train.is_sparse() || !settings.intercept) {
    decisions.push_back({"model",
                         "linear",
                         settings.intercept ? "the table is sparse" : "asked for by --no-intercept",
                         {{"mlp", "name it with --model to have one"}}});
    return {};
  }
  return choose_hidden(dataset.train.size(), encoding.inputs(), encoding.outputs(),
                       encoding.task == Task::classification, settings.goal, decisions);
}

}  // namespace

Source read_source(const std::string& path, const std::string& labels) {
  Source source{.path = path,
                .bytes = read_bytes(path),
                .labels = labels,
                .label_bytes = labels.empty() ? std::string() : read_bytes(labels),
                .hash = {}};
  source.hash = hash_of(source.bytes);
  if (!labels.empty()) source.hash += "+" + hash_of(source.label_bytes);
  return source;
}

Table parse_source(const Source& source, const CsvOptions& csv) {
  std::optional<LabelFile> labels;
  if (!source.labels.empty()) labels = {source.label_bytes, source.labels};
  return parse_table(source.bytes, source.path, csv, labels);
}

std::shared_ptr<const CompositeObjective> make_objective(const Network& network,
                                                         const Encoding& encoding, const Part& part,
                                                         const LossOptions& options) {
  const auto loss = make_loss(encoding, part, options);
  const bool classes = encoding.task == Task::classification;
  if (!network.linear() || !classes) require_no_loss_options(options);
  if (part.is_sparse())
    return std::make_shared<LinearObjective>(
        network.linear_on(part.sparse, encoding.input_mean, encoding.input_scale), loss,
        options.ridge);
  if (network.linear() && classes)
    return std::make_shared<LinearObjective>(network.linear_on(part.inputs), loss, options.ridge);
  return std::make_shared<CompositeObjective>(network.on(part.inputs), loss);
}

Matrix outputs_on(const Network& network, const Encoding& encoding, const Part& part,
                  const Vector& parameters) {
  if (!part.is_sparse()) return network.predict(parameters, part.inputs);
  return network.predict(parameters, part.sparse, encoding.input_mean, encoding.input_scale);
}

Problem table_problem(const Settings& settings, const Source& source) {
  Problem problem;
  const Table table = parse_source(source, settings.csv);
  problem.dataset = make_dataset(table, settings.dataset);
  problem.notices = problem.dataset->notices;
  problem.notices.insert(problem.notices.begin(), describe_table(table, source.labels));
  const Dataset& dataset = *problem.dataset;
  for (const Index row : dataset.train.rows)
    problem.file_rows.push_back(table.file_rows[static_cast<std::size_t>(row)]);
  const Encoding& encoding = dataset.encoding;
  problem.network.emplace(
      Network::Options{.inputs = encoding.inputs(),
                       .hidden = hidden_for(settings, dataset, problem.decisions),
                       .outputs = encoding.outputs(),
                       .activation = settings.activation,
                       .intercept = settings.intercept});
  problem.loss = loss_for(settings, dataset, *problem.network, problem.decisions);
  problem.objective = make_objective(*problem.network, encoding, dataset.train, problem.loss);
  problem.size = network_size(*problem.objective, dataset, *problem.network);
  if (dataset.validation.size() > 0) {
    LossOptions unpenalized = problem.loss;
    unpenalized.ridge = 0;
    problem.validation = [held_back = make_objective(*problem.network, encoding, dataset.validation,
                                                     unpenalized)](const ConstVectorRef& x) {
      return held_back->value(x);
    };
  }
  return problem;
}

Problem built_in_problem(const Settings& settings) {
  Problem problem;
  if (settings.problem == "logistic-toy") {
    problem.objective =
        logistic_toy(make_class_loss(logistic_toy_labels(), 2, settings.loss), settings.loss.ridge);
    problem.size = describe(*problem.objective);
    return problem;
  }
  require_no_loss_options(settings.loss);
  const std::string prefix = "nist:";
  if (!settings.problem.starts_with(prefix))
    throw UsageError(fmt::format("unknown problem \"{}\"", settings.problem),
                     fmt::format("the problems are logistic-toy, and nist:NAME with NAME one of {}",
                                 fmt::join(nist::names(), ", ")));
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
  if (!problem.network) return Vector::Zero(expected);
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
  if (!network.options().hidden.empty())
    section.activation = to_string(network.options().activation);
  return section;
}

report::ProblemSection problem_section(const Problem& problem) {
  if (problem.network) return problem_section(*problem.objective, *problem.network);
  report::ProblemSection section = sizes_of(*problem.objective);
  if (problem.nist)
    section.model = "nist:" + problem.nist->name;
  else
    section.model = problem.objective->model().description();
  return section;
}

}  // namespace thalweg::cli
