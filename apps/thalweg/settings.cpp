#include "settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "thalweg/method/registry.hpp"

namespace thalweg::cli {
namespace {

constexpr std::int64_t widest_layer = 1'000'000;
constexpr std::size_t deepest_model = 64;
constexpr int most_threads = 4096;

// In the order of LossOptions::Kind.
const std::vector<std::string> loss_names = {
    "logistic", "exponential", "polynomial", "squared-hinge", "huber", "cauchy", "tukey"};

const std::vector<std::string> tasks = {"auto", "regression", "classification"};
const std::vector<std::string> precisions = {"double", "float32"};
const std::vector<std::string> missing_rules = {"refuse", "drop", "mean"};

std::vector<OptionSpec> goal_options() {
  return {
      {"method", "NAME", "auto, or one of `thalweg methods` (default auto)"},
      {"option", "KEY=VALUE",
       "an option of the method, see `thalweg methods NAME`; eps=X sets the first-order "
       "tolerance; of linear models of classes: regularization=X, loss=NAME, degree=A; of "
       "regressions: loss=huber, cauchy or tukey, scale=C",
       true},
      {"target-loss", "X",
       "stop when the training objective is at or below X (default: the "
       "planner's)"},
      {"max-steps", "T", "stop after T steps (default 10000)"},
      {"budget", "T",
       "promise the best loss for exactly T steps: step sizes are chosen for that horizon"},
      {"time-limit", "90s|10m|2h", "stop after this time; the best point so far is returned"},
      {"seed", "N", "of splits and start parameters (default 0)"},
      {"init", "FILE", "start parameters, CSV (one column) or .npy (default: seeded)"},
      {"memory-limit", "4G", "refuse before allocating more (default: 80 % of what is free)"},
      {"out", "DIR", "folder of the run (default thalweg-run)"},
      {"force", "", "write into a folder that is not empty; run although preflight warns"},
  };
}

std::optional<std::vector<Index>> read_model(WordReader& words) {
  if (!words.given("model")) return std::nullopt;
  const std::string text = words.text("model");
  if (text == "linear") return std::vector<Index>{};
  const std::string prefix = "mlp:";
  if (text.starts_with(prefix)) {
    std::vector<Index> widths;
    bool good = !text.ends_with(',');
    for (const std::string& word : split(text.substr(prefix.size()), ',')) {
      const std::optional<std::int64_t> width = parse_integer(word);
      good = good && width && *width >= 1 && *width <= widest_layer;
      widths.push_back(width.value_or(0));
    }
    if (good && !widths.empty() && widths.size() <= deepest_model) return widths;
  }
  words.complain(
      fmt::format("--model must be linear or mlp:W,W,... with widths from 1 to {}, got "
                  "\"{}\"",
                  widest_layer, text));
  return std::nullopt;
}

Activation read_activation(WordReader& words) {
  const std::vector<std::string> names = activation_names();
  const std::string name = words.text("activation", "tanh");
  if (std::find(names.begin(), names.end(), name) != names.end()) return activation_from_name(name);
  words.complain(
      fmt::format("--activation must be one of {}, got \"{}\"", fmt::join(names, ", "), name));
  return Activation::tanh;
}

std::optional<char> read_delimiter(WordReader& words) {
  if (!words.given("delimiter")) return std::nullopt;
  std::string text = words.text("delimiter");
  if (text == "tab" || text == "\\t") text = "\t";
  if (text.size() == 1 && text != "\"" && text != "\n" && text != "\r") return text[0];
  words.complain(fmt::format("--delimiter must be one character or tab, got \"{}\"", text));
  return std::nullopt;
}

std::vector<std::string> read_one_hot(WordReader& words) {
  const std::string text = words.text("categorical");
  const std::string prefix = "onehot:";
  if (text.empty()) return {};
  if (text.starts_with(prefix) && text.size() > prefix.size())
    return split(text.substr(prefix.size()), ',');
  words.complain(fmt::format("--categorical must be onehot:COL[,COL], got \"{}\"", text));
  return {};
}

std::string read_labels(WordReader& words) {
  if (!words.given("labels")) return {};
  std::string path = words.text("labels");
  if (path.empty())
    throw DataError("the name of the file is empty", "--labels", "give the file of the labels");
  if (path == "-") words.complain("--labels must be a file: stdin is for DATA");
  if (words.given("delimiter"))
    words.complain("--labels is for images, and --delimiter for CSV: give one of them");
  return path;
}

DatasetOptions read_dataset(WordReader& words) {
  DatasetOptions options;
  options.targets = words.list("target");
  options.features = words.list("features");
  options.drop = words.list("drop");
  options.one_hot = read_one_hot(words);
  options.task = static_cast<Task>(words.choice("task", tasks));
  options.missing = static_cast<Missing>(words.choice("missing", missing_rules));
  options.standardize = !words.flag("no-standardize");
  options.validation = words.number("validation", 0, false, 1).value_or(0);
  options.test = words.number("test", 0, false, 1).value_or(0);
  if (options.validation + options.test >= 1)
    words.complain("--validation and --test together must be below 1");
  return options;
}

Goal read_goal(WordReader& words) {
  Goal goal;
  if (const std::string method = words.text("method", "auto"); method != "auto")
    goal.method = find_method(method).name;
  goal.method_options = words.pairs("option");
  goal.target_loss = words.number("target-loss", 0);
  goal.max_steps = words.integer("max-steps", 0);
  goal.budget = words.integer("budget", 1);
  goal.time_limit = words.duration("time-limit");
  return goal;
}

/// eps is no option of a method but the tolerance of first-order targets.
std::optional<double> read_eps(WordReader& words,
                               const std::map<std::string, std::string>& options) {
  const auto found = options.find("eps");
  if (found == options.end()) return std::nullopt;
  const std::optional<double> eps = parse_number(found->second);
  if (eps && std::isfinite(*eps) && *eps > 0) return eps;
  words.complain(fmt::format("--option eps must be a number above 0, got \"{}\"", found->second));
  return std::nullopt;
}

std::string take(std::map<std::string, std::string>& options, const std::string& key) {
  const auto found = options.find(key);
  if (found == options.end()) return {};
  std::string text = std::move(found->second);
  options.erase(found);
  return text;
}

double take_number(WordReader& words, std::map<std::string, std::string>& options,
                   const std::string& key, double otherwise, double low, bool open) {
  if (!options.contains(key)) return otherwise;
  const std::string text = take(options, key);
  const std::optional<double> value = parse_number(text);
  if (value && std::isfinite(*value) && (open ? *value > low : *value >= low)) return *value;
  words.complain(fmt::format("--option {} must be a number {} {}, got \"{}\"", key,
                             open ? "above" : "not below", low, text));
  return otherwise;
}

// Whether the method that was asked for has an option of that name itself.
bool method_has_own(WordReader& words, const std::string& key) {
  const auto found = std::ranges::find(methods(), words.text("method"), &MethodInfo::name);
  return found != methods().end() && has_own_option(*found, key);
}

/// Takes the options of the problem out of those of the method.
LossOptions take_loss(WordReader& words, std::map<std::string, std::string>& options) {
  LossOptions loss;
  const auto number = [&](const char* key, double low, bool open, double otherwise) {
    return take_number(words, options, key, otherwise, low, open);
  };
  if (options.contains("loss")) {
    const std::string name = take(options, "loss");
    const auto found = std::find(loss_names.begin(), loss_names.end(), name);
    if (found == loss_names.end())
      words.complain(fmt::format("--option loss must be one of {}, got \"{}\"",
                                 fmt::join(loss_names, ", "), name));
    else
      loss.kind = static_cast<LossOptions::Kind>(found - loss_names.begin());
  }
  loss.degree = number("degree", 0, true, loss.degree);
  // `tamed` has a scale of its own; of a robust loss it is that of the loss.
  if (options.contains("scale") && (loss.robust() || !method_has_own(words, "scale"))) {
    loss.scale = number("scale", 0, true, 1);
    if (!loss.robust())
      words.complain("--option scale is for --option loss=huber, cauchy or tukey");
  }
  loss.ridge_given = options.contains("regularization");
  loss.ridge = number("regularization", 0, false, 0);
  return loss;
}

/// Options of the robust objective out of those of the method.
void take_robust(WordReader& words, std::map<std::string, std::string>& options,
                 BuiltInSettings& built_in) {
  const std::vector<std::string> divergences = divergence_names();
  const std::string name = words.text("divergence", divergences.front());
  if (std::find(divergences.begin(), divergences.end(), name) != divergences.end())
    built_in.robust.divergence = divergence_from_name(name);
  else
    words.complain(fmt::format("--divergence must be one of {}, got \"{}\"",
                               fmt::join(divergences, ", "), name));
  built_in.group = words.text("group");
  if (options.contains("lambda"))
    built_in.lambda = take_number(words, options, "lambda", 1, 0, true);
  RobustObjective::Options& robust = built_in.robust;
  robust.fraction = take_number(words, options, "fraction", robust.fraction, 0, true);
  if (robust.fraction > 1)
    words.complain(fmt::format("--option fraction must be at most 1, got {}", robust.fraction));
  robust.penalty = take_number(words, options, "penalty", robust.penalty, 0, false);
  if (!options.contains("over")) return;
  const std::string over = take(options, "over");
  if (over == "groups") robust.over = RobustObjective::Over::groups;
  if (over != "groups" && over != "samples")
    words.complain(fmt::format("--option over must be samples or groups, got \"{}\"", over));
  if (over == "groups" && built_in.group.empty())
    words.complain("--option over=groups needs --group COL");
}

std::vector<OptionSpec> problem_options();
std::vector<OptionSpec> model_options();

/// The options that a built-in problem may have no use for.
std::vector<std::string> given_of_problem(const WordReader& words) {
  std::vector<std::string> given;
  for (const OptionSpec& option : joined(problem_options(), model_options()))
    if (option.name != "precision" && words.given(option.name)) given.push_back(option.name);
  return given;
}

/// Their start is a vector that is given up to its size.
const std::vector<std::string> problems_with_start_scale = {
    "phase-retrieval", "matrix-factorization", "matrix-completion", "tensor-decomposition"};

BuiltInSettings read_built_in(WordReader& words, const std::string& problem,
                              std::map<std::string, std::string>& options) {
  BuiltInSettings built_in;
  built_in.given = given_of_problem(words);
  built_in.samples = words.integer("samples", 1);
  built_in.dimension = words.integer("dimension", 1);
  built_in.size = words.integer("size", 1);
  built_in.rank = words.integer("rank", 1);
  built_in.noise = words.number("noise", 0).value_or(built_in.noise);
  built_in.complex = words.flag("complex");
  built_in.exponent = words.number("exponent", 2).value_or(built_in.exponent);
  if (std::ranges::find(problems_with_start_scale, problem) != problems_with_start_scale.end())
    built_in.start_scale = take_number(words, options, "start-scale", 1, 0, false);
  if (problem == "dro") take_robust(words, options, built_in);
  // Methods that leave saddles have a preset of their own.
  if (!options.contains("preset") || method_has_own(words, "preset")) return built_in;
  const std::string preset = take(options, "preset");
  if (preset != "published" || problem.empty())
    words.complain(problem.empty()
                       ? "--option preset is for built-in problems"
                       : fmt::format("--option preset must be published, got \"{}\"", preset));
  built_in.published = preset == "published";
  return built_in;
}

/// Throws UsageError for unknown keys and values out of range, before any data are read.
void check_method_options(const Goal& goal) {
  if (!goal.method) return;  // the planner's choice is checked when it is made
  std::map<std::string, std::string> options = goal.method_options;
  // A tolerance is an option of the methods that end by it.
  if (!has_own_option(find_method(*goal.method), "eps")) options.erase("eps");
  if (*goal.method == "large-step" || *goal.method == "sgd") options.erase("budget-rule");
  find_method(*goal.method).make(options);
}

/// float32 is a precision of batches of a network.
void require_float32(const Settings& settings) {
  const bool linear = settings.hidden && settings.hidden->empty();
  const bool sampled = settings.goal.method && find_method(*settings.goal.method).sampled;
  if (sampled && !linear && settings.problem.empty()) return;
  throw UsageError("--precision float32 is for sampled methods on networks",
                   "give --model mlp:W,... and a sampled method such as adam or ian-sgd");
}

}  // namespace

std::vector<OptionSpec> joined(std::vector<OptionSpec> first,
                               const std::vector<OptionSpec>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::vector<OptionSpec> output_options() {
  return {
      {"json", "", "exactly one JSON object on stdout"},
      {"q,quiet", "", "no notes and no progress on stderr"},
      {"v,verbose", "", "diagnostics on stderr"},
      {"no-progress", "", "no progress line"},
  };
}

std::vector<OptionSpec> common_options() {
  return joined({{"threads", "N", "threads of the kernels (default: all)"},
                 {"config", "FILE", "the same options from a TOML file; flags win"}},
                output_options());
}

namespace {

std::vector<OptionSpec> model_options() {
  return {
      {"target", "COL[,COL]",
       "what to predict, by name or 0-based index; several only for "
       "regression (required, unless the format carries labels)"},
      {"labels", "FILE", "the labels of IDX images"},
      {"features", "COL[,COL]", "columns to use (default: all but the targets)"},
      {"drop", "COL[,COL]", "columns to leave out"},
      {"task", "TASK", "auto, regression or classification (default auto)"},
      {"model", "MODEL", "linear or mlp:64,64 (default: the planner chooses)"},
      {"activation", "NAME", "tanh, softplus, sigmoid, gelu or relu (default tanh)"},
      {"validation", "F", "fraction of the rows held back for early stopping (default 0)"},
      {"test", "F", "fraction of the rows held back for a last measurement (default 0)"},
      {"patience", "N", "evaluations on the validation rows without a better one (default 20)"},
      {"missing", "RULE", "refuse, drop or mean (default refuse)"},
      {"categorical", "onehot:COL", "columns to encode one-hot"},
      {"delimiter", "C", "of the cells (default: detected)"},
      {"precision", "P",
       "double, or float32: sampled methods on networks compute batches in it (default double)"},
      {"no-standardize", "", "use inputs and targets as they are"},
      {"no-intercept", "", "a linear model without a constant column"},
  };
}

}  // namespace

std::vector<OptionSpec> table_options() {
  return joined(joined(model_options(), goal_options()), common_options());
}

namespace {

std::vector<OptionSpec> problem_options() {
  return {
      {"start", "1|2", "nist: which of the published starts (default 1)"},
      {"samples", "N",
       "phase-retrieval: rows (default 3000); matrix-completion: observed pairs beside the "
       "diagonal "
       "(default half); symmetric-network: rows (default 200)"},
      {"dimension", "D",
       "parameters of phase-retrieval (default 100), saddle-chain (8), strict-saddle (100000); "
       "inputs of symmetric-network (2)"},
      {"size", "D",
       "rows of matrix-factorization (default 20) and matrix-completion (30), dimension of "
       "tensor-decomposition (10), units of symmetric-network (4)"},
      {"rank", "R",
       "columns of matrix-factorization (default 3) and matrix-completion (2), components of "
       "tensor-decomposition (3)"},
      {"noise", "S", "phase-retrieval: standard deviation of the intensities (default 4)"},
      {"complex", "", "phase-retrieval: complex amplitudes and parameters"},
      {"exponent", "P", "power: p of |x|^p (default 4)"},
      {"data", "FILE",
       "dro: the table; phase-retrieval: amplitudes and, in the last column, intensities; "
       "matrix-factorization: the symmetric matrix"},
      {"divergence", "NAME", "dro: chi-square, kl or cvar (default chi-square)"},
      {"group", "COL", "dro: a column of groups, kept out of the features"},
  };
}

}  // namespace

std::vector<OptionSpec> solve_options() {
  std::vector<OptionSpec> of_tables = model_options();
  // Solved to the end: nothing is held back.
  std::erase_if(of_tables, [](const OptionSpec& option) {
    return option.name == "validation" || option.name == "test" || option.name == "patience";
  });
  return joined(joined(joined(problem_options(), of_tables), goal_options()), common_options());
}

Settings read_settings(const Words& given) {
  WordReader words(given);
  Settings settings;
  settings.data = words.text("DATA");
  if (words.given("DATA") && settings.data.empty())
    throw DataError("the name of the file is empty", "DATA", "give a file, or - for stdin");
  settings.problem = words.text("PROBLEM");
  if (words.given("data")) {
    settings.data = words.text("data");
    if (settings.data.empty())
      throw DataError("the name of the file is empty", "--data", "give a file, or - for stdin");
  }
  settings.labels = read_labels(words);
  settings.csv.delimiter = read_delimiter(words);
  settings.dataset = read_dataset(words);
  settings.hidden = read_model(words);
  // A sparse table stays sparse for a linear model, which it has unless another is named.
  settings.dataset.keep_sparse = !settings.hidden || settings.hidden->empty();
  settings.activation = read_activation(words);
  if (words.choice("precision", precisions) == 1) settings.precision = Precision::float32;
  settings.start = static_cast<int>(words.integer("start", 1, 2).value_or(1));
  settings.init = words.text("init");
  settings.goal = read_goal(words);
  settings.loss = take_loss(words, settings.goal.method_options);
  settings.built_in = read_built_in(words, settings.problem, settings.goal.method_options);
  settings.intercept = !words.flag("no-intercept");
  if (!settings.intercept && settings.hidden && !settings.hidden->empty())
    words.complain("--no-intercept is for linear models");
  settings.goal.validation = settings.dataset.validation > 0;
  settings.goal.until_rounding = !settings.problem.empty();
  settings.gradient_tolerance = read_eps(words, settings.goal.method_options);
  settings.patience = words.integer("patience", 1).value_or(settings.patience);
  settings.seed = static_cast<std::uint64_t>(words.integer("seed", 0).value_or(0));
  settings.dataset.seed = settings.seed;
  settings.threads = static_cast<int>(words.integer("threads", 1, most_threads).value_or(0));
  settings.memory_limit = words.bytes("memory-limit");
  settings.dataset.memory_limit = settings.memory_limit.value_or(default_memory_limit());
  settings.out = words.text("out", settings.out.string());
  settings.out_given = words.given("out");
  settings.force = words.flag("force");
  words.throw_if_any();
  check_method_options(settings.goal);
  if (settings.precision == Precision::float32) require_float32(settings);
  return settings;
}

std::string LossOptions::name() const { return loss_names[static_cast<std::size_t>(kind)]; }

std::string model_name(const std::vector<Index>& hidden) {
  return hidden.empty() ? "linear" : fmt::format("mlp:{}", fmt::join(hidden, ","));
}

}  // namespace thalweg::cli
