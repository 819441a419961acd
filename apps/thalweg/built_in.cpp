// The built-in problems of `thalweg solve`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "built_in.hpp"
#include "thalweg/model/logistic_toy.hpp"
#include "thalweg/model/phase_retrieval.hpp"
#include "thalweg/model/scalar_problems.hpp"
#include "thalweg/model/two_point.hpp"
#include "thalweg/plan/published.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg::cli {

Problem with_objective(std::shared_ptr<const Objective> objective, Vector start) {
  Problem problem;
  problem.objective = std::move(objective);
  problem.size = describe(*problem.objective);
  problem.start = std::move(start);
  return problem;
}

void refuse_large(const Settings& settings, double bytes, const std::string& what,
                  const std::string& remedy) {
  const double limit = memory_limit_of(settings);
  if (bytes > limit)
    throw RefusedError(fmt::format("{} need {:.3g} GB, over the memory limit of {:.3g} GB", what,
                                   bytes / 1e9, limit / 1e9),
                       remedy + ", or raise --memory-limit");
}

namespace {

bool is_missing(const Column& column, std::size_t row) {
  return column.numeric ? std::isnan(column.numbers[row]) : column.text[row].empty();
}

// File row of the first cell of a column that holds no finite number; absent where all do.
std::optional<Index> first_unusable(const Table& table, const Column& column) {
  if (!column.numeric) return column.first_text_row;
  if (column.first_not_finite_row >= 0) return column.first_not_finite_row;
  for (std::size_t i = 0; i < column.numbers.size(); ++i)
    if (is_missing(column, i)) return table.file_rows[i];
  return std::nullopt;
}

}  // namespace

Matrix finite_numbers(const Table& table, const std::string& remedy) {
  Matrix numbers(table.rows(), static_cast<Index>(table.columns.size()));
  for (Index j = 0; j < numbers.cols(); ++j) {
    const Column& column = table.columns[static_cast<std::size_t>(j)];
    if (const auto row = first_unusable(table, column))
      throw DataError(fmt::format("no finite number in column '{}'", column.name),
                      table.where(*row, j), remedy);
    for (Index i = 0; i < numbers.rows(); ++i)
      numbers(i, j) = column.numbers[static_cast<std::size_t>(i)];
  }
  return numbers;
}

