// Whether some parameters classify every sample, and with what margin: docs/separability.md.
//
// A verdict is a measurement of an explicit object: a separator, whose margins are computed again
// from the rows, or a combination of rows that is zero to rounding. How these were found does not
// enter.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "preflight/separability_equal_rows.hpp"
#include "preflight/separability_rows.hpp"
#include "preflight/separability_search.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/linalg/minimum_norm_point.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

using separability::DualAveraging;
using separability::Evidence;
using separability::MarginRows;
using separability::WorkingSetSearch;

// No two rows of norm at most R differ by more than 2 R: a margin of unit parameters is at most 2.
constexpr double trivial_bound = 2;

void require_fit(const Linearization& rows, const MarginLoss& loss,
                 const SeparabilityOptions& options) {
  OptionChecker check("separability");
  check.require(loss.output_count() == rows.output_count(),
                "the rows and the labels must have the same number of outputs");
  check.require(options.relative_gap > 0, "relative_gap", "be above 0", options.relative_gap);
  check.require(options.max_flops > 0, "max_flops", "be above 0", options.max_flops);
  check.throw_if_any();
}

std::vector<Index> samples_of(const MarginRows& margins, const std::vector<Index>& entries) {
  std::vector<Index> samples;
  for (const Index entry : entries) samples.push_back(margins.sample(entry));
  std::sort(samples.begin(), samples.end());
  samples.erase(std::unique(samples.begin(), samples.end()), samples.end());
  return samples;
}

// A combination of margin rows with weights in the simplex, measured from the rows.
struct Combination {
  double norm;      // |sum p_i m_i|
  double rounding;  // what its computation may be off by
  bool zero() const { return norm <= rounding; }
};

Combination measure(const MarginRows& margins, const std::vector<Index>& entries,
                    const Vector& weights) {
  Vector sum = Vector::Zero(margins.dimension());
  double terms = 0;
  for (std::size_t j = 0; j < entries.size(); ++j) {
    const double weight = weights[static_cast<Index>(j)];
    sum += weight * margins.margin_row(entries[j]);
    terms += weight * margins.margin_row_norm(entries[j]);
  }
  const Index length = std::max(margins.dimension(), static_cast<Index>(entries.size()));
  return {sum.norm(), linalg::product_rounding(length) * terms};
}

// Leaves out the weights that are rounding, where the others alone prove as much: fewer samples to
// look at.
void drop_negligible(const MarginRows& margins, Evidence& evidence) {
  const double cut = linalg::product_rounding(margins.dimension()) * evidence.weights.maxCoeff();
  std::vector<Index> entries;
  std::vector<double> kept;
  for (std::size_t j = 0; j < evidence.contradiction.size(); ++j) {
    const double weight = evidence.weights[static_cast<Index>(j)];
    if (weight <= cut) continue;
    entries.push_back(evidence.contradiction[j]);
    kept.push_back(weight);
  }
  Vector weights = Eigen::Map<const Vector>(kept.data(), static_cast<Index>(kept.size()));
  weights /= weights.sum();
  if (!measure(margins, entries, weights).zero()) return;
  evidence.contradiction = std::move(entries);
  evidence.weights = std::move(weights);
}

void judge_separator(const MarginRows& margins, const Evidence& evidence,
                     SeparabilityReport& report) {
  if (!(evidence.lower > 0)) return;
  const auto measured = margins.measure(evidence.separator);
  if (!(measured.smallest > 0)) return;
  report.margin_lower = measured.smallest;
  report.separator = evidence.separator;
  if (measured.above_rounding) report.verdict = Separable::yes;
}

// A combination that is zero to rounding proves only that the margin is below rounding. It counts
// as a contradiction where, besides, no positive margin was found.
void judge_contradiction(const MarginRows& margins, Evidence& evidence,
                         SeparabilityReport& report) {
  if (evidence.contradiction.empty()) return;
  const Combination found = measure(margins, evidence.contradiction, evidence.weights);
  report.margin_upper = std::min(report.margin_upper, found.norm);
  if (!found.zero() || report.margin_lower > 0) return;
  drop_negligible(margins, evidence);
  report.margin_upper = measure(margins, evidence.contradiction, evidence.weights).norm;
  report.verdict = Separable::no;
  report.conflict = samples_of(margins, evidence.contradiction);
}

