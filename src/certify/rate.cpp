#include <algorithm>
#include <cmath>

#include "thalweg/certify/certificate.hpp"

namespace thalweg {

Certificate judge_rate(const std::vector<StepRecord>& trace, double bound) {
  Certificate certificate;
  certificate.claim = "rate";
  certificate.bound = bound;
  double worst = 0;
  std::size_t judged = 0;
  bool comparable = true;  // every predicted value met a positive, finite measured one
  for (const StepRecord& record : trace) {
    if (record.sigma_min)
      certificate.sigma_min_path =
          std::min(*record.sigma_min, certificate.sigma_min_path.value_or(*record.sigma_min));
    if (!record.predicted) continue;
    ++judged;
    if (record.value == *record.predicted) continue;  // both may be 0
    const double distance = std::abs(std::log(record.value / *record.predicted));
    if (std::isfinite(distance)) {
      worst = std::max(worst, distance);
    } else {
      comparable = false;
    }
  }

  certificate.assumptions.push_back({"records with a predicted value", static_cast<double>(judged),
                                     judged > 0 ? Status::pass : Status::fail});
  if (certificate.sigma_min_path)
    certificate.assumptions.push_back(
        {"rank condition along the path (smallest singular value)", certificate.sigma_min_path,
         *certificate.sigma_min_path > 0 ? Status::pass : Status::fail});
  if (judged == 0) return certificate;
  certificate.confidence = 1;
  if (comparable) certificate.measured = worst;
  certificate.verdict = comparable && worst <= bound ? Verdict::holds : Verdict::refuted;
  return certificate;
}

}  // namespace thalweg
