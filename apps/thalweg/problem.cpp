#include "problem.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>

#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/robust_losses.hpp"
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

ProblemSize network_size(const CompositeObjective& objective, const Dataset& dataset,
                         const Network& network) {
  ProblemSize size = describe(objective);
  size.nonzeros = static_cast<double>(dataset.train.sparse.nonZeros());
  size.inputs = network.options().inputs;
  size.hidden = network.options().hidden;
  size.gradient_flops = 3 * objective.model().forward_flops();
  return size;
}

// c of 95 % efficiency for normal residuals with a standard deviation of 1.
double efficient_scale(LossOptions::Kind kind) {
  if (kind == LossOptions::Kind::huber) return HuberLoss::efficient_scale;
  return kind == LossOptions::Kind::cauchy ? CauchyLoss::efficient_scale
                                           : TukeyLoss::efficient_scale;
}

std::shared_ptr<const OutputLoss> make_regression_loss(const Matrix& targets,
                                                       const LossOptions& options) {
  using Kind = LossOptions::Kind;
  if (!options.robust()) return std::make_shared<SquaredLoss>(targets);
  const double scale = options.scale.value_or(efficient_scale(options.kind));
  if (options.kind == Kind::huber) return std::make_shared<HuberLoss>(targets, scale);
  if (options.kind == Kind::cauchy) return std::make_shared<CauchyLoss>(targets, scale);
  return std::make_shared<TukeyLoss>(targets, scale);
}

// The scale of a robust loss that was given none.
double choose_scale(const LossOptions& loss, const Matrix& targets,
                    std::vector<Decision>& decisions) {
  const double spread = median_deviation(targets), constant = efficient_scale(loss.kind);
  const double scale = constant * (spread > 0 ? spread : 1);
  const std::string unit = spread > 0
                               ? fmt::format("the median deviation of the targets, {:.3g}", spread)
                               : "1, since most targets are equal";
  decisions.push_back(
      {"scale",
       fmt::format("{:.3g}", scale),
       fmt::format("{} times {}: 95 % efficient for normal residuals of that size", constant, unit),
       {{"smaller", "--option scale=C, where the residuals are smaller than the targets"}}});
  return scale;
}

// The loss as asked for; where the user asked for nothing, several classes get a small penalty, and
// a robust loss gets a scale.
LossOptions loss_for(const Settings& settings, const Dataset& dataset, const Network& network,
                     std::vector<Decision>& decisions) {
  LossOptions loss = settings.loss;
  if (loss.robust() && !loss.scale && dataset.encoding.task != Task::classification)
    loss.scale = choose_scale(loss, dataset.train.targets, decisions);
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

std::shared_ptr<const OutputLoss> make_class_loss(const std::vector<int>& labels, int classes,
                                                  const LossOptions& options) {
  using Kind = LossOptions::Kind;
  if (options.robust())
    throw UsageError(fmt::format("--option loss={} is for regressions", options.name()),
                     "say --task regression where the target is a number; classes take logistic, "
                     "exponential, polynomial or squared-hinge");
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
  if (encoding.task != Task::classification) return make_regression_loss(part.targets, options);
  return make_class_loss(part.labels, static_cast<int>(encoding.classes.size()), options);
}

void require_no_class_options(const LossOptions& options, const std::string& remedy) {
  if (options.kind != LossOptions::Kind::logistic && !options.robust())
    throw UsageError(
        fmt::format("--option loss={} is for linear models of classes", options.name()), remedy);
  if (options.ridge > 0)
    throw UsageError("--option regularization is for linear models of classes", remedy);
}

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
                                                         const LossOptions& options,
                                                         Precision precision) {
  const auto loss = make_loss(encoding, part, options);
  const bool classes = encoding.task == Task::classification;
  if (!classes)
    require_no_class_options(options, "a regression takes loss=huber, cauchy or tukey, or none");
  else if (!network.linear())
    require_no_class_options(options, "give --model linear");
  if (part.is_sparse())
    return std::make_shared<LinearObjective>(
        network.linear_on(part.sparse, encoding.input_mean, encoding.input_scale), loss,
        options.ridge);
  if (network.linear() && (classes || options.robust()))
    return std::make_shared<LinearObjective>(network.linear_on(part.inputs), loss, options.ridge);
  return std::make_shared<CompositeObjective>(network.on(part.inputs, precision), loss);
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
  if (settings.precision == Precision::float32 && problem.network->linear())
    throw UsageError("--precision float32 is for networks with hidden layers",
                     "give --model mlp:W,...");
  const auto objective =
      make_objective(*problem.network, encoding, dataset.train, problem.loss, settings.precision);
  problem.size = network_size(*objective, dataset, *problem.network);
  problem.objective = objective;
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

Vector start_parameters(const Problem& problem, const Settings& settings) {
  const Index expected = problem.objective->dimension();
  if (!settings.init.empty()) {
    Vector start = read_vector(settings.init);
    if (start.size() == expected) return start;
    std::string order;
    if (problem.network)
      order = ": for each layer in turn its weights (out x in, row by row), then its biases";
    if (problem.robust) order += ", and last eta";
    throw UsageError(
        fmt::format("--init has {} numbers, the model has {} parameters", start.size(), expected),
        fmt::format("give {} numbers{}", expected, order), settings.init);
  }
  if (problem.start) return *problem.start;
  return problem.network->initial_parameters(settings.seed);
}

double memory_limit_of(const Settings& settings) {
  return settings.memory_limit.value_or(default_memory_limit());
}

void refuse_large_model(const Settings& settings, const ProblemSize& size) {
  const std::string method = settings.goal.method.value_or("gd");
  std::map<std::string, std::string> options = settings.goal.method_options;
  options.erase("eps");
  options.erase("budget-rule");
  refuse_too_large(method, step_cost(method, options, size), memory_limit_of(settings), size);
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

report::ProblemSection problem_section(const Objective& objective, const Network& network) {
  report::ProblemSection section = thalweg::problem_section(objective);
  section.model = network.description();
  if (!network.options().hidden.empty())
    section.activation = to_string(network.options().activation);
  return section;
}

report::ProblemSection problem_section(const Problem& problem) {
  if (problem.network) return problem_section(*problem.objective, *problem.network);
  report::ProblemSection section = thalweg::problem_section(*problem.objective);
  if (problem.nist) section.model = "nist:" + problem.nist->name;
  return section;
}

}  // namespace thalweg::cli
