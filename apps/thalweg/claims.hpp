// Which certificates are measured at a returned point, and against which bounds.
#pragma once

#include <vector>

#include "thalweg/certify/certificate.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace thalweg::cli {

struct Claims {
  bool global_minimum = false;
  double lower_bound = 0;  ///< proved: of the loss, or forced by conflicting duplicates
  double target = 0;       ///< allowed above it
  double slack = 0;        ///< relative to target
  bool first_order = true;
  double eps = 0;  ///< on the gradient norm
};

/// Without a target loss a global minimum means this share of the loss at the start, and above a
/// floor this share of the floor.
inline constexpr double default_target_share = 1e-8;
inline constexpr double default_floor_share = 1e-6;
/// eps of first-order claims: this times max(1, gradient norm at the start).
inline constexpr double default_eps_share = 1e-3;

std::vector<Certificate> measure_claims(const Claims& claims, const Objective& objective,
                                        const ConstVectorRef& x);

}  // namespace thalweg::cli
