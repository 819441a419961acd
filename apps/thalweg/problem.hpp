// From settings to a problem that can be measured and solved.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "settings.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/nist.hpp"
#include "thalweg/model/robust_objective.hpp"
#include "thalweg/report/report.hpp"

namespace thalweg::cli {

/// The bytes of a table, and what identifies them.
struct Source {
  std::string path;    ///< "-" for stdin
  std::string bytes;   ///< unpacked
  std::string labels;  ///< path of the labels in a file of their own; empty: none
  std::string label_bytes;
  std::string hash;  ///< of all bytes
};
/// Throws DataError.
Source read_source(const std::string& path, const std::string& labels);
/// Throws what reading tables throws.
Table parse_source(const Source& source, const CsvOptions& csv);

/// The loss of a network on a dataset's part: squared for a regression, of margins for classes.
/// Throws UsageError for a loss or penalty that the model does not take.
std::shared_ptr<const CompositeObjective> make_objective(const Network& network,
                                                         const Encoding& encoding, const Part& part,
                                                         const LossOptions& loss,
                                                         Precision precision = Precision::float64);
/// Outputs (N, Q) of the network on a part.
Matrix outputs_on(const Network& network, const Encoding& encoding, const Part& part,
                  const Vector& parameters);

/// The loss of classes with a name of --option loss=. Throws UsageError for those of regressions.
std::shared_ptr<const OutputLoss> make_class_loss(const std::vector<int>& labels, int classes,
                                                  const LossOptions& options);
/// The loss of a part of a table.
std::shared_ptr<const OutputLoss> make_loss(const Encoding& encoding, const Part& part,
                                            const LossOptions& options);
/// "FILE: rows, columns, ..." for a note.
std::string describe_table(const Table& table, const std::string& labels);
/// Throws UsageError, with the remedy, for options of a loss of classes that were given.
void require_no_class_options(const LossOptions& options, const std::string& remedy);

struct Problem {
  std::shared_ptr<const Objective> objective;
  ProblemSize size;
  std::vector<std::string> notices;  ///< what was found in the data and is worth announcing
  std::vector<Decision> decisions;   ///< of the model
  /// Held-back loss; empty where nothing was held back.
  std::function<double(const ConstVectorRef&)> validation;
  std::optional<Dataset> dataset;
  LossOptions loss;              ///< with what was decided
  std::vector<Index> file_rows;  ///< of the training rows of a table, for messages
  std::optional<Network> network;
  std::optional<nist::Problem> nist;
  std::optional<Vector> start;                    ///< of a built-in problem
  std::shared_ptr<const RobustObjective> robust;  ///< of dro: the objective
  std::vector<std::string> group_names;           ///< of dro: by the numbers of its groups
};

/// The table problem of `source`. Throws what reading and encoding throw.
Problem table_problem(const Settings& settings, const Source& source);
/// The built-in problem settings.problem names, from `source` where it is about data; UsageError
/// for an unknown one.
Problem built_in_problem(const Settings& settings, const Source& source);
/// The names of the built-in problems.
std::vector<std::string> built_in_names();
/// What was published for the method on a built-in problem where --option preset=published asks for
/// it: options the user left open, steps, and the start after the published preparation.
void apply_preset(Settings& settings, Problem& problem);

/// Start parameters: --init, a published start, or seeded.
Vector start_parameters(const Problem& problem, const Settings& settings);

/// 80 % of what is free unless the user set it, in bytes.
double memory_limit_of(const Settings& settings);
/// Refuses before anything of the size of the model is allocated.
void refuse_large_model(const Settings& settings, const ProblemSize& size);

report::DataSection data_section(const Settings& settings, const Dataset& dataset);
report::ProblemSection problem_section(const Problem& problem);
report::ProblemSection problem_section(const Objective& objective, const Network& network);

}  // namespace thalweg::cli
