// thalweg certify MODEL DATA: measures the certificates again at the stored parameters. It sees a
// model and rows; of the run, only which rows it trained on and the bounds it claimed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "commands.hpp"
#include "exit_code.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/model/trained_model.hpp"

namespace thalweg::cli {
namespace {

/// What a run folder remembers.
struct Origin {
  Settings settings;
  report::Record record;
  std::string data_hash;
};

/// The record, when it has all that the claims of a run rest on.
report::Record read_record(const std::filesystem::path& report) {
  const std::string path = report.string();
  report::Record record = report::from_json(read_bytes(path), path);
  if (!record.problem || !record.preflight || !record.plan || !record.forecast)
    throw DataError("not the report of a run: problem, preflight, plan or forecast is missing",
                    path, "train again, or give the model in a folder without a run");
  return record;
}

/// Nothing where MODEL does not lie in the folder of a run, or the run has not ended.
std::optional<Origin> read_origin(const std::filesystem::path& model) {
  std::error_code absent;
  const bool is_folder = std::filesystem::is_directory(model, absent);
  const RunFolder folder(is_folder ? model : model.parent_path());
  if (!is_folder && model.filename() != folder.model().filename()) return std::nullopt;
  if (!std::filesystem::exists(folder.checkpoint(), absent) ||
      !std::filesystem::exists(folder.report_json(), absent))
    return std::nullopt;
  const RunOrigin run = read_run_origin(folder);
  return Origin{.settings = read_settings(run.words),
                .record = read_record(folder.report_json()),
                .data_hash = run.data_hash};
}

/// Position of a label among the classes: as text, else by the number it spells; -1 when unknown.
int class_of(const Column& column, std::size_t row, const std::vector<std::string>& classes) {
  for (std::size_t k = 0; k < classes.size(); ++k) {
    const bool same = column.numeric ? parse_number(classes[k]) == column.numbers[row]
                                     : classes[k] == column.text[row];
    if (same) return static_cast<int>(k);
  }
  return -1;
}

DataError unusable_target(const Table& table, const Column& column, std::size_t row) {
  return DataError(
      fmt::format("the cell of target '{}' is missing or unknown to the model", column.name),
      fmt::format("{}:{}", table.source, table.file_rows[row]),
      "certify measures against the targets: give rows that have them");
}

/// Every row of the table, encoded as the model encodes its inputs and targets.
Part encode_part(const Encoding& encoding, const Table& table, bool keeps_sparse) {
  Part part;
  if (table.is_sparse() && keeps_sparse)
    part.sparse = encoding.encode_sparse(table);
  else
    part.inputs = encoding.encode(table);
  const auto rows = static_cast<std::size_t>(table.rows());
  part.rows.resize(rows);
  std::iota(part.rows.begin(), part.rows.end(), Index{0});
  part.targets.resize(table.rows(), static_cast<Index>(encoding.targets.size()));
  for (std::size_t k = 0; k < encoding.targets.size(); ++k) {
    const Column& column = table.columns[static_cast<std::size_t>(table.find(encoding.targets[k]))];
    const auto q = static_cast<Index>(k);
    for (std::size_t i = 0; i < rows; ++i) {
      if (encoding.task == Task::classification) {
        part.labels.push_back(class_of(column, i, encoding.classes));
        if (part.labels.back() < 0) throw unusable_target(table, column, i);
        continue;
      }
      if (!column.numeric || !std::isfinite(column.numbers[i]))
        throw unusable_target(table, column, i);
      part.targets(static_cast<Index>(i), q) =
          (column.numbers[i] - encoding.target_mean[q]) / encoding.target_scale[q];
    }
  }
  return part;
}

/// The training rows of the run where DATA is what it read, else every row.
Part rows_to_certify(const Settings& settings, const TrainedModel& model,
                     const std::optional<Origin>& origin) {
  const Source source = read_source(settings.data, settings.labels);
  const bool same_data = origin && origin->data_hash == source.hash;
  const CsvOptions csv = settings.csv.delimiter || !same_data ? settings.csv : origin->settings.csv;
  const Table table = parse_source(source, csv);
  require_labels(table);
  if (same_data) return make_dataset(table, origin->settings.dataset).train;
  return encode_part(model.encoding, table, model.network.linear());
}

/// Without a run there is no start: a model that predicts zero stands for it.
Claims claims_without_run(const CompositeObjective& objective, const Settings& settings) {
  const double zero_loss = objective.loss().value(Vector::Zero(objective.output_count()));
  return {.global_minimum = objective.overparametrized() || settings.goal.target_loss,
          .lower_bound = objective.lower_bound(),
          .target = settings.goal.target_loss.value_or(default_target_share * zero_loss),
          .first_order = !settings.goal.target_loss,
          .eps = settings.gradient_tolerance.value_or(default_eps_share)};
}

Claims claims_of_run(const Objective& objective, const Settings& settings, const Origin& origin) {
  const Goal& goal = settings.goal.target_loss ? settings.goal : origin.settings.goal;
  const auto eps = settings.gradient_tolerance ? settings.gradient_tolerance
                                               : origin.settings.gradient_tolerance;
  Claims claims = claims_of(origin.record, objective, goal, eps);
  // Of what was claimed, not of what might have been.
  const auto& claimed = origin.record.certificates;
  claims.separates = std::any_of(claimed.begin(), claimed.end(), [](const Certificate& c) {
    return c.claim == "separates" && c.verdict == Verdict::holds;
  });
  // The validation rows chose the point: it was never claimed to be a minimum.
  if (origin.record.certificates.empty() && !settings.goal.target_loss)
    claims.global_minimum = false;
  return claims;
}

/// What is certified, and where.
struct Certified {
  std::shared_ptr<const Objective> objective;
  report::ProblemSection problem;
  Vector x;
  Index rows = 0;
  Claims claims;
};

Certified model_on_rows(const Settings& settings, const TrainedModel& model,
                        const std::optional<Origin>& origin) {
  const Part part = rows_to_certify(settings, model, origin);
  const LossOptions loss = origin ? origin->settings.loss : LossOptions{};
  const auto objective = make_objective(model.network, model.encoding, part, loss);
  return {.objective = objective,
          .problem = problem_section(*objective, model.network),
          .x = model.parameters,
          .rows = part.size(),
          .claims = origin ? claims_of_run(*objective, settings, *origin)
                           : claims_without_run(*objective, settings)};
}

/// The worst-case mean of a run of dro, at the dual level that is best for the model: there the
/// gradient is that of the worst-case mean itself.
Certified worst_case_of_run(const Settings& settings, const TrainedModel& model,
                            const Origin& origin) {
  Settings of_run = origin.settings;
  of_run.data = settings.data;
  of_run.labels = settings.labels;
  const Source source = read_source(of_run.data, of_run.labels);
  if (source.hash != origin.data_hash)
    throw UsageError("not the data of the run: a worst-case mean is certified on its own rows",
                     "give the table it read");
  const Problem problem = built_in_problem(of_run, source);
  if (problem.network->parameter_count() != model.parameters.size())
    throw DataError("the model is not that of the run", settings.data, "solve again");
  Vector x(problem.objective->dimension());
  x << model.parameters, 0;
  return {.objective = problem.objective,
          .problem = problem_section(problem),
          .x = problem.robust->with_best_eta(x),
          .rows = problem.dataset->train.size(),
          .claims = claims_of_run(*problem.objective, settings, origin)};
}

/// Throws UsageError for any other --option: the loss is that of the run.
void require_eps_alone(const Words& words) {
  const auto given = words.find("option");
  if (given == words.end()) return;
  const bool alone = std::all_of(given->second.begin(), given->second.end(),
                                 [](const std::string& word) { return word.starts_with("eps="); });
  if (!alone) throw UsageError("certify has no --option but eps", "give --option eps=X");
}

int certify(const Invocation& invocation) {
  const Settings settings = begin(invocation);
  require_eps_alone(invocation.words);
  const std::filesystem::path path = invocation.words.at("MODEL").back();
  const TrainedModel model = TrainedModel::load(path);
  const std::optional<Origin> origin = read_origin(path);
  const bool worst_case = origin && origin->settings.problem == "dro";
  Certified subject = worst_case ? worst_case_of_run(settings, model, *origin)
                                 : model_on_rows(settings, model, origin);
  report::Record record;
  record.manifest = report::make_manifest(settings.seed, threads(), invocation.argv);
  record.problem = subject.problem;
  ask_for_second_order(*subject.objective, subject.claims);
  invocation.console.note(fmt::format("second-order: at most {} gradients",
                                      second_order_price(*subject.objective, subject.claims)));
  record.certificates = measure_claims(subject.claims, *subject.objective, subject.x);
  invocation.console.result(fmt::format("{} on {}: {} rows, loss {:.6g}\n", path.string(),
                                        settings.data, subject.rows,
                                        subject.objective->value(subject.x)));
  invocation.console.result(report::describe_certificates(record.certificates));
  invocation.console.object(report::to_json(record));
  return exit_code(record.certificates);
}

}  // namespace

Command certify_command() {
  return {.name = "certify",
          .summary = "measure the certificates again at the parameters of a model",
          .positionals = {{"MODEL", "model.safetensors or the folder of a run"},
                          {"DATA", "table with features and targets, or - for stdin"}},
          .options = joined({{"target-loss", "X",
                              "bound of the global minimum (default: that of "
                              "the run)"},
                             {"option", "eps=X", "bound of the gradient norm", true},
                             {"labels", "FILE", "the labels of IDX images"},
                             {"delimiter", "C", "of the cells (default: detected)"}},
                            common_options()),
          .run = certify};
}

}  // namespace thalweg::cli
