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

Claims claims_for(const CompositeObjective& objective, const Settings& settings,
                  const std::optional<Origin>& origin) {
  if (!origin) return claims_without_run(objective, settings);
  const Goal& goal = settings.goal.target_loss ? settings.goal : origin->settings.goal;
  const auto eps = settings.gradient_tolerance ? settings.gradient_tolerance
                                               : origin->settings.gradient_tolerance;
  Claims claims = claims_of(origin->record, objective, goal, eps);
  // Of what was claimed, not of what might have been.
  const auto& claimed = origin->record.certificates;
  claims.separates = std::any_of(claimed.begin(), claimed.end(), [](const Certificate& c) {
    return c.claim == "separates" && c.verdict == Verdict::holds;
  });
  // The validation rows chose the point: it was never claimed to be a minimum.
  if (origin->record.certificates.empty() && !settings.goal.target_loss)
    claims.global_minimum = false;
  return claims;
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
  const Part part = rows_to_certify(settings, model, origin);
  const LossOptions loss = origin ? origin->settings.loss : LossOptions{};
  const auto made = make_objective(model.network, model.encoding, part, loss);
  const CompositeObjective& objective = *made;
  report::Record record;
  record.manifest = report::make_manifest(settings.seed, threads(), invocation.argv);
  record.problem = problem_section(objective, model.network);
  record.certificates =
      measure_claims(claims_for(objective, settings, origin), objective, model.parameters);
  invocation.console.result(fmt::format("{} on {}: {} rows, loss {:.6g}\n", path.string(),
                                        settings.data, part.size(),
                                        objective.value(model.parameters)));
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
