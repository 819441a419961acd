#include <cmath>

#include "certify/gradient_confirmation.hpp"
#include "thalweg/certify/certificate.hpp"

namespace thalweg {

Certificate certify_first_order(const Objective& problem, const ConstVectorRef& x, double eps) {
  Certificate certificate;
  certificate.claim = "first-order";
  certificate.confidence = 1;
  certificate.bound = eps;
  Vector g(x.size());
  problem.value_and_gradient(x, g);
  const double norm = g.stableNorm();
  if (!std::isfinite(norm)) {
    certificate.assumptions.push_back({"the gradient is finite at the point", {}, Status::fail});
    return certificate;
  }
  certificate.measured = norm;
  certificate.assumptions.push_back(compare_with_values(problem, x, g, eps));
  if (certificate.assumptions.back().status != Status::fail)
    certificate.verdict = norm <= eps ? Verdict::holds : Verdict::refuted;
  return certificate;
}

}  // namespace thalweg
