// One immutable record of a run, and its renderings. Renders, evaluates nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "thalweg/certify/certificate.hpp"
#include "thalweg/certify/plateau.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/data/dataset.hpp"
#include "thalweg/plan/planner.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg::report {

/// Name and version of the form of report.json: docs/report-schema.md.
inline constexpr char schema[] = "thalweg-report/1";

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
/// Loss, gradient norm and metrics belong to the returned point; steps, samples and seconds to the
/// whole run, over all its parts.
struct OutcomeSection {
  StopReason reason;
  std::vector<StopReason> reasons;  ///< every criterion that fired
  std::int64_t steps = 0, samples = 0, best_step = 0;
  double seconds = 0, loss = 0;
  std::optional<double> log_loss;  ///< ln(loss); absent where the loss is exactly 0
  std::optional<double> gradient_norm, flow_time;
  // large-step-adaptive, at the last step: ln of the loss at the averaged and at the last iterate,
  // and of what the theorem promises there.
  std::optional<double> average_log_loss, last_log_loss, bound_log_loss;
  std::optional<Metrics> train, validation, test;
};
/// large-step only: how the loss went over to the stable phase.
struct PhasesSection {
  std::optional<std::int64_t> transition_step;  ///< first step with loss <= 1/eta
  std::int64_t last_increase_step = 0;          ///< last step whose loss rose; 0: never
  /// Since when the loss is both: at most 1/eta, and falling at every step.
  std::optional<std::int64_t> stable_since;
};
/// Moves that left a stationary point: perturbations, steps along curvature, restarts.
struct EscapesSection {
  std::int64_t count = 0;
  std::vector<std::int64_t> steps;  ///< of the recorded ones, the first 100
  /// Perturbations at degenerate points, whose radius no theory sets.
  struct Heuristic {
    std::int64_t step = 0;
    double radius = 0;
  };
  std::vector<Heuristic> heuristic;
  /// perturbed, and tamed in its perturbed form: the end by the certificate, and what the published
  /// rule alone would have gone on to, where nothing else happened.
  std::optional<std::int64_t> certificate_step;
  std::optional<std::int64_t> waiting_end_step;
};
/// A distributionally robust objective at the returned point.
struct RobustSection {
  std::string divergence;
  double lambda = 0;
  double psi = 0, eta = 0;  ///< the worst-case mean, min over eta of the objective, and its eta
  Index groups = 0;
  /// With groups: the one of the largest error, its rows, its error (root mean squared in the units
  /// of the outputs, or the share of rows classified wrongly), and the median error of all.
  std::optional<std::string> worst_group;
  Index worst_group_rows = 0;
  std::optional<double> worst_group_error, median_group_error;
};
struct SolutionSection {
  Vector parameters;             ///< (n), in original units; at most 1000 of them
  std::optional<double> digits;  ///< correct digits against certified values
};

