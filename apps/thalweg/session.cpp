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
constexpr double overfit_gap = 0.05;  // of R2 or accuracy between training and validation rows

// ---- measuring

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Work per second, the best of a few repeats within a small share of a second.
double rate_of(double flops, const std::function<void()>& work) {
  double fastest = seconds_of(work), spent = fastest;
  for (int repeat = 0; repeat < 20 && spent < 0.05; ++repeat) {
    const double seconds = seconds_of(work);
    spent += seconds;
    fastest = std::min(fastest, seconds);
  }
  return flops / std::max(fastest, 1e-9);
}

double gradient_rate(const Problem& problem, const Vector& x) {
  const double samples = static_cast<double>(problem.size.samples);
  const double flops = problem.size.gradient_flops > 0
                           ? problem.size.gradient_flops
                           : 6 * samples * static_cast<double>(problem.size.parameters);
  Vector gradient(x.size());
  return rate_of(flops, [&] { problem.objective->value_and_gradient(x, gradient); });
}

double dense_rate() {
  constexpr Index n = 384;
  const Matrix a = Matrix::Constant(n, n, 0.5);
  Matrix c = Matrix::Zero(n, n);
  return rate_of(2.0 * n * n * n,
                 [&] { linalg::gemm(1, linalg::Op::none, a, linalg::Op::transpose, a, 0, c); });
}

void refuse_wrong_gradient(const GradientCheck& check, const Settings& settings) {
  // A kinked activation has no second-order remainder: the slope says nothing there.
  if (check.passed || settings.force || settings.activation == Activation::relu) return;
  throw RefusedError(
      fmt::format("the gradient disagrees with differences of values (Taylor slope {:.2f}, not 2)",
                  check.slope.value_or(0)),
      "give --force to run all the same");
}

Preflight measure_preflight(const Settings& settings, const Problem& problem, const Vector& start,
                            double memory_limit) {
  Preflight preflight;
  preflight.memory.limit = memory_limit;
  Vector gradient(start.size());
  preflight.initial_loss = problem.objective->value_and_gradient(start, gradient);
  preflight.initial_gradient_norm = gradient.norm();
  if (!std::isfinite(preflight.initial_loss) || !gradient.allFinite())
    throw RefusedError("the loss at the start parameters is not a finite number",
                       "give other start parameters with --init or --seed");
  preflight.gradient_check = check_gradient(*problem.objective, start, settings.seed);
  refuse_wrong_gradient(preflight.gradient_check, settings);
  RankOptions options;
  options.memory_limit = memory_limit;
  options.max_flops = rank_work_limit(problem.size, settings.goal);
  if (problem.dataset && !problem.size.classification) {
    options.inputs = &problem.dataset->train.inputs;
    options.targets = &problem.dataset->train.targets;
  }
  preflight.rank = measure_rank(*problem.objective, start, options);
  return preflight;
}

double memory_limit_of(const Settings& settings) {
  return settings.memory_limit.value_or(default_memory_limit());
}

/// Something left out of the data is worth a warning, the rest a note.
void announce_data(const Console& console, const std::vector<std::string>& notices) {
  for (const std::string& notice : notices)
    notice.find("left out") != std::string::npos ? console.warning(notice) : console.note(notice);
}

/// Refuses before anything of the size of the model is allocated.
void refuse_large_model(const Settings& settings, const ProblemSize& size) {
  const std::string method = settings.goal.method.value_or("gd");
  std::map<std::string, std::string> options = settings.goal.method_options;
  options.erase("eps");
  refuse_too_large(method, step_cost(method, options, size), memory_limit_of(settings), size);
}

/// Reads the data and measures: the record up to preflight.
Session measure(const Invocation& invocation, Settings settings) {
  Session session;
  session.settings = std::move(settings);
  session.record.manifest =
      report::make_manifest(session.settings.seed, threads(), invocation.argv);
  const Settings& chosen = session.settings;
  if (!chosen.data.empty()) {
    session.source = read_source(chosen.data);
    invocation.console.detail(
        fmt::format("read {} bytes from {}", session.source.bytes.size(), chosen.data));
    session.problem = table_problem(chosen, session.source);
    if (chosen.data != "-") session.source.bytes.clear();  // only stdin is stored with the run
    announce_data(invocation.console, session.problem.notices);
    session.record.data = data_section(chosen, *session.problem.dataset);
  } else {
    session.problem = built_in_problem(chosen);
  }
  refuse_large_model(chosen, session.problem.size);
  session.record.problem = problem_section(session.problem);
  session.start = start_parameters(session.problem, chosen);
  session.record.preflight =
      measure_preflight(chosen, session.problem, session.start, memory_limit_of(chosen));
  invocation.console.detail("preflight measured");
  return session;
}

