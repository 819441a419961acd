// What the user asked for, as values: the meaning of the options of docs/command-line.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/data/dataset.hpp"
#include "thalweg/data/table.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/robust_objective.hpp"
#include "thalweg/plan/planner.hpp"
#include "words.hpp"

namespace thalweg::cli {

/// The loss of classes or of a regression, and the ridge penalty of a linear model of classes:
/// --option loss=, degree=, scale=, regularization=.
struct LossOptions {
  /// The first stands for what was not named: logistic for classes, squared for a regression.
  enum class Kind { logistic, exponential, polynomial, squared_hinge, huber, cauchy, tukey };
  Kind kind = Kind::logistic;
  bool robust() const { return kind >= Kind::huber; }
  std::string name() const;     ///< as in --option loss=
  double degree = 2;            ///< of the polynomial tail
  std::optional<double> scale;  ///< c of a robust loss, in the units of the targets as the loss
                                ///< sees them; absent: from the targets
  double ridge = 0;             ///< lambda of lambda/2 |x|^2
  bool ridge_given = false;
};

/// Options of the built-in problems; see docs/command-line.md.
struct BuiltInSettings {
  std::vector<std::string> given;  ///< which options were given that only some problems take
  std::optional<std::int64_t> samples, dimension, size, rank;
  double noise = 4;
  bool complex = false;
  double exponent = 4;
  double start_scale = 1;  ///< --option start-scale=
  RobustObjective::Options robust;
  std::optional<double> lambda;  ///< --option lambda=; absent: by the divergence
  std::string group;             ///< column of the groups of dro; empty: none
  bool published = false;        ///< --option preset=published
};

struct Settings {
  // The problem: a table, or a built-in one.
  std::string data;    ///< path, "-" for stdin; empty for a built-in problem without data
  std::string labels;  ///< path of the labels of IDX images; empty: none
  CsvOptions csv;
  DatasetOptions dataset;
  std::optional<std::vector<Index>> hidden;  ///< absent: the planner chooses
  bool intercept = true;                     ///< of a linear model
  Precision precision = Precision::float64;  ///< of batches of a network
  LossOptions loss;
  Activation activation = Activation::tanh;
  std::string problem;  ///< name of a built-in one; empty: the table is the problem
  BuiltInSettings built_in;
  int start = 1;     ///< of the published starts
  std::string init;  ///< file of start parameters; empty: seeded

  // The goal.
  Goal goal;
  std::optional<double> gradient_tolerance;  ///< --option eps=
  std::int64_t patience = 20;

  std::uint64_t seed = 0;
  int threads = 0;                     ///< 0: all
  std::optional<double> memory_limit;  ///< bytes
  std::filesystem::path out = "thalweg-run";
  bool out_given = false;
  bool force = false;
};

/// The options of train, check and plan; of solve; of commands that compute; and of those that only
/// print.
std::vector<OptionSpec> table_options();
std::vector<OptionSpec> solve_options();
std::vector<OptionSpec> common_options();
std::vector<OptionSpec> output_options();
std::vector<OptionSpec> joined(std::vector<OptionSpec> first,
                               const std::vector<OptionSpec>& second);

/// Checks every word. Throws UsageError naming all that cannot be used.
Settings read_settings(const Words& words);
/// "linear", "mlp:64,64"
std::string model_name(const std::vector<Index>& hidden);

}  // namespace thalweg::cli
