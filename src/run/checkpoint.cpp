#include "checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "record_fields.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/tensor_file.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

using Json = nlohmann::json;

constexpr const char* format_name = "thalweg-checkpoint/3";
constexpr const char* remedy = "start the run anew";
const std::string state_prefix = "state/", trace_prefix = "trace/", loop_prefix = "loop/",
                  extra_prefix = "extra/", observer_prefix = "observer/";

class StateWriter final : public StateVisitor {
 public:
  StateWriter(TensorFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}
  void field(const std::string& name, Vector& v) override { file_.put(prefix_ + name, v); }
  void field(const std::string& name, Matrix& m) override { file_.put(prefix_ + name, m); }
  void field(const std::string& name, double& v) override { file_.put(prefix_ + name, v); }
  void field(const std::string& name, std::int64_t& v) override { file_.put(prefix_ + name, v); }
  void field(const std::string& name, bool& v) override {
    file_.put(prefix_ + name, std::int64_t{v});
  }

 private:
  TensorFile& file_;
  std::string prefix_;
};

class StateReader final : public StateVisitor {
 public:
  StateReader(const TensorFile& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix)) {}
  void field(const std::string& name, Vector& v) override { v = file_.vector(prefix_ + name); }
  void field(const std::string& name, Matrix& m) override { m = file_.matrix(prefix_ + name); }
  void field(const std::string& name, double& v) override { v = file_.number(prefix_ + name); }
  void field(const std::string& name, std::int64_t& v) override {
    v = file_.integer(prefix_ + name);
  }
  void field(const std::string& name, bool& v) override { v = file_.integer(prefix_ + name) != 0; }

 private:
  const TensorFile& file_;
  std::string prefix_;
};

// A column of the trace: its numbers, and for an optional field where they are present.
class ColumnWriter {
 public:
  ColumnWriter(TensorFile& file, const std::vector<StepRecord>& trace) : file_(file) {
    for (const RecordField& field : record_fields)
      std::visit([&](auto member) { put(trace_prefix + std::string(field.name), trace, member); },
                 field.member);
  }

 private:
  using Trace = std::vector<StepRecord>;

  void put(const std::string& name, const Trace& trace, double StepRecord::*member) {
    Vector column(static_cast<Index>(trace.size()));
    for (std::size_t i = 0; i < trace.size(); ++i) column[static_cast<Index>(i)] = trace[i].*member;
    file_.put(name, column);
  }
  // A field that no step has measured is left out, which halves the file of a long run.
  void put(const std::string& name, const Trace& trace, std::optional<double> StepRecord::*member) {
    Vector column(static_cast<Index>(trace.size()));
    std::vector<std::int64_t> present(trace.size());
    for (std::size_t i = 0; i < trace.size(); ++i) {
      column[static_cast<Index>(i)] = (trace[i].*member).value_or(0);
      present[i] = (trace[i].*member).has_value();
    }
    if (std::ranges::find(present, 1) == present.end()) return;
    file_.put(name, column);
    file_.put(name + "/present", std::move(present));
  }
  template <class Integer>
  void put(const std::string& name, const Trace& trace, Integer StepRecord::*member) {
    std::vector<std::int64_t> column(trace.size());
    for (std::size_t i = 0; i < trace.size(); ++i) column[i] = trace[i].*member;
    file_.put(name, std::move(column));
  }

  TensorFile& file_;
};

[[noreturn]] void reject(const TensorFile& file, const std::string& problem) {
  throw DataError(problem, file.origin, remedy);
}

class ColumnReader {
 public:
  explicit ColumnReader(const TensorFile& file)
      : file_(file), trace_(file.integers(trace_prefix + "iteration").size()) {
    for (const RecordField& field : record_fields)
      std::visit([&](auto member) { get(trace_prefix + std::string(field.name), member); },
                 field.member);
  }
  std::vector<StepRecord> take() { return std::move(trace_); }

 private:
  void get(const std::string& name, double StepRecord::*member) {
    const Vector column = numbers(name);
    for (std::size_t i = 0; i < trace_.size(); ++i)
      trace_[i].*member = column[static_cast<Index>(i)];
  }
  void get(const std::string& name, std::optional<double> StepRecord::*member) {
    if (!file_.has(name)) return;
    const Vector column = numbers(name);
    const auto present = integers(name + "/present");
    for (std::size_t i = 0; i < trace_.size(); ++i)
      if (present[i] != 0) trace_[i].*member = column[static_cast<Index>(i)];
  }
  template <class Integer>
  void get(const std::string& name, Integer StepRecord::*member) {
    const auto column = integers(name);
    for (std::size_t i = 0; i < trace_.size(); ++i)
      trace_[i].*member = static_cast<Integer>(column[i]);
  }

