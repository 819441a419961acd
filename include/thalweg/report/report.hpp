// One immutable record of a run, and its renderings. Renders, evaluates nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/certify/certificate.hpp"
#include "thalweg/data/dataset.hpp"
#include "thalweg/plan/planner.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg::report {

struct Manifest {
  std::string version, commit, compiler, blas, cpu;
  int threads = 1;
  std::uint64_t seed = 0;
  std::vector<std::string> argv;
  std::string started;  ///< ISO 8601, UTC
};
struct DataSection {
  std::string file;
  Index rows = 0;
  std::vector<std::string> features, targets;
  Index train = 0, validation = 0, test = 0, dropped_rows = 0;
  std::vector<std::string> dropped_columns;
  std::string task;
  std::vector<std::string> classes;
};
struct ProblemSection {
  std::string objective;
  Index parameters = 0, outputs = 0;
  std::string regime;  ///< overparametrized | underparametrized; empty where it does not apply
  std::string model, activation;
};
struct OutcomeSection {
  StopReason reason;
  std::vector<StopReason> reasons;
  std::int64_t steps = 0, samples = 0, best_step = 0;
  double seconds = 0, loss = 0;
  std::optional<double> gradient_norm, flow_time;
  std::optional<Metrics> train, validation, test;
};
struct SolutionSection {
  Vector parameters;
  std::optional<double> digits;
};

/// The record; absent sections do not apply or do not exist yet. Schema thalweg-report/1:
/// docs/report-schema.md.
struct Record {
  Manifest manifest;
  std::optional<DataSection> data;
  std::optional<ProblemSection> problem;
  std::optional<Preflight> preflight;
  std::optional<Plan> plan;
  std::optional<Forecast> forecast;
  std::optional<OutcomeSection> outcome;
  std::vector<Certificate> certificates;
  std::optional<SolutionSection> solution;
  std::vector<std::string> advice;
};

/// JSON, indented, every number finite or absent.
std::string to_json(const Record& record);
/// Reads report.json back (for `thalweg report`). Throws DataError.
Record from_json(const std::string& json, const std::string& origin);
/// One page of text.
std::string to_text(const Record& record);
/// { "schema", "error": { code, what, where, remedy } }
std::string error_json(int code, const Error& error);

Manifest make_manifest(std::uint64_t seed, int threads, std::vector<std::string> argv);

}  // namespace thalweg::report
