#include "thalweg/model/trained_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <system_error>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using nlohmann::json;

constexpr const char* format_key = "format";
constexpr const char* format_name = "thalweg-model/1";
constexpr const char* file_name = "model.safetensors";

[[noreturn]] void reject(const std::string& origin, const std::string& problem) {
  throw DataError(problem, origin, "the file is damaged or was not written by thalweg");
}

const char* name_of(Parametrization parametrization) {
  return parametrization == Parametrization::standard ? "standard" : "inverse-sqrt-width";
}

json describe(const Network::Options& options) {
  return {{"inputs", options.inputs},
          {"hidden", options.hidden},
          {"outputs", options.outputs},
          {"activation", to_string(options.activation)},
          {"parametrization", name_of(options.parametrization)},
          {"output_scale", options.output_scale},
          {"intercept", options.intercept}};
}

Index positive_integer(const json& value, const std::string& origin) {
  constexpr std::uint64_t largest = std::uint64_t{1} << 40;
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0 ||
      value.get<std::uint64_t>() > largest)
    reject(origin, "the architecture has an impossible size");
  return static_cast<Index>(value.get<std::uint64_t>());
}

Activation activation_of(const std::string& name, const std::string& origin) {
  for (const std::string& known : activation_names())
    if (name == known) return activation_from_name(name);
  reject(origin, fmt::format("unknown activation '{}'", name));
}

Parametrization parametrization_of(const std::string& name, const std::string& origin) {
  for (const auto known : {Parametrization::standard, Parametrization::inverse_sqrt_width})
    if (name == name_of(known)) return known;
  reject(origin, fmt::format("unknown parametrization '{}'", name));
}

/// Only linear models can do without; see Network::Options.
void require_intercept(const Network::Options& options, const std::string& origin) {
  const bool linear = options.hidden.empty() && options.output_scale == 1 &&
                      options.parametrization == Parametrization::standard;
  if (!options.intercept && !linear)
    reject(origin, "the architecture has no intercept, which only a linear model can do without");
}

Network::Options parse_architecture(const std::string& text, const std::string& origin) {
  try {
    const json description = json::parse(text);
    Network::Options options;
    options.inputs = positive_integer(description.at("inputs"), origin);
    options.outputs = positive_integer(description.at("outputs"), origin);
    for (const json& width : description.at("hidden"))
      options.hidden.push_back(positive_integer(width, origin));
    options.activation = activation_of(description.at("activation").get<std::string>(), origin);
    options.parametrization =
        parametrization_of(description.at("parametrization").get<std::string>(), origin);
    options.output_scale = description.at("output_scale").get<double>();
    if (!(options.output_scale > 0) || !std::isfinite(options.output_scale))
      reject(origin, "the output scale is not a positive number");
    options.intercept = description.value("intercept", true);  // older files have no such key
    require_intercept(options, origin);
    return options;
  } catch (const json::exception&) {
    reject(origin, "the architecture is not readable");
  }
}

/// In floating point, so that sizes of a hostile file cannot overflow; exact for those that fit.
double count_parameters(const Network::Options& options) {
  double count = 0;
  Index in = options.inputs;
  for (const Index width : options.hidden) {
    count += static_cast<double>(width) * (static_cast<double>(in) + 1);
    in = width;
  }
  const double per_output = static_cast<double>(in) + (options.intercept ? 1 : 0);
  return count + static_cast<double>(options.outputs) * per_output;
}

void require_consistent(const Network::Options& options, const Encoding& encoding,
                        const Vector& parameters, const std::string& origin) {
  if (options.inputs != encoding.inputs() || options.outputs != encoding.outputs())
    reject(origin, "the architecture does not fit the columns");
  const double count = count_parameters(options);
  if (count != static_cast<double>(parameters.size()))
    reject(origin, fmt::format("the architecture has {} parameters and the file {}", count,
                               parameters.size()));
  if (!parameters.allFinite()) reject(origin, "a parameter is not a finite number");
}

