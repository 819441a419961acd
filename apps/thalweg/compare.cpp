// thalweg compare DATA|PROBLEM: methods side by side.
#include "thalweg/session/compare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "commands.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "thalweg/core/tensor_file.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/plan/published.hpp"

namespace thalweg::cli {
namespace {

constexpr std::int64_t most_seeds = 1000, most_trials = 10000;

/// What is asked for beside the settings of the problem.
struct Asked {
  std::vector<std::string> methods;
  std::int64_t seeds = 5;
  std::optional<std::int64_t> samples;
  std::int64_t tuning = 12;
};

Asked read_asked(const Words& given) {
  WordReader words(given);
  Asked asked;
  asked.methods = words.list("methods");
  asked.seeds = words.integer("seeds", 1, most_seeds).value_or(asked.seeds);
  asked.samples = words.integer("sample-budget", 1);
  asked.tuning = words.integer("tuning", 0, most_trials).value_or(asked.tuning);
  if (!words.given("methods"))
    words.complain("--methods must name the methods to compare, such as adam,lbfgs");
  words.throw_if_any();
  return asked;
}

/// The names of the built-in problems, those of NIST as one.
std::string problem_list() {
  std::vector<std::string> names = built_in_names();
  std::erase_if(names, [](const std::string& name) { return name.starts_with("nist:"); });
  return fmt::format("{}, nist:NAME", fmt::join(names, ", "));
}

/// A word that names no file but a built-in problem stands for that.
Words with_problem(Words words) {
  const std::string name = words.at("DATA").back();
  const std::vector<std::string> names = built_in_names();
  std::error_code absent;
  const bool built_in = name.starts_with("nist:") || std::ranges::find(names, name) != names.end();
  const bool file = name == "-" || std::filesystem::exists(name, absent);
  if (!file && !built_in)
    throw DataError("no such file, and no problem of that name", name,
                    fmt::format("give a table, or one of {}", problem_list()));
  if (!file) {
    words["PROBLEM"] = {name};
    words.erase("DATA");
  } else if (words.contains("data")) {
    throw UsageError("--data is the table of a built-in problem", "give the file as DATA alone");
  }
  return words;
}

Settings read_compared(const Words& words) {
  Settings settings = read_settings(words);
  if (settings.threads > 0) set_threads(settings.threads);
  const bool held_back = settings.dataset.validation > 0 || settings.dataset.test > 0;
  if (!settings.problem.empty() && held_back)
    throw UsageError("--validation and --test are for tables", "leave them out");
  require_usable_folder(settings);
  return settings;
}

/// The model that a table gets is that of train, and linear where a compared method works on
/// nothing else.
Settings with_model_for(Settings settings, const std::vector<std::string>& methods) {
  settings.goal.target_loss.reset();  // here it is no goal of training
  for (const std::string& name : methods)
    if (find_method(name).needs_margins) settings.goal.method = name;
  return settings;
}

HeldBack held_back(const std::shared_ptr<const Problem>& problem, const Part& part) {
  if (part.size() == 0) return {};
  const Encoding& encoding = problem->dataset->encoding;
  LossOptions unpenalized = problem->loss;
  unpenalized.ridge = 0;
  const auto objective = make_objective(*problem->network, encoding, part, unpenalized);
  return {.loss = [objective](const ConstVectorRef& x) { return objective->value(x); },
          .metrics =
              [problem, &encoding, &part](const ConstVectorRef& x) {
                return evaluate(encoding, part, outputs_on(*problem->network, encoding, part, x));
              }};
}

/// The published settings of a method where --option preset=published asks for them.
std::optional<MethodPreset> preset_of(const Settings& settings, const std::string& method,
                                      Index samples) {
  if (!settings.built_in.published) return std::nullopt;
  const auto published = published_settings(settings.problem, method, samples);
  if (published) return MethodPreset{.options = published->options, .steps = published->steps};
  const auto known = published_methods(settings.problem);
  throw UsageError(fmt::format("nothing was published of {} on {}", method, settings.problem),
                   known.empty() ? "leave --option preset out"
                                 : fmt::format("published are {}", fmt::join(known, ", ")));
}

/// The problem of a seed. Data that are generated follow it, tables do not.
std::shared_ptr<const Problem> built_in_of(Settings settings, const Source& source,
                                           std::uint64_t seed, const std::string& method) {
  settings.seed = seed;
  settings.goal.method = method;  // of the preset, whose start is one for all methods
  auto problem = std::make_shared<Problem>(built_in_problem(settings, source));
  apply_preset(settings, *problem);
  return problem;
}

CompareOptions compare_options(const Settings& settings, const Asked& asked,
                               const Problem& problem) {
  CompareOptions options;
  options.methods = asked.methods;
  options.method_options = settings.goal.method_options;
  options.samples = asked.samples;
  options.tuning_trials = asked.tuning;
  options.tuning_seed = settings.seed;
  options.seeds.clear();
  for (std::int64_t i = 1; i <= asked.seeds; ++i)
    options.seeds.push_back(settings.seed + static_cast<std::uint64_t>(i));
  options.target = settings.goal.target_loss;
  options.preset = [&settings, samples = problem.objective->sample_count()](
                       const std::string& method) { return preset_of(settings, method, samples); };
  options.sampled_problem = !published_methods(settings.problem).empty();
  options.subject = subject_of(settings, problem);
  options.memory_limit = memory_limit_of(settings);
  options.stop_token = &watch_interrupts();
  return options;
}

std::string describe(const CompareProgress& progress) {
  return fmt::format("run {} of {}: {}{}, seed {}", progress.runs_done + 1, progress.runs,
                     progress.method, progress.tuning ? ", tuning" : "", progress.seed);
}

report::ComparisonSection watched(const Console& console,
                                  const std::function<Instance(std::uint64_t)>& instance,
                                  CompareOptions options) {
  StatusLine line;
  if (console.shows_progress())
    options.watch = [&line](const CompareProgress& progress) {
      if (line.is_due()) line.show(describe(progress));
    };
  report::ComparisonSection section = thalweg::compare(instance, options);
  line.end();
  return section;
}

void write_files(const RunFolder& folder, const report::Record& record) {
  folder.create();
  write_file_atomically(folder.comparison(), report::comparison_csv(*record.comparison));
  write_file_atomically(folder.report_text(), report::to_text(record));
  write_file_atomically(folder.report_json(), report::to_json(record));
}

int compare(const Invocation& invocation) {
  const Console& console = invocation.console;
  const Words words = with_problem(invocation.words);
  const Asked asked = read_asked(words);
  for (const std::string& name : asked.methods) find_method(name);
  const Settings settings = read_compared(words);
  report::Record record;
  record.manifest = report::make_manifest(settings.seed, threads(), invocation.argv);

  Source source;
  if (!settings.data.empty()) source = read_source(settings.data, settings.labels);
  const bool table = settings.problem.empty();
  const std::string first = asked.methods.empty() ? std::string() : asked.methods.front();
  const std::shared_ptr<const Problem> problem =
      table ? std::make_shared<const Problem>(
                  table_problem(with_model_for(settings, asked.methods), source))
            : built_in_of(settings, source, settings.seed, first);
  announce_data(console, problem->notices);
  if (problem->dataset) record.data = data_section(settings, *problem->dataset);
  record.problem = problem_section(*problem);
  console.result(report::text_before_run(record));

  const HeldBack validation = table ? held_back(problem, problem->dataset->validation) : HeldBack{};
  const HeldBack test = table ? held_back(problem, problem->dataset->test) : HeldBack{};
  const auto instance = [&](std::uint64_t seed) {
    const auto seeded = table ? problem : built_in_of(settings, source, seed, first);
    Settings of_seed = settings;
    of_seed.seed = seed;
    return Instance{.objective = seeded->objective,
                    .start = start_parameters(*seeded, of_seed),
                    .validation = validation,
                    .test = test};
  };
  record.comparison = watched(console, instance, compare_options(settings, asked, *problem));
  auto& decisions = record.comparison->decisions;
  decisions.insert(decisions.begin(), problem->decisions.begin(), problem->decisions.end());

  const RunFolder folder(settings.out);
  write_files(folder, record);
  console.object(report::to_json(record));
  console.result(report::text_after_run(record));
  console.result(fmt::format("report: {}\n  runs: {}\n", folder.report_text().string(),
                             folder.comparison().string()));
  return record.comparison->interrupted ? exit_interrupted : exit_success;
}

/// The options of tables and of built-in problems, each once, without those that a comparison
/// decides itself.
std::vector<OptionSpec> compare_options() {
  std::vector<OptionSpec> options = {
      {"methods", "A,B,...", "the methods to compare, at least two (required)"},
      {"sample-budget", "S",
       "sample evaluations of each run (default: 30 passes over the data, fewer where all runs "
       "together would take long)"},
      {"tuning", "K",
       "runs to find the stepsize of each method that has one; 0: the plan's (default 12)"},
      {"seeds", "N", "seeds to compare on, those after --seed (default 5)"},
      {"seed", "N", "of splits, and of the runs that find the stepsizes (default 0)"},
      {"option", "KEY=VALUE",
       "an option of every compared method that has it; a stepsize is then not searched for; "
       "preset=published; options of the problem as for train and solve",
       true},
      {"target-loss", "X",
       "count the samples to this value (default: the largest median of the methods)"},
  };
  std::set<std::string> known = {"method",     "max-steps", "budget",
                                 "time-limit", "patience",  "precision"};
  for (const OptionSpec& option : options) known.insert(option.name);
  for (const OptionSpec& option : joined(table_options(), solve_options()))
    if (known.insert(option.name).second) options.push_back(option);
  return options;
}

}  // namespace

Command compare_command() {
  return {.name = "compare",
          .summary = "methods side by side: same data, starts, samples and effort",
          .positionals = {{"DATA", "a table, or the name of a problem that solve knows"}},
          .options = compare_options(),
          .run = compare};
}

}  // namespace thalweg::cli