namespace {

using Maker = Problem (*)(const Settings&, const Source&);

Problem make_logistic_toy(const Settings& settings, const Source&) {
  const auto objective =
      logistic_toy(make_class_loss(logistic_toy_labels(), 2, settings.loss), settings.loss.ridge);
  return with_objective(objective, Vector::Zero(objective->dimension()));
}

// Amplitudes and, in the last column, intensities.
Matrix numbers_of(const Table& table) {
  if (table.is_numbered())
    throw DataError("phase retrieval reads CSV", table.source, "give a table of numbers as CSV");
  if (table.columns.size() < 2)
    throw DataError("has one column", table.source,
                    "give columns of amplitudes and, last, the intensities");
  if (table.rows() < 2)
    throw DataError("has one row; phase retrieval needs at least two", table.source,
                    "give more rows");
  return finite_numbers(table,
                        "give amplitudes and, in the last column, intensities as finite numbers");
}

// Before the rows are drawn: they are kept in one copy for each of their real forms, and one more
// while they are made.
void refuse_large_data(const Settings& settings, const PhaseRetrievalOptions& options) {
  const double reals = options.complex ? 2 : 1;
  const double bytes = sizeof(double) * (1 + reals) * reals * static_cast<double>(options.samples) *
                       static_cast<double>(options.dimension);
  refuse_large(settings, bytes,
               fmt::format("{} rows of {} amplitudes", options.samples, options.dimension),
               "take fewer --samples or a smaller --dimension");
}

Problem make_phase_retrieval(const Settings& settings, const Source& source) {
  const BuiltInSettings& given = settings.built_in;
  PhaseRetrievalOptions options;
  options.samples = given.samples.value_or(options.samples);
  options.dimension = given.dimension.value_or(options.dimension);
  options.noise = given.noise;
  options.complex = given.complex;
  options.seed = settings.seed;
  options.start_scale = given.start_scale;
  if (settings.data.empty()) {
    refuse_large_data(settings, options);
    PhaseRetrieval made = phase_retrieval(options);
    return with_objective(std::move(made.objective), std::move(made.start));
  }
  const Matrix numbers = numbers_of(parse_source(source, settings.csv));
  PhaseRetrieval made = phase_retrieval(numbers.leftCols(numbers.cols() - 1),
                                        numbers.col(numbers.cols() - 1), options);
  return with_objective(std::move(made.objective), std::move(made.start));
}

Problem make_two_point(const Settings&, const Source&) {
  return with_objective(two_point(), two_point_start());
}

Problem make_power(const Settings& settings, const Source&) {
  return with_objective(std::make_shared<PowerObjective>(settings.built_in.exponent),
                        PowerObjective::start());
}

Problem make_cosh(const Settings&, const Source&) {
  return with_objective(std::make_shared<CoshObjective>(), CoshObjective::start());
}

// The groups of the training rows by the text of a column, numbered in sort order of their names.
std::vector<int> groups_of(const Table& table, const std::string& name, const Part& part,
                           std::vector<std::string>& names) {
  const Index place = table.find(name);
  if (place >= static_cast<Index>(table.columns.size()))
    throw UsageError("--group needs a column of labels or of text", "give a column of a CSV table");
  const Column& column = table.columns[static_cast<std::size_t>(place)];
  const auto label = [&](Index row) {
    const auto i = static_cast<std::size_t>(row);
    if (is_missing(column, i) || (column.numeric && !std::isfinite(column.numbers[i])))
      throw DataError(fmt::format("the cell of the group column '{}' names no group", column.name),
                      table.where(table.file_rows[i], place), "correct it, or leave the row out");
    return column.numeric ? fmt::format("{}", column.numbers[i] + 0.0) : column.text[i];  // -0 is 0
  };
  std::map<std::string, int> numbers;
  for (const Index row : part.rows) numbers.emplace(label(row), 0);
  for (auto& [group, number] : numbers) {
    number = static_cast<int>(names.size());
    names.push_back(group);
  }
  std::vector<int> groups;
  for (const Index row : part.rows) groups.push_back(numbers.at(label(row)));
  return groups;
}

// kl overflows from the published start, where the worst loss is hundreds of lambda above eta.
constexpr double kl_lambda = 1;

ProblemSize robust_size(const RobustObjective& robust, const Network& network) {
  ProblemSize size = describe(robust);
  size.inputs = network.options().inputs;
  size.hidden = network.options().hidden;
  size.gradient_flops = 3 * robust.model().forward_flops();
  return size;
}

Problem make_dro(const Settings& settings, const Source& source) {
  if (settings.data.empty())
    throw UsageError("dro needs a table", "give --data FILE and --target COL");
  if (settings.loss.ridge_given)
    throw UsageError("--option regularization is not for dro", "its penalty is --option penalty=X");
  const BuiltInSettings& given = settings.built_in;
  const Table table = parse_source(source, settings.csv);
  Settings chosen = settings;
  if (!given.group.empty()) chosen.dataset.drop.push_back(given.group);
  Problem problem;
  problem.dataset = make_dataset(table, chosen.dataset);
  problem.notices = problem.dataset->notices;
  problem.notices.insert(problem.notices.begin(), describe_table(table, source.labels));
  const Dataset& dataset = *problem.dataset;
  const Encoding& encoding = dataset.encoding;
  if (dataset.train.is_sparse())
    throw UsageError("dro needs a dense table", "give the table as CSV");
  problem.network.emplace(Network::Options{.inputs = encoding.inputs(),
                                           .hidden = settings.hidden.value_or(std::vector<Index>{}),
                                           .outputs = encoding.outputs(),
                                           .activation = settings.activation,
                                           .intercept = settings.intercept});
  std::vector<int> groups;
  if (!given.group.empty())
    groups = groups_of(table, given.group, dataset.train, problem.group_names);
  RobustObjective::Options options = given.robust;
  const bool kl = options.divergence == Divergence::kl;
  options.lambda = given.lambda.value_or(kl ? kl_lambda : options.lambda);
  problem.loss = settings.loss;
  const auto robust = std::make_shared<RobustObjective>(
      problem.network->on(dataset.train.inputs), make_loss(encoding, dataset.train, settings.loss),
      options, std::move(groups));
  problem.robust = robust;
  problem.objective = robust;
  problem.size = robust_size(*robust, *problem.network);
  refuse_large_model(settings, problem.size);
  Vector start(robust->dimension());
  start << problem.network->initial_parameters(settings.seed), 0;
  // A linear model would start on the kink of the penalty, where there is no gradient.
  constexpr double beside = 0.01;
  if (problem.network->linear()) start = beside * robust->random_start(settings.seed);
  // The published start is random; without the preset every run begins where Psi is known.
  problem.start =
      given.published ? robust->random_start(settings.seed) : robust->with_best_eta(start);
  return problem;
}

struct BuiltIn {
  const char* name;
  Maker make;
};

constexpr BuiltIn built_ins[] = {
    {"logistic-toy", make_logistic_toy},
    {"phase-retrieval", make_phase_retrieval},
    {"dro", make_dro},
    {"two-point", make_two_point},
    {"power", make_power},
    {"cosh", make_cosh},
    {"quartic-saddle", make_quartic_saddle},
    {"saddle-chain", make_saddle_chain},
    {"strict-saddle", make_strict_saddle},
    {"matrix-factorization", make_matrix_factorization},
    {"matrix-completion", make_matrix_completion},
    {"tensor-decomposition", make_tensor_decomposition},
    {"symmetric-network", make_symmetric_network},
};

// The problems that take an option which is for few of them; those of tables are for dro.
const std::map<std::string, std::vector<std::string>, std::less<>> takers = {
    {"exponent", {"power"}},
    {"samples", {"phase-retrieval", "matrix-completion", "symmetric-network"}},
    {"dimension", {"phase-retrieval", "saddle-chain", "strict-saddle", "symmetric-network"}},
    {"size",
     {"matrix-factorization", "matrix-completion", "tensor-decomposition", "symmetric-network"}},
    {"rank", {"matrix-factorization", "matrix-completion", "tensor-decomposition"}},
    {"noise", {"phase-retrieval"}},
    {"complex", {"phase-retrieval"}},
    {"data", {"dro", "phase-retrieval", "matrix-factorization"}},
    {"delimiter", {"dro", "phase-retrieval", "matrix-factorization"}},
};

bool takes(const std::string& problem, std::string_view option) {
  if (option == "start") return problem.starts_with("nist:");
  const auto found = takers.find(option);
  if (found == takers.end()) return problem == "dro";
  return std::ranges::find(found->second, problem) != found->second.end();
}

// Throws UsageError naming every option that would have no effect.
void refuse_useless_options(const Settings& settings) {
  std::vector<std::string> useless;
  const auto names_size = [](const std::string& option) {
    return option == "samples" || option == "dimension" || option == "noise" || option == "size";
  };
  for (const std::string& option : settings.built_in.given)
    if (!takes(settings.problem, option)) useless.push_back("--" + option);
  if (!useless.empty())
    throw UsageError(fmt::format("{} takes no {}", settings.problem, fmt::join(useless, ", ")),
                     "leave it out");
  for (const std::string& option : settings.built_in.given)
    if (!settings.data.empty() && names_size(option)) useless.push_back("--" + option);
  if (!useless.empty())
    throw UsageError(fmt::format("{} is of generated data", fmt::join(useless, ", ")),
                     "leave it out, or --data");
}

Problem make_nist(const Settings& settings) {
  Problem problem;
  problem.nist = nist::load(settings.problem.substr(5));
  problem.objective = problem.nist->objective;
  problem.size = describe(*problem.objective);
  problem.start = problem.nist->starts[static_cast<std::size_t>(settings.start - 1)];
  return problem;
}

}  // namespace

