#include <algorithm>
#include <cmath>

#include "thalweg/certify/certificate.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/statistics.hpp"
#include "thalweg/problem/sampled_gradient.hpp"

namespace thalweg {

void SampledGradientOptions::validate() const {
  OptionChecker checker("sampled gradient");
  checker.require(batch >= 1, "batch", "be at least 1", static_cast<double>(batch));
  checker.require(probes >= 8, "probes", "be at least 8", probes);
  checker.require(failure_probability > 0 && failure_probability <= 0.2, "failure_probability",
                  "lie in (0, 0.2]", failure_probability);
  checker.throw_if_any();
}

Certificate certify_first_order_sampled(const Objective& problem, const ConstVectorRef& x,
                                        double eps, const SampledGradientOptions& options) {
  options.validate();
  SampledGradient gradients(problem, options.batch, options.seed, "certify-sampled");
  VectorMean mean(x.size());
  for (int probe = 0; probe < options.probes; ++probe) mean.add(gradients.draw(x));

  Certificate certificate;
  certificate.claim = "first-order";
  certificate.bound = eps;
  const double squared_error = mean.variance() / options.probes;  // S^2 / k
  const double norm = mean.mean().stableNorm();
  if (!std::isfinite(norm) || !std::isfinite(squared_error)) {
    certificate.assumptions.push_back(
        {"the batch gradients are finite at the point", {}, Status::fail});
    return certificate;
  }
  const double radius = student_quantile(options.failure_probability / 2, options.probes - 1) *
                        std::sqrt(squared_error);
  certificate.measured = std::sqrt(std::max(0.0, norm * norm - squared_error));
  certificate.confidence = 1 - options.failure_probability;
  certificate.assumptions.push_back(
      {"gradients of batches are near normal; their mean is known to within", radius,
       Status::unknown});
  if (norm + radius <= eps) certificate.verdict = Verdict::holds;
  if (norm - radius > eps) certificate.verdict = Verdict::refuted;
  return certificate;
}

}  // namespace thalweg
