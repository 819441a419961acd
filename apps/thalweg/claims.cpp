#include "claims.hpp"

namespace thalweg::cli {

std::vector<Certificate> measure_claims(const Claims& claims, const Objective& objective,
                                        const ConstVectorRef& x) {
  std::vector<Certificate> certificates;
  if (claims.global_minimum)
    certificates.push_back(
        certify_global_minimum(objective, x, claims.lower_bound, claims.target, claims.slack));
  if (claims.first_order) certificates.push_back(certify_first_order(objective, x, claims.eps));
  return certificates;
}

}  // namespace thalweg::cli