std::vector<std::string> built_in_names() {
  std::vector<std::string> names;
  for (const BuiltIn& problem : built_ins) names.emplace_back(problem.name);
  for (const std::string& name : nist::names()) names.push_back("nist:" + name);
  return names;
}

Problem built_in_problem(const Settings& settings, const Source& source) {
  const std::string& name = settings.problem;
  const auto found = std::ranges::find(built_ins, name, &BuiltIn::name);
  const bool known = found != std::end(built_ins);
  if (!known && !name.starts_with("nist:"))
    throw UsageError(fmt::format("unknown problem \"{}\"", name),
                     fmt::format("the problems are {}", fmt::join(built_in_names(), ", ")));
  refuse_useless_options(settings);
  if (name != "logistic-toy" && name != "dro") {
    if (settings.loss.robust())
      throw UsageError(fmt::format("--option loss={} is for tables", settings.loss.name()),
                       "leave it out");
    require_no_class_options(settings.loss, "leave it out");
  }
  return known ? found->make(settings, source) : make_nist(settings);
}

void apply_preset(Settings& settings, Problem& problem) {
  settings.goal.sampled_problem = !published_methods(settings.problem).empty();
  if (!settings.built_in.published) return;
  const std::string method = settings.goal.method.value_or("");
  const Index samples = problem.objective->sample_count();
  const auto published = published_settings(settings.problem, method, samples);
  if (!published) {
    const auto methods = published_methods(settings.problem);
    throw UsageError(fmt::format("nothing was published of {} on {}",
                                 method.empty() ? "auto" : method, settings.problem),
                     methods.empty() ? "leave --option preset out"
                                     : fmt::format("give --method {}", fmt::join(methods, ", ")));
  }
  for (const auto& [key, value] : published->options)
    settings.goal.method_options.try_emplace(key, value);
  if (!settings.goal.max_steps && !settings.goal.budget) settings.goal.max_steps = published->steps;
  if (!problem.start || !settings.init.empty()) return;
  Vector gradient(problem.start->size());
  for (int step = 0; step < published->preparation.steps; ++step) {
    problem.objective->value_and_gradient(*problem.start, gradient);
    const double norm = gradient.stableNorm();
    if (norm > 0)
      *problem.start -= published->preparation.stepsize *
                        std::pow(norm, -published->preparation.exponent) * gradient;
  }
}

}  // namespace thalweg::cli
