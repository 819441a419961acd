#include <cmath>
#include <limits>

#include "thalweg/certify/certificate.hpp"

namespace thalweg {
namespace {

// A value below the bound by no more than this (relative) may be rounding; further below, the bound
// is none.
constexpr double rounding = 1e-12;

}  // namespace

Certificate certify_global_minimum(const Objective& problem, const ConstVectorRef& x,
                                   double lower_bound, double target, double slack) {
  Certificate certificate;
  certificate.claim = "global-minimum";
  certificate.confidence = 1;
  const double value = problem.value(x);
  const double excess = value - lower_bound, bound = target * (1 + slack);
  if (std::isfinite(bound)) certificate.bound = bound;

  if (!std::isfinite(lower_bound)) {
    certificate.assumptions.push_back(
        {"a lower bound of the objective is known", {}, Status::fail});
    return certificate;
  }
  if (!std::isfinite(value)) {
    certificate.assumptions.push_back({"the objective is finite at the point", {}, Status::fail});
    return certificate;
  }
  certificate.measured = excess;
  const bool above = excess >= -rounding * std::abs(lower_bound);
  certificate.assumptions.push_back({"the lower bound is not above the value measured", lower_bound,
                                     above ? Status::pass : Status::fail});
  if (above) certificate.verdict = excess <= bound ? Verdict::holds : Verdict::refuted;
  return certificate;
}

}  // namespace thalweg
