// The record as one page of text: short and aligned, every number says what it is, and the last
// lines tell what to do.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "thalweg/report/report.hpp"
#include "words.hpp"

namespace thalweg::report {
namespace {

const char* word(Status status) {
  return status == Status::pass ? "ok" : status == Status::fail ? "fails" : "unknown";
}

std::string describe_assumptions(const std::vector<Assumption>& assumptions) {
  const std::size_t width = width_of(assumptions, [](const Assumption& a) { return a.text; });
  std::string text;
  for (const Assumption& a : assumptions)
    text += a.measured ? fmt::format("  {:<9}{:<{}}  {}\n", word(a.status), a.text, width,
                                     number(*a.measured))
                       : fmt::format("  {:<9}{}\n", word(a.status), a.text);
  return text;
}

std::string describe_problem(const ProblemSection& problem) {
  std::string text = fmt::format("problem: {}", problem.objective);
  if (!problem.model.empty()) text += fmt::format(", {}", problem.model);
  if (!problem.activation.empty()) text += fmt::format(" ({})", problem.activation);
  text += fmt::format(", {}, {}", plural(problem.parameters, "parameter", "parameters"),
                      plural(problem.outputs, "output", "outputs"));
  if (!problem.regime.empty()) text += ": " + problem.regime;
  return text + "\n";
}

std::string describe_rank(const RankReport& rank) {
  const char* verdict = !rank.full ? "not resolved" : *rank.full ? "full" : "not full";
  const char* source = rank.source == RankSource::jacobian ? "the Jacobian" : "the Gram matrix";
  std::string text = fmt::format("  rank        {} of {}: {} at tolerance {}, from {} ({} x {})\n",
                                 rank.rank, std::min(rank.rows, rank.columns), verdict,
                                 number(rank.tolerance), source, rank.rows, rank.columns);
  text += fmt::format("  spectrum    sigma_min {}, sigma_max {}", number(rank.sigma_min),
                      number(rank.sigma_max));
  if (rank.condition) text += fmt::format(", condition {}", number(*rank.condition));
  text += "\n";
  if (rank.conflicting_duplicates.value_or(0) > 0) {
    text += fmt::format("  duplicates  {} share their inputs with a row of another target",
                        plural(*rank.conflicting_duplicates, "row", "rows"));
    if (rank.duplicate_floor > 0)
      text += fmt::format(": no parameters reach a loss below {}", number(rank.duplicate_floor));
    text += "\n";
  }
  if (rank.floor.value_or(0) > 0)
    text += fmt::format("  floor       {}: the linearized model cannot go below this loss\n",
                        number(*rank.floor));
  for (const std::string& warning : rank.warnings) text += "  warning     " + warning + "\n";
  return text;
}

std::string describe_separability(const SeparabilityReport& report) {
  std::string text =
      fmt::format("  separable   {}", report.verdict == Separable::yes  ? "yes"
                                      : report.verdict == Separable::no ? "no"
                                                                        : "undecided");
  if (report.verdict == Separable::yes)
    text += fmt::format(", margin between {} and {}", number(report.margin_lower),
                        number(report.margin_upper));
  if (report.verdict == Separable::no) text += ", no margin is above 0";
  if (report.row_norm > 0) text += fmt::format(" (rows scaled by 1/{})", number(report.row_norm));
  text += "\n";
  if (!report.conflict.empty()) {
    std::vector<std::string> rows;
    for (const Index row : report.conflict) rows.push_back(fmt::format("{}", row));
    text += fmt::format("  conflict    rows {}: {}\n", list(rows),
                        report.equal_rows ? "equal inputs of different classes"
                                          : "no parameters put all of them on their sides");
  }
  if (!report.tried.empty()) text += fmt::format("  tried       {}\n", report.tried);
  return text;
}

std::string describe_curvature(const CurvatureGrowth& growth) {
  const std::string law = growth.law.l1 > 0
                              ? fmt::format("L0 {}, L1 {}, alpha {}", number(growth.law.l0),
                                            number(growth.law.l1), number(growth.law.alpha))
                              : fmt::format("L0 {}, not seen to grow", number(growth.law.l0));
  return fmt::format("  curvature   {} ({}, gradient norms {} to {}, spread {})\n", law,
                     plural(growth.samples, "point", "points"), number(growth.smallest_gradient),
                     number(growth.largest_gradient), number(growth.spread));
}

std::string describe_noise(const GradientNoise& noise) {
  std::string text =
      fmt::format("  noise       tau1 {}, tau2 {} of a sample ({} of batches of {}, spread {})",
                  number(noise.law.tau1), number(noise.law.tau2),
                  plural(noise.probes, "point", "points"), noise.batch, number(noise.spread));
  if (noise.tail_ratio)
    text += fmt::format(", largest gradient {} times the median", number(*noise.tail_ratio));
  return text + "\n";
}

std::string describe_bias(const NormalizationBias& bias) {
  return fmt::format(
      "  bias        of steps divided by the norm of their own batch of {}: {}, alignment {} +- {} "
      "({} +- {} by another batch), gradient {} of the noise\n",
      bias.batch, bias.significant ? "significant" : "not significant", number(bias.same_batch),
      number(bias.same_batch_error), number(bias.independent), number(bias.independent_error),
      number(bias.gradient_to_noise));
}

std::string describe_preflight(const Preflight& preflight) {
  std::string text =
      fmt::format("preflight: loss {} and gradient norm {} at the start\n",
                  number(preflight.initial_loss), number(preflight.initial_gradient_norm));
  if (preflight.rank) text += describe_rank(*preflight.rank);
  if (preflight.separability) text += describe_separability(*preflight.separability);
  if (preflight.critical_step && preflight.critical_step->minimum_found)
    text +=
        fmt::format("  critical    stepsize {}: beyond it gradient descent leaves the minimum\n",
                    number(preflight.critical_step->stepsize));
  if (preflight.curvature) text += describe_curvature(*preflight.curvature);
  if (preflight.noise) text += describe_noise(*preflight.noise);
  if (preflight.normalization_bias) text += describe_bias(*preflight.normalization_bias);
  if (preflight.memory.limit > 0)
    text += fmt::format("  memory      {} of {} allowed\n", size(preflight.memory.bytes),
                        size(preflight.memory.limit));
  const GradientCheck& check = preflight.gradient_check;
  text += fmt::format("  gradient    {}, Taylor slope {} (2 where it is right)\n",
                      check.passed ? "right" : "WRONG", number(check.slope));
  return text;
}

std::string describe_plan(const Plan& plan) {
  std::string text = fmt::format("plan: {}", plan.method);
  std::vector<std::string> options;
  for (const auto& [key, value] : plan.options) options.push_back(fmt::format("{}={}", key, value));
  if (!options.empty()) text += fmt::format("\n  with     {}", fmt::join(options, " "));
  text += "\n";
  return text + describe_decisions(plan.decisions);
}

std::string amount(const Forecast& forecast) {
  std::vector<std::string> parts;
  if (forecast.steps) parts.push_back(count(*forecast.steps) + " steps");
  if (forecast.seconds) parts.push_back(duration(*forecast.seconds));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// A number given by its logarithm, also where it is too small for a double.
std::string number_of_log(double log) {
  constexpr double smallest = -690;
  return log > smallest ? number(std::exp(log)) : fmt::format("e^{:.4g}", log);
}

std::string describe_regime(const Forecast& forecast) {
  std::string text = *forecast.regime;
  if (forecast.exponent) text += fmt::format(": falls like steps^{:.4g}", *forecast.exponent);
  if (forecast.step_floor)
    text += fmt::format(", down to {} above the minimum", number(*forecast.step_floor));
  return text;
}

std::string describe_forecast(const Forecast& forecast) {
  std::vector<std::string> parts;
  if (const std::string steps = amount(forecast); !steps.empty()) parts.push_back(steps);
  if (forecast.bytes) parts.push_back(size(*forecast.bytes));
  if (forecast.flow_time)
    parts.push_back("flow time " + fmt::format("{:.6g}", *forecast.flow_time));
  std::string text = parts.empty() ? std::string("forecast: no number of steps is promised")
                                   : fmt::format("forecast: {}", fmt::join(parts, ", "));
  text += fmt::format("; loss {}", number(forecast.initial_loss));
  if (forecast.target_loss) text += fmt::format(" to {}", number(*forecast.target_loss));
  if (forecast.floor) text += fmt::format(", not below the floor {}", number(*forecast.floor));
  if (forecast.log_loss_bound)
    text += fmt::format("\n  promised    loss at most {} when the steps are taken",
                        number_of_log(*forecast.log_loss_bound));
  if (forecast.transition_bound)
    text += fmt::format("; stable by step {}", count(*forecast.transition_bound));
  if (forecast.regime) text += "\n  regime      " + describe_regime(forecast);
  if (forecast.samples)
    text += fmt::format(
        "\n  samples     {} to a first-order point on average, if the measured "
        "laws hold",
        count(*forecast.samples));
  return text + "\n" + describe_assumptions(forecast.assumptions);
}

std::string describe_metrics(const char* part, const std::optional<Metrics>& metrics) {
  if (!metrics) return {};
  std::vector<std::string> parts;
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) parts.push_back(fmt::format("{} {:.4g}", name, *value));
  };
  add("R2", metrics->r2);
  add("RMSE", metrics->rmse);
  add("MAE", metrics->mae);
  add("accuracy", metrics->accuracy);
  add("cross-entropy", metrics->cross_entropy);
  return fmt::format("  {:<12}{}\n", part, fmt::join(parts, "   "));
}

std::string describe_outcome(const OutcomeSection& outcome,
                             const std::optional<Forecast>& forecast) {
  std::string text = fmt::format("{} after {}, {}", to_string(outcome.reason.outcome),
                                 plural(outcome.steps, "step", "steps"), duration(outcome.seconds));
  if (forecast) {
    const std::string promised = amount(*forecast);
    if (!promised.empty()) text += fmt::format(" (forecast {})", promised);
  }
  text += fmt::format("\n  {:<11} ", outcome.reason.criterion);
  if (outcome.reason.measured) text += fmt::format("measured {}", number(*outcome.reason.measured));
  if (outcome.reason.threshold)
    text += fmt::format("{}threshold {}", outcome.reason.measured ? ", " : "",
                        number(*outcome.reason.threshold));
  text += fmt::format("\n  {:<12}{} at step {}", "loss", number(outcome.loss), outcome.best_step);
  if (outcome.gradient_norm)
    text += fmt::format(", gradient norm {}", number(*outcome.gradient_norm));
  if (outcome.flow_time) text += fmt::format(", flow time {:.6g}", *outcome.flow_time);
  if (outcome.log_loss && outcome.loss < 1e-300)
    text += fmt::format(", ln loss {:.6g}", *outcome.log_loss);
  if (outcome.average_log_loss && outcome.last_log_loss)
    text += fmt::format("\n  {:<12}averaged iterate {:.6g}, last {:.6g}", "ln loss",
                        *outcome.average_log_loss, *outcome.last_log_loss);
  if (outcome.bound_log_loss) text += fmt::format(", promised {:.6g}", *outcome.bound_log_loss);
  text += "\n" + describe_metrics("train", outcome.train);
  text += describe_metrics("validation", outcome.validation);
  text += describe_metrics("test", outcome.test);
  return text;
}

std::string describe_phases(const PhasesSection& phases) {
  std::string text = "phases:\n  transition  ";
  text += phases.transition_step
              ? fmt::format("loss at most 1/eta since step {}\n", *phases.transition_step)
              : std::string("not reached: the loss stayed above 1/eta\n");
  text += phases.last_increase_step > 0
              ? fmt::format("  increase    last at step {}\n", phases.last_increase_step)
              : std::string("  increase    never: the loss rose at no step\n");
  return text;
}

std::string describe_escapes(const EscapesSection& escapes, bool restarts) {
  constexpr std::size_t most_named = 8;
  std::string text = fmt::format("{}: {}", restarts ? "restarts" : "escapes", escapes.count);
  if (!escapes.steps.empty()) {
    const auto named = std::min(escapes.steps.size(), most_named);
    text += fmt::format(", at step{} {}{}", escapes.steps.size() > 1 ? "s" : "",
                        fmt::join(escapes.steps.begin(),
                                  escapes.steps.begin() + static_cast<std::ptrdiff_t>(named), ", "),
                        escapes.steps.size() > named ? ", ..." : "");
  }
  text += "\n";
  for (const EscapesSection::Heuristic& h : escapes.heuristic)
    text += fmt::format("  step {}: degenerate, heuristic radius {:.3g}\n", h.step, h.radius);
  if (escapes.certificate_step)
    text += fmt::format("  ended by the second-order certificate at step {}",
                        *escapes.certificate_step);
  if (escapes.certificate_step && escapes.waiting_end_step)
    text += fmt::format("; the waiting time alone would have ended it at step {}",
                        *escapes.waiting_end_step);
  else if (escapes.waiting_end_step)
    text += fmt::format("  ended by the waiting time at step {}", *escapes.waiting_end_step);
  return escapes.certificate_step || escapes.waiting_end_step ? text + "\n" : text;
}

std::string describe_robust(const RobustSection& robust) {
  std::string text = fmt::format("robust: {}, lambda {:g}\n  psi         {:.6g} at eta {:.4g}\n",
                                 robust.divergence, robust.lambda, robust.psi, robust.eta);
  if (robust.worst_group)
    text += fmt::format("  groups      {}: worst {} with error {:.4g} on {} rows, median {:.4g}\n",
                        robust.groups, *robust.worst_group, *robust.worst_group_error,
                        robust.worst_group_rows, *robust.median_group_error);
  return text;
}

// Each on a line, with what was measured below it.
std::string describe_plateaus(const std::vector<PlateauDiagnosis>& plateaus) {
  std::string text = "plateaus:\n";
  for (const PlateauDiagnosis& p : plateaus) {
    text += fmt::format("  steps {} to {}{}, value {}: {}", p.first_step, p.last_step,
                        p.at_end ? " (the last)" : "", number(p.value), p.kind);
    text += p.because.empty() ? "\n" : ", " + p.because + "\n";
    std::string line;
    for (const auto& [name, value] : p.measured) {
      const std::string part = name + " " + number(value);
      constexpr std::size_t width = 96;
      if (4 + line.size() + part.size() > width) text += "    " + std::exchange(line, {}) + "\n";
      line += (line.empty() ? "" : ", ") + part;
    }
    if (!line.empty()) text += "    " + line + "\n";
  }
  return text;
}

std::string describe_solution(const SolutionSection& solution) {
  std::string text = "solution:";
  if (solution.digits) text += fmt::format(" {:.1f} correct digits", *solution.digits);
  text += "\n";
  for (Index i = 0; i < solution.parameters.size(); ++i)
    text += fmt::format("  b{:<10}{:.12g}\n", i + 1, solution.parameters[i]);
  return text;
}

// What a second-order certificate found, on lines of their own.
std::string describe_kind(const Certificate& c) {
  std::string text = "    " + c.kind;
  if (!c.because.empty()) text += ": " + c.because;
  text += "\n";
  if (c.gradient_norm) text += fmt::format("    gradient norm {}", number(*c.gradient_norm));
  if (c.lower_bound)
    text += fmt::format(", smallest curvature between {} and {}", number(*c.lower_bound),
                        number(c.measured));
  if (c.products && c.evaluations)
    text += fmt::format(", {} Hessian products, work of {} gradients", *c.products, *c.evaluations);
  return text + "\n";
}

std::string no_certificates(const OutcomeSection& outcome) {
  const bool by_validation = outcome.validation.has_value();
  return fmt::format(
      "certificates: none claimed{}\n",
      by_validation ? " (the validation rows chose the point, it need not be stationary)" : "");
}

}  // namespace

