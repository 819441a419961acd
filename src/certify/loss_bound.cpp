#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/certify/certificate.hpp"

namespace thalweg {
namespace {

double log_of(const StepRecord& record) {
  return record.log_value ? *record.log_value : std::log(record.value);
}

}  // namespace

Certificate judge_loss_bound(const std::vector<StepRecord>& trace,
                             std::optional<double> final_bound, double bound) {
  Certificate certificate;
  certificate.claim = "rate";
  certificate.bound = bound;
  double excess = -std::numeric_limits<double>::infinity();
  double smallest = -excess;
  std::size_t judged = 0;
  for (const StepRecord& record : trace) {
    smallest = std::min(smallest, log_of(record));
    if (!record.bound_log_value || !record.average_log_value) continue;
    ++judged;
    excess = std::max(excess, *record.average_log_value - *record.bound_log_value);
  }
  if (final_bound) {
    ++judged;
    excess = std::max(excess, smallest - *final_bound);
  }
  certificate.assumptions.push_back({"bounds held against measured losses",
                                     static_cast<double>(judged),
                                     judged > 0 ? Status::pass : Status::fail});
  if (judged == 0 || std::isnan(excess)) return certificate;
  certificate.confidence = 1;
  certificate.measured = std::max(0.0, excess);
  certificate.verdict = *certificate.measured <= bound ? Verdict::holds : Verdict::refuted;
  return certificate;
}

}  // namespace thalweg