/// Adds plan and forecast to the record.
void add_plan(Session& session) {
  report::Record& record = session.record;
  const ProblemSize& size = session.problem.size;
  Plan plan = thalweg::make_plan(size, *record.preflight, session.settings.goal);
  plan.options = find_method(plan.method).used_options(plan.options);
  plan.decisions.insert(plan.decisions.begin(), session.problem.decisions.begin(),
                        session.problem.decisions.end());
  const StepCost cost = step_cost(plan.method, plan.options, size);
  refuse_too_large(plan.method, cost, record.preflight->memory.limit, size);
  record.preflight->memory.bytes = cost.bytes;
  record.forecast = make_forecast(size, *record.preflight, plan,
                                  gradient_rate(session.problem, session.start), dense_rate());
  record.plan = std::move(plan);
}

// ---- running

std::unique_ptr<Method> make_method(const Plan& plan) {
  return find_method(plan.method).make(plan.options);
}

StopWhen stopping(const Settings& settings, const report::Record& record, const Problem& problem) {
  const Goal& goal = settings.goal;
  const Plan& plan = *record.plan;
  std::vector<StopWhen> criteria = {zero_gradient(), divergence(), max_steps(plan.max_steps)};
  const bool all_steps = goal.max_steps && !goal.target_loss;  // the user wants every one of them
  if (!all_steps) criteria.push_back(stall());
  if (goal.time_limit) criteria.push_back(time_limit(*goal.time_limit));
  // With a promised flow time the flow ends there, the last step cut to land on it.
  if (plan.target_loss && !record.forecast->flow_time)
    criteria.push_back(target_loss(*plan.target_loss));
  if (plan.gradient_tolerance) criteria.push_back(gradient_tolerance(*plan.gradient_tolerance));
  if (problem.validation) criteria.push_back(patience(settings.patience));
  return any_of(std::move(criteria));
}

RunOptions run_options(const Session& session, const RunFolder& folder) {
  RunOptions options;
  options.stop = stopping(session.settings, session.record, session.problem);
  options.validation = session.problem.validation;
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
  if (session.problem.network)
    words["model"] = {model_name(session.problem.network->options().hidden)};
  if (!session.settings.data.empty() && session.settings.data != "-")
    words["DATA"] = {std::filesystem::absolute(session.settings.data).string()};
  return words;
}

// ---- concluding

std::optional<Metrics> metrics_on(const Problem& problem, const Part& part, const Vector& x) {
  if (part.size() == 0) return std::nullopt;
  return evaluate(problem.dataset->encoding, part, problem.network->predict(x, part.inputs));
}

report::OutcomeSection outcome_section(const Problem& problem, const Result& result) {
  report::OutcomeSection section;
  section.reason = result.reason;
  section.reasons = result.reasons;
  section.steps = result.steps;
  section.samples = result.samples;
  section.best_step = result.best_step;
  section.seconds = result.seconds;
  section.loss = result.value;
  if (result.value > 0) section.log_loss = std::log(result.value);
  Vector gradient(result.best.size());
  problem.objective->value_and_gradient(result.best, gradient);
  section.gradient_norm = gradient.norm();
  for (const StepRecord& record : result.trace)
    if (record.iteration == result.best_step) section.flow_time = record.flow_time;
  if (problem.dataset) {
    section.train = metrics_on(problem, problem.dataset->train, result.best);
    section.validation = metrics_on(problem, problem.dataset->validation, result.best);
    section.test = metrics_on(problem, problem.dataset->test, result.best);
  }
  return section;
}

/// A point that the validation rows chose on the way makes no claim about the training objective.
bool chosen_by_validation(const Problem& problem, const Result& result) {
  return problem.validation &&
         (result.reason.outcome == Outcome::early_stopped || result.best_step != result.steps);
}

std::vector<Certificate> certify(const Session& session, const Result& result) {
  if (chosen_by_validation(session.problem, result)) return {};
  const Claims claims = claims_of(session.record, *session.problem.objective, session.settings.goal,
                                  session.settings.gradient_tolerance);
  auto certificates = measure_claims(claims, *session.problem.objective, result.best);
  const bool predicted = std::any_of(result.trace.begin(), result.trace.end(),
                                     [](const StepRecord& r) { return r.predicted.has_value(); });
  if (session.record.forecast->claims_rate || predicted)
    certificates.push_back(judge_rate(result.trace));
  return certificates;
}