void search(const MarginRows& margins, const SeparabilityOptions& options,
            SeparabilityReport& report) {
  // A few passes tell which rows matter; more of them pay only where the exact search is too large.
  constexpr int first_passes = 8, most_passes = 20000;
  constexpr double exact_share = 0.5;  // of the work
  Evidence evidence;
  DualAveraging averaging(margins, evidence);
  WorkingSetSearch exact(margins, evidence);
  double left = options.max_flops;
  left -= averaging.run(first_passes, options.relative_gap, left);
  if (!evidence.meet(options.relative_gap)) {
    exact.run(averaging.point(), options.relative_gap, exact_share * left);
    left -= exact.flops();
  }
  if (evidence.contradiction.empty()) averaging.run(most_passes, options.relative_gap, left);

  if (evidence.dual.size() > 0)
    report.margin_upper = std::min(trivial_bound, margins.combine(evidence.dual).norm());
  judge_separator(margins, evidence, report);
  if (report.verdict != Separable::yes) judge_contradiction(margins, evidence, report);
  report.margin_upper = std::max(report.margin_upper, report.margin_lower);  // rounding of the last
  if (report.verdict == Separable::undecided)
    report.tried = fmt::format(
        "{} passes of accelerated dual averaging, {} rounds of an active-set search over {} "
        "margins: the margin lies between {:.3g} and {:.3g}, where rounding is {:.1g}",
        averaging.passes(), exact.rounds(), exact.held(), report.margin_lower, report.margin_upper,
        linalg::product_rounding(margins.dimension()));
}

void measure_into(const MarginRows& margins, const SeparabilityOptions& options,
                  SeparabilityReport& report) {
  report.margin_upper = trivial_bound;
  if (!margins.finite()) {
    report.tried = "nothing: the rows are not finite";
    return;
  }
  report.row_norm = margins.row_norm();
  if (margins.row_norm() == 0) {  // every margin of every parameters is zero
    report.verdict = Separable::no;
    report.margin_upper = 0;
    for (Index i = 0; i < margins.samples(); ++i) report.conflict.push_back(i);
    return;
  }
  report.conflict = separability::equal_rows_of_different_classes(margins);
  if (!report.conflict.empty()) {  // half of one row and half of the other are zero exactly
    report.verdict = Separable::no;
    report.equal_rows = true;
    report.margin_upper = 0;
    return;
  }
  search(margins, options, report);
}

// Norms and margins are measured from the rows themselves, written out one after another, in about
// the time of forty flops per number. A table too large for that is left undecided.
bool rows_are_affordable(const Linearization& rows, const SeparabilityOptions& options,
                         SeparabilityReport& report) {
  constexpr double work_per_number = 40;
  const double numbers = rows.row_numbers();
  if (work_per_number * numbers <= options.max_flops) return true;
  report.margin_upper = trivial_bound;
  report.tried =
      fmt::format("nothing: the table is too large ({:.2g} numbers in its margin rows)", numbers);
  return false;
}

}  // namespace

SeparabilityReport measure_separability(const Linearization& rows, const MarginLoss& loss,
                                        const SeparabilityOptions& options) {
  using Clock = std::chrono::steady_clock;
  require_fit(rows, loss, options);
  const auto start = Clock::now();
  SeparabilityReport report;
  if (rows_are_affordable(rows, options, report))
    measure_into(MarginRows(rows, loss), options, report);
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

const char* to_string(Separable verdict) {
  switch (verdict) {
    case Separable::yes: return "separable";
    case Separable::no: return "not_separable";
    case Separable::undecided: return "undecided";
  }
  return "";
}

}  // namespace thalweg
