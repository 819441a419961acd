#include <fmt/format.h>

#include "thalweg/method/registry.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

constexpr double overfit_gap = 0.05;  // of R2 or accuracy between training and validation rows

const Certificate* find_claim(const report::Record& record, std::string_view claim) {
  for (const Certificate& certificate : record.certificates)
    if (certificate.claim == claim) return &certificate;
  return nullptr;
}

bool refuted(const report::Record& record, std::string_view claim) {
  const Certificate* certificate = find_claim(record, claim);
  return certificate && certificate->verdict == Verdict::refuted;
}

// Where no plateau says it: the run may have been short.
void advise_on_saddle(const report::Record& record, std::vector<std::string>& lines) {
  const Certificate* certificate = find_claim(record, "second-order");
  if (!certificate || certificate->kind != "saddle") return;
  for (const PlateauDiagnosis& plateau : record.plateaus)
    if (plateau.at_end && plateau.kind == "saddle") return;
  const bool escaped = record.plan && escapes(record.plan->options);
  lines.push_back(fmt::format("the point is a saddle with curvature {:.3g}: {}",
                              certificate->measured.value_or(0),
                              escaped ? "it is less than escape looks for; give a smaller "
                                        "--option eps="
                                      : "leave it with --option escape=on"));
}

void advise_on_gap(const report::OutcomeSection& outcome, std::vector<std::string>& lines) {
  if (!outcome.train || !outcome.validation) return;
  const auto score = [](const Metrics& m) { return m.r2 ? m.r2 : m.accuracy; };
  const auto on_train = score(*outcome.train), held_back = score(*outcome.validation);
  if (on_train && held_back && *on_train - *held_back > overfit_gap)
    lines.push_back(
        fmt::format("{:.2f} gap between train and validation: more rows, or a smaller --model",
                    *on_train - *held_back));
}

void advise_on_large_steps(const report::Record& record, std::vector<std::string>& lines) {
  const Preflight& preflight = *record.preflight;
  if (refuted(record, "rate") && record.forecast->log_loss_bound)
    lines.emplace_back("the promised loss was not kept: please report this run");
  if (refuted(record, "tangent-kernel"))
    lines.push_back(fmt::format(
        "the tangent kernel moved by {:.0f} %: this run is not in the regime of the theorem about "
        "wide networks, whose bound does not apply",
        100 * *find_claim(record, "tangent-kernel")->measured));
  const bool separable =
      preflight.separability && preflight.separability->verdict == Separable::yes;
  const bool overlapping =
      preflight.separability && preflight.separability->verdict == Separable::no;
  if (record.plan->method == "large-step-adaptive" && overlapping)
    lines.emplace_back(
        "the classes overlap: nothing is promised of large-step-adaptive there, and newton finds "
        "the minimum");
  const bool converged = record.outcome->reason.outcome == Outcome::converged;
  if (preflight.separability && record.phases && !record.phases->transition_step && !converged) {
    const bool linear = record.problem->model == "linear";
    lines.emplace_back(linear && !separable
                           ? "the stable phase was not reached, and where classes overlap there is "
                             "none: newton finds the minimum"
                           : "the stable phase was not reached: give more steps, or a smaller eta");
  }
  if (refuted(record, "separates"))
    lines.emplace_back(
        record.plan->takes_all_steps
            ? "the rows are separable, but this point does not separate them yet: newton comes "
              "near to a separator in few steps"
            : "the rows are separable, but this point does not separate them yet: --max-steps asks "
              "for all of so many steps");
}

}  // namespace

std::vector<std::string> advice_of(const report::Record& record) {
  std::vector<std::string> lines;
  const report::OutcomeSection& outcome = *record.outcome;
  if (!outcome.reason.advice.empty()) lines.push_back(outcome.reason.advice);
  advise_on_saddle(record, lines);
  advise_on_gap(outcome, lines);
  if (record.preflight && record.forecast) advise_on_large_steps(record, lines);
  return lines;
}

}  // namespace thalweg