/// Of numbers from several seeds: the median, and the quartiles between which the middle half lies.
struct Spread {
  double median = 0, lower_quartile = 0, upper_quartile = 0;
};
/// On rows held back.
struct HeldBackResult {
  double loss = 0;
  Metrics metrics;
};
/// One run of a comparison. Value, gradient norm and what is held back belong to the best point
/// that the run measured within its samples.
struct ComparedRun {
  std::uint64_t seed = 0;
  std::int64_t steps = 0, samples = 0;
  double value = 0;
  std::optional<double> gradient_norm;
  std::optional<std::int64_t> samples_to_target;  ///< absent: the target was not reached
  std::optional<HeldBackResult> validation, test;
  double seconds = 0;
  Outcome outcome = Outcome::failed;
};
/// How the stepsize of a compared method was found.
struct TuningSection {
  std::int64_t trials = 0, samples = 0;  ///< runs made for it, and their sample evaluations
  double seconds = 0;
  std::string because;            ///< why there are no trials, where there are none
  std::string option;             ///< the option that sets the stepsize; empty: there is none
  std::optional<double> planned;  ///< its value by the plan, or as given
  std::optional<double> chosen;   ///< the one of the best trial
  bool at_edge = false;           ///< the smallest or the largest that was tried
};
struct ComparedMethod {
  std::string method;
  std::map<std::string, std::string> options;  ///< all, with the values used
  TuningSection tuning;
  std::optional<Spread> value, gradient_norm, seconds;
  std::optional<Spread> validation_loss, test_loss;
  std::optional<Spread> validation_score, test_score;  ///< R2, or accuracy of classes
  std::int64_t reached = 0;                            ///< runs that reached the target
  std::optional<double> samples_to_target;  ///< median; absent where half of the runs did not
  std::int64_t diverged = 0;                ///< runs that diverged or failed
  std::vector<ComparedRun> runs;
};
struct RankedMethod {
  std::string method;
  std::int64_t rank = 1;  ///< 1 + the number of methods that are distinguishably better
  std::vector<std::string> not_distinguishable_from;  ///< in the order of the ranking
};
/// Fewer seeds say nothing about the spread: no method is called better.
inline constexpr std::size_t least_seeds_for_a_verdict = 3;

/// Methods on the same problem, from the same starts, with the same number of samples.
struct ComparisonSection {
  std::int64_t samples = 0;  ///< sample evaluations allowed to each run
  Index sample_count = 0;    ///< samples of the problem: one pass
  std::int64_t tuning_trials = 0;
  std::uint64_t tuning_seed = 0;
  std::vector<std::uint64_t> seeds;  ///< those that all methods have run
  bool interrupted = false;          ///< there were to be more
  std::optional<double> target;      ///< value whose samples are counted
  bool target_given = false;
  std::vector<Decision> decisions;
  std::vector<ComparedMethod> methods;
  std::vector<RankedMethod> ranking;  ///< smallest median first
};

/// The record; absent sections do not apply or do not exist yet.
struct Record {
  Manifest manifest;
  std::optional<DataSection> data;
  std::optional<ProblemSection> problem;
  std::optional<Preflight> preflight;
  std::optional<Plan> plan;
  std::optional<Forecast> forecast;
  std::optional<OutcomeSection> outcome;
  std::optional<PhasesSection> phases;
  std::optional<EscapesSection> escapes;
  std::optional<RobustSection> robust;
  std::vector<PlateauDiagnosis> plateaus;  ///< what the run stood still on, in order
  std::vector<Certificate> certificates;
  std::optional<SolutionSection> solution;
  std::optional<ComparisonSection> comparison;
  std::vector<std::string> advice;
};

/// JSON, indented, ending in a newline; every number is finite or absent. Numbers round-trip.
std::string to_json(const Record& record);
/// Reads report.json back. Throws DataError (where: origin) for anything else.
Record from_json(const std::string& json, const std::string& origin);

/// One page of text: what is known before the first step, then what came of it.
std::string to_text(const Record& record);
std::string text_before_run(const Record& record);  ///< data, preflight, plan, forecast
/// outcome, certificates, solution, advice; or what a comparison found
std::string text_after_run(const Record& record);
/// The lines of single sections, for callers that print them alone.
std::string describe_data(const DataSection& data);
std::string describe_comparison(const ComparisonSection& comparison);
/// The runs of a comparison as CSV, one line each.
std::string comparison_csv(const ComparisonSection& comparison);
std::string describe_certificates(const std::vector<Certificate>& certificates);

/// { "schema", "error": { code, what, where, remedy } }; empty parts are left out.
std::string error_json(int code, const Error& error);
std::string error_json(int code, const std::string& what, const std::string& where = {},
                       const std::string& remedy = {});

std::string version();  ///< of this build: "0.3.0 (commit)"
/// Describes this build, machine and moment.
Manifest make_manifest(std::uint64_t seed, int threads, std::vector<std::string> argv);

}  // namespace thalweg::report