std::vector<std::string> advice(const report::OutcomeSection& outcome) {
  std::vector<std::string> lines;
  if (!outcome.reason.advice.empty()) lines.push_back(outcome.reason.advice);
  if (!outcome.train || !outcome.validation) return lines;
  const auto score = [](const Metrics& m) { return m.r2 ? m.r2 : m.accuracy; };
  const auto on_train = score(*outcome.train), held_back = score(*outcome.validation);
  if (on_train && held_back && *on_train - *held_back > overfit_gap)
    lines.push_back(
        fmt::format("{:.2f} gap between train and validation: more rows, or a smaller --model",
                    *on_train - *held_back));
  return lines;
}

void write_report_files(const RunFolder& folder, const report::Record& record) {
  write_file_atomically(folder.report_text(), report::to_text(record));
  write_file_atomically(folder.report_json(), report::to_json(record));
}

void write_results(const RunFolder& folder, const Session& session, const Result& result) {
  if (session.problem.network)
    TrainedModel{*session.problem.network, session.problem.dataset->encoding, result.best}.save(
        folder.model());
  write_trace_csv(folder.trace(), result.trace);
  write_report_files(folder, session.record);  // report.json is last: it says that all is there
}

/// Certifies, reports, writes and prints; returns the exit code.
int conclude(const Console& console, const RunFolder& folder, Session& session,
             const Result& result) {
  report::Record& record = session.record;
  record.outcome = outcome_section(session.problem, result);
  record.certificates = certify(session, result);
  record.advice = advice(*record.outcome);
  if (session.problem.nist && result.best.size() <= most_solution_numbers)
    record.solution = report::SolutionSection{.parameters = result.best,
                                              .digits = session.problem.nist->digits(result.best)};
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
  if (!session.record.plan || !session.record.forecast || !session.record.preflight)
    throw DataError("the plan stored in it is not complete", checkpoint, "train again");
  if (settings.data.empty()) {
    session.problem = built_in_problem(settings);
    return session;
  }
  const std::string path =
      settings.data == "-" ? folder.stdin_copy().string() : session.settings.data;
  session.source = read_source(path);
  if (session.source.hash != origin.data_hash)
    throw DataError("the data changed since the run began", path,
                    "restore the file, or train again");
  session.problem = table_problem(settings, session.source);
  return session;
}

}  // namespace

Settings begin(const Invocation& invocation) {
  Settings settings = read_settings(invocation.words);
  if (settings.threads > 0) set_threads(settings.threads);
  return settings;
}

Session prepare(const Invocation& invocation, bool writes_folder) {
  Settings settings = begin(invocation);
  if (!settings.data.empty() && settings.dataset.targets.empty())
    throw UsageError("--target is missing", "name the column to predict");
  if (writes_folder || settings.out_given) RunFolder(settings.out).require_usable(settings.force);
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
  RunOptions options = run_options(session, folder);
  options.checkpoint->extra = {
      {options_key, words_to_json(resolved_words(invocation, session))},
      {record_key, report::to_json(session.record)},
      {hash_key, session.source.hash},
  };
  const Result result =
      watched(invocation.console, session.record, std::move(options), [&](const RunOptions& o) {
        return run(*session.problem.objective, *method, session.start, o);
      });
  return conclude(invocation.console, folder, session, result);
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
  const Result result = watched(
      invocation.console, session.record, run_options(session, folder), [&](const RunOptions& o) {
        return thalweg::resume(*session.problem.objective, *method, folder.checkpoint(), o);
      });
  return conclude(invocation.console, folder, session, result);
}

Claims claims_of(const report::Record& record, const Objective& objective, const Goal& goal,
                 std::optional<double> eps) {
  const Preflight& preflight = *record.preflight;
  Claims claims;
  claims.eps = eps ? *eps
                   : record.plan->gradient_tolerance.value_or(
                         default_eps_share * std::max(1.0, preflight.initial_gradient_norm));
  const double floor = preflight.rank ? preflight.rank->duplicate_floor : 0;
  const bool bounded_below = std::isfinite(objective.lower_bound());
  const bool overparametrized = record.problem->regime == "overparametrized";
  claims.global_minimum = bounded_below && (overparametrized || goal.target_loss ||
                                            record.forecast->claims_global_minimum);
  claims.lower_bound = std::max(objective.lower_bound(), floor);
  const double default_target =
      floor > 0 ? default_floor_share * floor : default_target_share * preflight.initial_loss;
  claims.target =
      goal.target_loss ? *goal.target_loss : record.plan->target_loss.value_or(default_target);
  // Who set out for a loss did not set out for a stationary point.
  claims.first_order = !goal.target_loss && !record.plan->target_loss;
  claims.slack = record.plan->method == "adapted-flow" ? 0.01 : 0;
  return claims;
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
