// thalweg predict MODEL DATA: predictions as CSV, one line per row.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "run_folder.hpp"
#include "thalweg/core/tensor_file.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/model/trained_model.hpp"

namespace thalweg::cli {
namespace {

/// Predictions as named columns; a class label leads the probabilities of the classes.
struct Predictions {
  std::vector<std::string> header;
  std::vector<std::string> labels;  ///< (N), classification only
  Matrix numbers;                   ///< (N, targets or classes)
};

Predictions predict_rows(const TrainedModel& model, const Table& table) {
  Predictions result;
  result.numbers = model.predict(table);
  const Encoding& encoding = model.encoding;
  result.header = encoding.targets;
  if (encoding.task != Task::classification) return result;
  for (const std::string& label : encoding.classes) result.header.push_back("p_" + label);
  for (Index row = 0; row < result.numbers.rows(); ++row) {
    Index best = 0;
    result.numbers.row(row).maxCoeff(&best);
    result.labels.push_back(encoding.classes[static_cast<std::size_t>(best)]);
  }
  return result;
}

/// A cell of RFC 4180: quoted where it must be.
std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string to_csv(const Predictions& predictions) {
  std::string csv;
  for (std::size_t i = 0; i < predictions.header.size(); ++i)
    csv += (i > 0 ? "," : "") + cell(predictions.header[i]);
  csv += "\n";
  for (Index row = 0; row < predictions.numbers.rows(); ++row) {
    const bool labelled = !predictions.labels.empty();
    if (labelled) csv += cell(predictions.labels[static_cast<std::size_t>(row)]);
    for (Index column = 0; column < predictions.numbers.cols(); ++column)
      csv +=
          fmt::format("{}{}", column > 0 || labelled ? "," : "", predictions.numbers(row, column));
    csv += "\n";
  }
  return csv;
}

std::string to_json(const Predictions& predictions, const report::Manifest& manifest) {
  report::Record record;
  record.manifest = manifest;
  auto json = nlohmann::ordered_json::parse(report::to_json(record));
  auto rows = nlohmann::ordered_json::array();
  for (Index row = 0; row < predictions.numbers.rows(); ++row) {
    auto cells = nlohmann::ordered_json::array();
    if (!predictions.labels.empty())
      cells.push_back(predictions.labels[static_cast<std::size_t>(row)]);
    for (Index column = 0; column < predictions.numbers.cols(); ++column)
      cells.push_back(predictions.numbers(row, column));
    rows.push_back(std::move(cells));
  }
  json["predictions"] = {{"columns", predictions.header}, {"rows", std::move(rows)}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// The predictions must not replace what they are made from.
void require_spared(const std::filesystem::path& input, const std::filesystem::path& out,
                    const char* what) {
  std::error_code absent;  // what does not exist is not the same file
  if (std::filesystem::equivalent(input, out, absent))
    throw UsageError(fmt::format("--out is {} itself", what), "give --out another file",
                     out.string());
}

int predict(const Invocation& invocation) {
  const Settings settings = begin(invocation);
  const std::filesystem::path model_path = invocation.words.at("MODEL").back();
  if (settings.out_given) {
    require_spared(settings.data, settings.out, "DATA");
    require_spared(model_path, settings.out, "MODEL");
    require_spared(RunFolder(model_path).model(), settings.out, "MODEL");
  }
  const TrainedModel model = TrainedModel::load(model_path);
  const Predictions predictions = predict_rows(model, read_table(settings.data, settings.csv));
  const std::string csv = to_csv(predictions);
  if (settings.out_given) {
    write_file_atomically(settings.out, csv);
  } else if (!invocation.console.json()) {
    invocation.console.raw(csv);
  }
  invocation.console.object(
      to_json(predictions, report::make_manifest(settings.seed, threads(), invocation.argv)));
  return exit_success;
}

}  // namespace

Command predict_command() {
  return {.name = "predict",
          .summary = "predictions of a trained model as CSV",
          .positionals = {{"MODEL", "model.safetensors or the folder of a run"},
                          {"DATA", "table with the columns of the features, or - for stdin"}},
          .options = joined({{"out", "FILE", "write the CSV there (default: stdout)"},
                             {"delimiter", "C", "of the cells (default: detected)"}},
                            common_options()),
          .run = predict};
}

}  // namespace thalweg::cli