std::string describe_data(const DataSection& data) {
  std::string text =
      fmt::format("{}: {}, {} ({}), target {}: {}\n", data.file, plural(data.rows, "row", "rows"),
                  plural(static_cast<Index>(data.features.size()), "feature", "features"),
                  list(data.features), list(data.targets), data.task);
  text += fmt::format("  {:<12}train {}", "rows", data.train);
  if (data.validation > 0) text += fmt::format(", validation {}", data.validation);
  if (data.test > 0) text += fmt::format(", test {}", data.test);
  if (data.dropped_rows > 0) text += fmt::format(", left out {}", data.dropped_rows);
  text += "\n";
  if (!data.classes.empty())
    text += fmt::format("  {:<12}{}: {}\n", "classes", data.classes.size(), list(data.classes));
  if (!data.dropped_columns.empty())
    text += fmt::format("  {:<12}{}\n", "kept out", list(data.dropped_columns));
  return text;
}

std::string describe_certificates(const std::vector<Certificate>& certificates) {
  std::string text = "certificates:\n";
  const std::size_t width = width_of(certificates, [](const Certificate& c) { return c.claim; });
  for (const Certificate& c : certificates) {
    text += fmt::format("  {:<11}{:<{}}  measured {}, bound {}", to_string(c.verdict), c.claim,
                        width, number(c.measured), number(c.bound));
    if (c.sigma_min_path)
      text += fmt::format(", smallest sigma on the path {}", number(*c.sigma_min_path));
    if (c.confidence && *c.confidence < 1)
      text += fmt::format(", wrong at most once in {:.0f}", 1 / (1 - *c.confidence));
    text += "\n";
    if (!c.kind.empty()) text += describe_kind(c);
  }
  return text;
}

