#include "session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "exit_code.hpp"
#include "interrupt.hpp"
#include "thalweg/core/tensor_file.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/model/trained_model.hpp"
#include "thalweg/run/trace.hpp"

namespace thalweg::cli {
namespace {

// Keys of what a checkpoint carries for us.
const char* const options_key = "options";
const char* const record_key = "record";
const char* const hash_key = "data";

constexpr double checkpoint_seconds = 0.5;  // the promise is a second; leave room for a long step
constexpr Index most_solution_numbers = 1000;

// ---- measuring

Preflight measure_preflight(const Settings& settings, const Problem& problem, const Vector& start,
                            double memory_limit) {
  const Subject subject = subject_of(settings, problem);
  return thalweg::measure(*problem.objective, start, subject, settings.goal, memory_limit,
                          settings.seed);
}

/// Samples in conflict by their rows in the file, which is what the user can look up.
void name_rows(const Problem& problem, Preflight& preflight) {
  if (!preflight.separability || problem.file_rows.empty()) return;
  for (Index& row : preflight.separability->conflict)
    row = problem.file_rows[static_cast<std::size_t>(row)];
}

/// The table or the built-in problem, with the published settings where they were asked for.
Problem make_problem(Settings& settings, const Source& source) {
  Problem problem = settings.problem.empty() ? table_problem(settings, source)
                                             : built_in_problem(settings, source);
  apply_preset(settings, problem);
  return problem;
}

/// Reads the data and measures: the record up to preflight.
Session measure(const Invocation& invocation, Settings settings) {
  Session session;
  session.settings = std::move(settings);
  session.record.manifest =
      report::make_manifest(session.settings.seed, threads(), invocation.argv);
  const Settings& chosen = session.settings;
  if (!chosen.data.empty()) {
    session.source = read_source(chosen.data, chosen.labels);
    invocation.console.detail(
        fmt::format("read {} bytes from {}", session.source.bytes.size(), chosen.data));
    session.problem = make_problem(session.settings, session.source);
    session.source.label_bytes.clear();
    if (chosen.data != "-") session.source.bytes.clear();  // only stdin is stored with the run
    announce_data(invocation.console, session.problem.notices);
    if (session.problem.dataset)
      session.record.data = data_section(chosen, *session.problem.dataset);
  } else {
    session.problem = make_problem(session.settings, session.source);
  }
  refuse_large_model(chosen, session.problem.size);
  session.record.problem = problem_section(session.problem);
  session.start = start_parameters(session.problem, chosen);
  session.record.preflight =
      measure_preflight(chosen, session.problem, session.start, memory_limit_of(chosen));
  name_rows(session.problem, *session.record.preflight);
  invocation.console.detail("preflight measured");
  return session;
}

/// Adds plan and forecast to the record, with the decisions about the model in front.
void add_plan(Session& session) {
  thalweg::add_plan(session.record, *session.problem.objective, session.start, session.problem.size,
                    session.settings.goal);
  std::vector<Decision>& decisions = session.record.plan->decisions;
  decisions.insert(decisions.begin(), session.problem.decisions.begin(),
                   session.problem.decisions.end());
}

// ---- running

std::unique_ptr<Method> make_method(const Plan& plan) {
  return find_method(plan.method).make(plan.options);
}

RunOptions run_options(const Session& session, const RunFolder& folder) {
  RunOptions options;
  options.stop = stopping(session.settings.goal, session.record,
                          {.validated = static_cast<bool>(session.problem.validation),
                           .patience = session.settings.patience});
  options.validation = session.problem.validation;
  options.target = session.settings.goal.target_loss ? session.settings.goal.target_loss
                                                     : session.record.plan->target_loss;
  options.stop_token = &watch_interrupts();
  options.checkpoint.emplace();
  options.checkpoint->path = folder.checkpoint();
  options.checkpoint->seconds = checkpoint_seconds;
  options.context.seed = session.settings.seed;
  options.context.memory_limit = session.record.preflight->memory.limit;
  return options;
}

/// The options as a resumed run needs them: with what was decided, and an absolute path.
Words resolved_words(const Invocation& invocation, const Session& session) {
  Words words = invocation.words;
  for (const char* key : {"config", "json", "quiet", "verbose", "no-progress", "force", "init"})
    words.erase(key);
  words["threads"] = {fmt::format("{}", session.record.manifest.threads)};
  // Those of a preset are what ends the run, as if they had been given.
  if (session.settings.goal.max_steps)
    words["max-steps"] = {fmt::format("{}", *session.settings.goal.max_steps)};
  if (session.problem.network)
    words["model"] = {model_name(session.problem.network->options().hidden)};
  if (session.problem.loss.ridge > 0 && !session.settings.loss.ridge_given)
    words["option"].push_back(fmt::format("regularization={}", session.problem.loss.ridge));
  if (session.problem.loss.scale && !session.settings.loss.scale)
    words["option"].push_back(fmt::format("scale={}", *session.problem.loss.scale));
  if (!session.settings.data.empty() && session.settings.data != "-")
    words[session.settings.problem.empty() ? "DATA" : "data"] = {
        std::filesystem::absolute(session.settings.data).string()};
  if (!session.settings.labels.empty())
    words["labels"] = {std::filesystem::absolute(session.settings.labels).string()};
  return words;
}

// ---- concluding

/// Those of the network among the parameters of the problem: a robust objective has one more.
Vector model_parameters(const Problem& problem, const Vector& x) {
  return x.head(problem.network->parameter_count());
}

std::optional<Metrics> metrics_on(const Problem& problem, const Part& part, const Vector& x) {
  if (part.size() == 0) return std::nullopt;
  const Encoding& encoding = problem.dataset->encoding;
  return evaluate(encoding, part, outputs_on(*problem.network, encoding, part, x));
}

void add_metrics(report::OutcomeSection& section, const Problem& problem, const Vector& x) {
  if (!problem.dataset) return;
  const Vector parameters = model_parameters(problem, x);
  section.train = metrics_on(problem, problem.dataset->train, parameters);
  section.validation = metrics_on(problem, problem.dataset->validation, parameters);
  section.test = metrics_on(problem, problem.dataset->test, parameters);
}

double median(Vector numbers) {
  std::sort(numbers.begin(), numbers.end());
  const Index middle = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
}

std::optional<report::RobustSection> robust_section(const Problem& problem, const Vector& x) {
  if (!problem.robust) return std::nullopt;
  const RobustObjective& robust = *problem.robust;
  report::RobustSection section;
  section.divergence = to_string(robust.options().divergence);
  section.lambda = robust.options().lambda;
  const WorstCaseMean::Solution solution = robust.best_eta(x);
  section.psi = solution.psi;
  section.eta = solution.eta;
  section.groups = robust.group_count();
  if (problem.group_names.empty()) return section;
  const Vector errors = robust.group_errors(x), sizes = robust.group_sizes();
  Index worst = 0;
  section.worst_group_error = errors.maxCoeff(&worst);
  section.worst_group = problem.group_names[static_cast<std::size_t>(worst)];
  section.worst_group_rows = static_cast<Index>(sizes[worst]);
  section.median_group_error = median(errors);
  return section;
}

void write_report_files(const RunFolder& folder, const report::Record& record) {
  write_file_atomically(folder.report_text(), report::to_text(record));
  write_file_atomically(folder.report_json(), report::to_json(record));
}

void write_results(const RunFolder& folder, const Session& session, const Result& result) {
  if (session.problem.network)
    TrainedModel{*session.problem.network, session.problem.dataset->encoding,
                 model_parameters(session.problem, result.best)}
        .save(folder.model());
  write_trace_csv(folder.trace(), result.trace);
  write_report_files(folder, session.record);  // report.json is last: it says that all is there
}

/// Certifies, reports, writes and prints; returns the exit code.
int conclude(const Console& console, const RunFolder& folder, Session& session,
             const Result& result, const PlateauWatch& watch) {
  report::Record& record = session.record;
  record.outcome = outcome_of(*session.problem.objective, result);
  add_metrics(*record.outcome, session.problem, result.best);
  record.phases = phases_of(result, *record.plan);
  record.escapes = escapes_of(result, *record.plan);
  record.robust = robust_section(session.problem, result.best);
  add_plateaus(record, *session.problem.objective, session.start, result, watch,
               session.settings.goal);
  record.certificates = thalweg::certify(*session.problem.objective, session.start, result, record,
                                         session.settings.goal, session.settings.gradient_tolerance,
                                         static_cast<bool>(session.problem.validation));
  record.advice = advice_of(record);
  if (!session.settings.problem.empty() && result.best.size() <= most_solution_numbers) {
    record.solution = report::SolutionSection{.parameters = result.best, .digits = {}};
    if (session.problem.nist) record.solution->digits = session.problem.nist->digits(result.best);
  }
  write_results(folder, session, result);
  console.object(report::to_json(record));
  console.result(report::text_after_run(record));
  console.result(fmt::format("report: {}", folder.report_text().string()));
  if (session.problem.network) console.result(fmt::format("   model: {}", folder.model().string()));
  console.result("\n");
  return exit_code(record, is_bounded(session.settings.goal));
}

/// Runs `work` with the progress line where there is a terminal for it.
Result watched(const Console& console, const report::Record& record, RunOptions options,
               const std::function<Result(const RunOptions&)>& work) {
  ProgressLine line(record.forecast ? record.forecast->steps : std::nullopt);
  if (console.shows_progress()) options.observers.push_back(&line);
  return work(options);
}

// ---- resuming

/// The exit code of a run whose folder is complete, printed again; nothing when it is not.
std::optional<int> repeat_finished(const Console& console, const RunFolder& folder,
                                   const RunOrigin& origin, const Goal& goal) {
  std::error_code absent;
  if (!origin.finished || !std::filesystem::exists(folder.report_json(), absent))
    return std::nullopt;
  const std::string path = folder.report_json().string();
  const report::Record record = report::from_json(read_bytes(path), path);
  if (!record.outcome || record.outcome->reason.outcome == Outcome::interrupted)
    return std::nullopt;  // written before the last part of the run ended
  console.note("the run had ended: nothing to do");
  console.object(report::to_json(record));
  console.result(report::to_text(record));
  return exit_code(record, is_bounded(goal));
}

Session restore_session(const RunFolder& folder, const RunOrigin& origin,
                        const Settings& settings) {
  const std::string checkpoint = folder.checkpoint().string();
  Session session;
  session.settings = settings;
  session.record = report::from_json(origin.record, checkpoint);
  if (!session.record.problem || !session.record.plan || !session.record.forecast ||
      !session.record.preflight)
    throw DataError("the plan stored in it is not complete", checkpoint, "train again");
  if (settings.data.empty()) {
    session.problem = make_problem(session.settings, session.source);
    return session;
  }
  const std::string path =
      settings.data == "-" ? folder.stdin_copy().string() : session.settings.data;
  session.source = read_source(path, settings.labels);
  if (session.source.hash != origin.data_hash)
    throw DataError(settings.labels.empty()
                        ? "the data changed since the run began"
                        : fmt::format("the data, or their labels in {}, changed since the run "
                                      "began",
                                      settings.labels),
                    path, "restore the file, or train again");
  session.problem = make_problem(session.settings, session.source);
  // The file of --init may be gone; the seeded start is known again.
  Vector start = start_parameters(session.problem, settings);
  if (start.norm() == session.record.preflight->start_norm) session.start = std::move(start);
  return session;
}

}  // namespace

Subject subject_of(const Settings& settings, const Problem& problem) {
  // A kink leaves no second-order remainder: the slope says nothing there. That of ln(1 + |w|) is
  // at the start of linear models, that of cvar at the best dual level.
  const bool kinked = problem.robust && (problem.robust->options().penalty > 0 ||
                                         problem.robust->options().divergence == Divergence::cvar);
  Subject subject{.size = problem.size,
                  .smooth = !settings.force && settings.activation != Activation::relu && !kinked};
  if (problem.dataset && !problem.size.classification) {
    subject.inputs = &problem.dataset->train.inputs;
    subject.targets = &problem.dataset->train.targets;
  }
  if (problem.dataset && problem.size.classification && !problem.size.linear)
    subject.table = &problem.dataset->train.inputs;
  return subject;
}

void announce_data(const Console& console, const std::vector<std::string>& notices) {
  for (const std::string& notice : notices)
    notice.find("left out") != std::string::npos ? console.warning(notice) : console.note(notice);
}

void require_usable_folder(const Settings& settings) {
  const RunFolder folder(settings.out);
  folder.require_usable(settings.force);
  folder.require_spared(settings.data, "DATA");
  folder.require_spared(settings.labels, "--labels");
  folder.require_spared(settings.init, "--init");
}

Settings begin(const Invocation& invocation) {
  Settings settings = read_settings(invocation.words);
  if (settings.threads > 0) set_threads(settings.threads);
  return settings;
}

Session prepare(const Invocation& invocation, bool writes_folder) {
  Settings settings = begin(invocation);
  if (writes_folder || settings.out_given) require_usable_folder(settings);
  Session session = measure(invocation, std::move(settings));
  add_plan(session);
  return session;
}

void announce(const Console& console, const Session& session) {
  if (session.record.preflight && session.record.preflight->rank)
    for (const std::string& warning : session.record.preflight->rank->warnings)
      console.warning(warning);
  console.result(report::text_before_run(session.record));
}

int run_session(const Invocation& invocation, Session& session) {
  const RunFolder folder(session.settings.out);
  const std::unique_ptr<Method> method = make_method(*session.record.plan);
  folder.create();
  if (session.settings.data == "-")
    write_file_atomically(folder.stdin_copy(), session.source.bytes);
  PlateauWatch watch = plateau_watch(*session.problem.objective, session.record);
  RunOptions options = run_options(session, folder);
  options.observers.push_back(&watch);
  options.checkpoint->extra = {
      {options_key, words_to_json(resolved_words(invocation, session))},
      {record_key, report::to_json(session.record)},
      {hash_key, session.source.hash},
  };
  const Result result =
      watched(invocation.console, session.record, std::move(options), [&](const RunOptions& o) {
        return run(*session.problem.objective, *method, session.start, o);
      });
  return conclude(invocation.console, folder, session, result, watch);
}

RunOrigin read_run_origin(const RunFolder& folder) {
  folder.require_checkpoint();
  const std::string path = folder.checkpoint().string();
  const CheckpointInfo info = read_checkpoint_info(folder.checkpoint());
  const auto text = [&](const char* key) {
    const auto found = info.extra.find(key);
    if (found == info.extra.end())
      throw DataError("not a checkpoint that thalweg train or solve wrote", path,
                      "give the folder of a run");
    return found->second;
  };
  return {.words = words_from_json(text(options_key), path),
          .record = text(record_key),
          .data_hash = text(hash_key),
          .finished = info.finished};
}

int resume_session(const Invocation& invocation, const RunFolder& folder) {
  const RunOrigin origin = read_run_origin(folder);
  const Settings settings =
      begin({.words = origin.words, .argv = {}, .console = invocation.console});
  if (const auto code = repeat_finished(invocation.console, folder, origin, settings.goal))
    return *code;
  Session session = restore_session(folder, origin, settings);
  const std::unique_ptr<Method> method = make_method(*session.record.plan);
  invocation.console.result(report::text_before_run(session.record));
  PlateauWatch watch = plateau_watch(*session.problem.objective, session.record);
  RunOptions options = run_options(session, folder);
  options.observers.push_back(&watch);
  const Result result =
      watched(invocation.console, session.record, std::move(options), [&](const RunOptions& o) {
        return thalweg::resume(*session.problem.objective, *method, folder.checkpoint(), o);
      });
  return conclude(invocation.console, folder, session, result, watch);
}

int show_session(const Invocation& invocation, const Session& session) {
  if (session.settings.out_given) {
    const RunFolder folder(session.settings.out);
    folder.create();
    write_report_files(folder, session.record);
  }
  announce(invocation.console, session);
  invocation.console.object(report::to_json(session.record));
  return exit_success;
}

}  // namespace thalweg::cli