/// (N, 2): the probabilities of a margin, without overflow and without 1 - p.
Matrix two_class_probabilities(const Matrix& margins) {
  Matrix probabilities(margins.rows(), 2);
  for (Index i = 0; i < margins.rows(); ++i) {
    const double smaller = std::exp(-std::abs(margins(i, 0)));
    const bool second = margins(i, 0) > 0;
    probabilities(i, second ? 1 : 0) = 1 / (1 + smaller);
    probabilities(i, second ? 0 : 1) = smaller / (1 + smaller);
  }
  return probabilities;
}

Matrix softmax(const Matrix& outputs) {
  Matrix probabilities = (outputs.colwise() - outputs.rowwise().maxCoeff()).array().exp();
  const Vector sums = probabilities.rowwise().sum();
  probabilities.array().colwise() /= sums.array();
  return probabilities;
}

/// Outputs (N, Q) on the rows of raw_block(first, count), (count, inputs): blocks of them, where
/// all would take much more memory than their table.
template <class RawBlock>
Matrix outputs_in_blocks(const TrainedModel& model, Index rows, const RawBlock& raw_block) {
  constexpr Index block_numbers = Index{1} << 22;  // 32 MB
  Matrix outputs(rows, model.encoding.outputs());
  const Index block = std::max<Index>(1, block_numbers / model.encoding.inputs());
  for (Index first = 0; first < rows; first += block) {
    const Index count = std::min(block, rows - first);
    outputs.middleRows(first, count) = model.network.predict(
        model.parameters, model.encoding.standardized(raw_block(first, count)));
  }
  return outputs;
}

/// Outputs (N, Q) on a sparse table; a network with hidden layers sees it dense in blocks.
Matrix outputs_on_sparse(const TrainedModel& model, const Table& table) {
  const Encoding& encoding = model.encoding;
  const SparseMatrix raw = encoding.encode_sparse(table);
  if (model.network.linear())
    return model.network.predict(model.parameters, raw, encoding.input_mean, encoding.input_scale);
  return outputs_in_blocks(model, raw.rows(), [&](Index first, Index count) {
    return Matrix(raw.middleRows(first, count));
  });
}

/// Outputs (N, Q) on images.
Matrix outputs_on_packed(const TrainedModel& model, const Table& table) {
  return outputs_in_blocks(model, table.rows(), [&](Index first, Index count) {
    std::vector<Index> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), first);
    return model.encoding.encode_raw(table, rows);
  });
}

Matrix outputs_on(const TrainedModel& model, const Table& table) {
  if (table.is_sparse()) return outputs_on_sparse(model, table);
  if (table.is_packed()) return outputs_on_packed(model, table);
  return model.network.predict(model.parameters, model.encoding.encode(table));
}

}  // namespace

void TrainedModel::save(const std::filesystem::path& path) const {
  TensorFile file;
  file.metadata[format_key] = format_name;
  file.metadata["network"] = describe(network.options()).dump();
  encoding.save(file);
  file.put("parameters", parameters);
  file.write(path);
}

TrainedModel TrainedModel::load(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be looked at, TensorFile::read reports
  const bool folder = std::filesystem::is_directory(path, ignored);
  const std::filesystem::path model = folder ? path / file_name : path;
  if (folder && !std::filesystem::exists(model, ignored))
    throw DataError(fmt::format("no {} in this folder", file_name), path.string(),
                    "name a folder that a training run has written, or a model file");
  const TensorFile file = TensorFile::read(model);
  const auto format = file.metadata.find(format_key);
  if (format == file.metadata.end() || format->second != format_name)
    throw DataError("this is no model of thalweg", file.origin,
                    fmt::format("name the {} of a run", file_name));
  Encoding encoding = Encoding::load(file);
  Network::Options options = parse_architecture(file.text("network"), file.origin);
  Vector parameters = file.vector("parameters");
  require_consistent(options, encoding, parameters, file.origin);
  return {Network(std::move(options)), std::move(encoding), std::move(parameters)};
}

Matrix TrainedModel::predict(const Table& table) const {
  Matrix outputs = outputs_on(*this, table);
  if (encoding.task == Task::classification)
    return encoding.outputs() == 1 ? two_class_probabilities(outputs) : softmax(outputs);
  outputs.array().rowwise() *= encoding.target_scale.transpose().array();
  outputs.rowwise() += encoding.target_mean.transpose();
  return outputs;
}

}  // namespace thalweg
