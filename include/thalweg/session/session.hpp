// The whole way of a run: preflight, plan, forecast, run, certificates, record. solve() goes it in
// one call; the command line goes it in the steps below, with files and signals between them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "thalweg/report/report.hpp"
#include "thalweg/run/plateau.hpp"

namespace thalweg {

/// What a caller may know of a problem beyond what it computes.
struct Subject {
  ProblemSize size;                 ///< describe(problem), with the layers where it is a network
  const Matrix* inputs = nullptr;   ///< (N, D) to look for conflicting rows; not owned; may be null
  const Matrix* targets = nullptr;  ///< (N, Q) as the loss sees them; not owned; may be null
  /// (N, D) of a table of classes whose model is not linear, to say whether a linear one would
  /// separate it; not owned; may be null.
  const Matrix* table = nullptr;
  bool smooth = true;  ///< false: kinks are expected, the Taylor slope decides nothing
};

/// The size of a problem from its counts.
ProblemSize describe(const Objective& problem);

/// Everything preflight measures at x0. Throws RefusedError where loss or gradient is not finite
/// there, or where the gradient disagrees with differences of values and `subject.smooth`.
Preflight measure(const Objective& problem, const ConstVectorRef& x0, const Subject& subject,
                  const Goal& goal, double memory_limit, std::uint64_t seed);

/// Adds plan and forecast to a record that has a preflight. Throws RefusedError, naming a method
/// that would fit, where the plan needs more memory than preflight allows.
void add_plan(report::Record& record, const Objective& problem, const ConstVectorRef& x0,
              const ProblemSize& size, const Goal& goal);

/// What ends a run by its plan.
struct StopOptions {
  bool validated = false;      ///< rows are held back
  std::int64_t patience = 20;  ///< evaluations without improvement on them
};
/// Whether the loss may rise to any height and still come down, as proved: no divergence then.
bool may_rise(const Preflight& preflight, std::string_view method);
StopWhen stopping(const Goal& goal, const report::Record& record, const StopOptions& options);

/// The phases of a large-step run; absent for other methods.
std::optional<report::PhasesSection> phases_of(const Result& result, const Plan& plan);
/// Absent where the method leaves no stationary points.
std::optional<report::EscapesSection> escapes_of(const Result& result, const Plan& plan);

/// The outcome at the returned point, without metrics.
report::OutcomeSection outcome_of(const Objective& problem, const Result& result);

/// Which certificates are measured, and against which bounds.
struct Claims {
  bool global_minimum = false;
  double lower_bound = 0;  ///< proved: of the loss, or forced by conflicting duplicates
  double target = 0;       ///< allowed above it
  double slack = 0;        ///< relative to target
  bool first_order = true;
  double eps = 0;  ///< on the gradient norm
  /// first_order from batches, with a confidence: sampled methods on problems whose full gradient
  /// takes more than a second or so.
  bool first_order_sampled = false;
  bool separates = false;        ///< every margin is above 0
  bool second_order = false;     ///< |g| <= eps and lambda_min >= -sqrt(rho eps)
  double hessian_lipschitz = 0;  ///< rho; 0: measured at the point
  /// Of the Hessian, that the second-order certificate may take; 0: as many as it needs.
  std::int64_t most_products = 0;
  bool only_where_stationary = false;  ///< second_order only where |g| <= eps
};

/// Without a target loss a global minimum means this share of the loss at the start, and above a
/// floor this share of the floor.
inline constexpr double default_target_share = 1e-8;
inline constexpr double default_floor_share = 1e-6;
/// eps of first-order claims: this times max(1, gradient norm at the start).
inline constexpr double default_eps_share = 1e-3;

/// The section "problem" of a record, without the names of a network.
report::ProblemSection problem_section(const Objective& problem);

/// What a run may claim at its point, from what its record says.
Claims claims_of(const report::Record& record, const Objective& objective, const Goal& goal,
                 std::optional<double> eps);
/// Adds the second-order certificate to what is measured, for callers who ask for it: with at most
/// so many products as take about 1e12 flops.
void ask_for_second_order(const Objective& objective, Claims& claims);
/// What that costs at most, in gradients.
std::int64_t second_order_price(const Objective& objective, const Claims& claims);
std::vector<Certificate> measure_claims(const Claims& claims, const Objective& objective,
                                        const ConstVectorRef& x);
/// Certificates of a finished run: the claims re-measured at the returned point, and the rate
/// judged from the trace. A point that validation rows chose on the way claims nothing. Of a
/// network trained by large steps the drift of its tangent kernel from `start` on is measured,
/// where the start is known (not empty).
std::vector<Certificate> certify(const Objective& problem, const Vector& start,
                                 const Result& result, const report::Record& record,
                                 const Goal& goal, std::optional<double> eps, bool validated);

/// Watches a run of a record that has preflight and plan for plateaus.
PlateauWatch plateau_watch(const Objective& problem, const report::Record& record);

/// Adds the plateaus of a finished run to a record that has its outcome, each diagnosed at a point
/// of it within a share of 2 % of the work of the run; the advice of one that the run ended on
/// becomes that of the reason. What convergence looks like is no plateau: the end of a run that
/// converged is told only where it is no minimum. `start` may be empty where it is not known.
void add_plateaus(report::Record& record, const Objective& problem, const Vector& start,
                  const Result& result, const PlateauWatch& watch, const Goal& goal);

/// What a user should do next, from the record of a finished run, most important first.
std::vector<std::string> advice_of(const report::Record& record);

struct SolveOptions {
  std::optional<Subject> subject;  ///< default: counts only
  std::uint64_t seed = 0;
  double memory_limit = 0;  ///< bytes; 0: 80 % of what is free
  StopOptions stop;
  /// Loss on held-back data; see RunOptions::validation. Set it together with goal.validation.
  std::function<double(const ConstVectorRef& x)> validation;
  std::vector<Observer*> observers;  ///< not owned
  const StopToken* stop_token = nullptr;
};

struct Solved {
  Result result;          ///< the point and the trace
  report::Record record;  ///< forecast beside outcome; report::to_text renders it
};

/// Measures, plans, forecasts, runs, certifies.
Solved solve(const Objective& problem, const ConstVectorRef& x0, const Goal& goal = {},
             const SolveOptions& options = {});

}  // namespace thalweg