  Vector numbers(const std::string& name) const {
    Vector column = file_.vector(name);
    require_length(static_cast<std::size_t>(column.size()));
    return column;
  }
  std::vector<std::int64_t> integers(const std::string& name) const {
    auto column = file_.integers(name);
    require_length(column.size());
    return column;
  }
  void require_length(std::size_t length) const {
    if (length != trace_.size()) reject(file_, "the columns of the trace differ in length");
  }

  const TensorFile& file_;
  std::vector<StepRecord> trace_;
};

Json to_json(const StopReason& reason) {
  Json json = {{"outcome", to_string(reason.outcome)},
               {"criterion", reason.criterion},
               {"advice", reason.advice}};
  if (reason.measured) json["measured"] = *reason.measured;
  if (reason.threshold) json["threshold"] = *reason.threshold;
  return json;
}

std::string to_text(const std::vector<StopReason>& reasons) {
  Json json = Json::array();
  for (const StopReason& reason : reasons) json.push_back(to_json(reason));
  return json.dump();
}

std::optional<double> optional_number(const Json& json, const char* key) {
  if (!json.contains(key)) return std::nullopt;
  return json.at(key).get<double>();
}

std::vector<StopReason> reasons_from_text(const TensorFile& file, const std::string& key) {
  std::vector<StopReason> reasons;
  try {
    for (const Json& json : Json::parse(file.text(key))) {
      const auto outcome = outcome_from_string(json.at("outcome").get<std::string>());
      if (!outcome) reject(file, "an outcome is not known");
      reasons.push_back({*outcome, json.at("criterion").get<std::string>(),
                         optional_number(json, "measured"), optional_number(json, "threshold"),
                         json.at("advice").get<std::string>()});
    }
  } catch (const Json::exception&) {
    reject(file, fmt::format("'{}' cannot be read", key));
  }
  return reasons;
}