std::string text_before_run(const Record& record) {
  std::string text;
  if (record.data) text += describe_data(*record.data);
  if (record.problem) text += describe_problem(*record.problem);
  if (record.preflight) text += describe_preflight(*record.preflight);
  if (record.plan) text += describe_plan(*record.plan);
  if (record.forecast) text += describe_forecast(*record.forecast);
  return text;
}

std::string text_after_run(const Record& record) {
  if (record.comparison) return describe_comparison(*record.comparison);
  if (!record.outcome) return {};
  std::string text = "\n" + describe_outcome(*record.outcome, record.forecast);
  if (record.phases) text += describe_phases(*record.phases);
  if (record.escapes)
    text += describe_escapes(*record.escapes, record.plan && record.plan->method == "restarted");
  if (record.robust) text += describe_robust(*record.robust);
  if (!record.plateaus.empty()) text += describe_plateaus(record.plateaus);
  if (record.solution) text += describe_solution(*record.solution);
  text += record.certificates.empty() ? no_certificates(*record.outcome)
                                      : describe_certificates(record.certificates);
  for (const std::string& advice : record.advice) text += "next: " + advice + "\n";
  return text;
}

std::string to_text(const Record& record) {
  return text_before_run(record) + text_after_run(record);
}

}  // namespace thalweg::report