// FNV-1a over words: tells damage inside the numbers, which the format itself cannot.
class Fingerprint {
 public:
  void add(std::uint64_t word) { hash_ = (std::rotl(hash_, 23) ^ word) * 1099511628211ULL; }
  void add(std::string_view text) {
    add(text.size());
    for (const char c : text) add(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  void add(const Tensor& tensor) {
    for (const Index extent : tensor.shape) add(static_cast<std::uint64_t>(extent));
    std::visit(
        [this](const auto& values) {
          for (const auto& value : values) add(std::bit_cast<std::uint64_t>(value));
        },
        tensor.values);
  }
  std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  std::uint64_t hash_ = 14695981039346656037ULL;
};

std::string fingerprint(const TensorFile& file) {
  Fingerprint hash;
  for (const auto& [key, text] : file.metadata) {
    if (key == "fingerprint") continue;
    hash.add(key);
    hash.add(text);
  }
  for (const auto& [name, tensor] : file.tensors) {
    hash.add(name);
    hash.add(tensor);
  }
  return hash.text();
}

void put_history(TensorFile& file, const RunHistory& history) {
  ColumnWriter(file, history.trace);
  file.put(loop_prefix + "best", history.best);
  file.put(loop_prefix + "point_step", history.point_step);
  file.put(loop_prefix + "value_step", history.value_step);
  file.put(loop_prefix + "validation_step", history.validation_step);
  file.put(loop_prefix + "validations_since_best", history.validations_since_best);
  file.put(loop_prefix + "evaluations", history.evaluations);
  file.put(loop_prefix + "samples", history.samples);
  file.put(loop_prefix + "steps", history.steps);
  file.put(loop_prefix + "seconds", history.seconds);
  file.metadata["reasons"] = to_text(history.reasons);
  const auto& halt = history.trace.back().halt;
  file.metadata["halt"] = to_text(halt ? std::vector{*halt} : std::vector<StopReason>{});
}

RunHistory get_history(const TensorFile& file) {
  RunHistory history;
  history.trace = ColumnReader(file).take();
  history.best = file.vector(loop_prefix + "best");
  history.point_step = file.integer(loop_prefix + "point_step");
  history.value_step = file.integer(loop_prefix + "value_step");
  history.validation_step = file.integer(loop_prefix + "validation_step");
  history.validations_since_best = file.integer(loop_prefix + "validations_since_best");
  history.evaluations = file.integer(loop_prefix + "evaluations");
  history.samples = file.integer(loop_prefix + "samples");
  history.steps = file.integer(loop_prefix + "steps");
  history.seconds = file.number(loop_prefix + "seconds");
  history.reasons = reasons_from_text(file, "reasons");
  const auto halt = reasons_from_text(file, "halt");
  if (!halt.empty() && !history.trace.empty()) history.trace.back().halt = halt.front();
  return history;
}

void require_consistent(const TensorFile& file, const RunHistory& history, Index dimension) {
  const auto& trace = history.trace;
  const auto is_step = [&trace](std::int64_t step) {
    return std::ranges::binary_search(trace, step, {}, &StepRecord::iteration);
  };
  bool consistent = !trace.empty() && trace.front().iteration == 0 &&
                    history.best.size() == dimension && history.evaluations >= 0 &&
                    history.samples >= 0 && history.steps >= trace.back().iteration &&
                    history.validations_since_best >= 0 && history.seconds >= 0 &&
                    is_step(history.point_step) && is_step(history.value_step) &&
                    (history.validation_step == -1 || is_step(history.validation_step));
  for (std::size_t i = 1; i < trace.size(); ++i)
    consistent = consistent && trace[i - 1].iteration < trace[i].iteration;
  if (!consistent) reject(file, "the record of the run contradicts itself");
}

TensorFile read_file(const std::filesystem::path& path) {
  TensorFile file = TensorFile::read(path);
  if (!file.metadata.count("format") || file.text("format") != format_name)
    reject(file, "is not a checkpoint of this version");
  if (file.text("fingerprint") != fingerprint(file)) reject(file, "the checkpoint is damaged");
  return file;
}

const char* const present_field = "present";

std::string observer_prefix_of(const Observer& observer) {
  return observer_prefix + std::string(observer.key()) + "/";
}

std::map<std::string, std::string> get_extra(const TensorFile& file) {
  std::map<std::string, std::string> extra;
  for (const auto& [key, text] : file.metadata)
    if (key.rfind(extra_prefix, 0) == 0) extra[key.substr(extra_prefix.size())] = text;
  return extra;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, std::string_view method, State& state,
                      const RunHistory& history, const std::map<std::string, std::string>& extra,
                      const std::vector<Observer*>& observers) {
  TensorFile file;
  file.origin = path.string();
  file.metadata["format"] = format_name;
  file.metadata["method"] = method;
  for (const auto& [key, text] : extra) file.metadata[extra_prefix + key] = text;
  StateWriter writer(file, state_prefix);
  state.visit(writer);
  for (Observer* observer : observers) {
    if (observer->key().empty()) continue;
    StateWriter observed(file, observer_prefix_of(*observer));
    bool present = true;
    observed.field(present_field, present);
    observer->visit(observed);
  }
  put_history(file, history);
  file.metadata["fingerprint"] = fingerprint(file);
  file.write(path);
}

Checkpoint read_checkpoint(const std::filesystem::path& path, const Method& method, Index dimension,
                           const std::vector<Observer*>& observers) {
  const TensorFile file = read_file(path);
  Checkpoint checkpoint{file.text("method"), get_extra(file), get_history(file),
                        method.blank_state()};
  if (checkpoint.method != method.name())
    reject(file, fmt::format("is a checkpoint of {}, not of {}", checkpoint.method, method.name()));
  StateReader reader(file, state_prefix);
  checkpoint.state->visit(reader);
  if (checkpoint.state->x.size() != dimension)
    reject(file, fmt::format("has {} parameters where the problem has {}",
                             checkpoint.state->x.size(), dimension));
  require_consistent(file, checkpoint.history, dimension);
  for (Observer* observer : observers) {
    const std::string prefix = observer_prefix_of(*observer);
    if (observer->key().empty() || !file.has(prefix + present_field)) continue;
    StateReader observed(file, prefix);
    observer->visit(observed);
  }
  return checkpoint;
}

CheckpointInfo read_checkpoint_info(const std::filesystem::path& path) {
  const TensorFile file = read_file(path);
  return {get_extra(file), !reasons_from_text(file, "reasons").empty(), file.text("method")};
}

}  // namespace thalweg
