#include "work_share.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg {

WorkShare work_share(const Objective& objective, const Result& result, const report::Record& record,
                     double share) {
  constexpr double least_flops = 2e8, most_products = 1000;
  const auto n = static_cast<double>(objective.dimension());
  const auto samples = static_cast<double>(objective.sample_count());
  const double gradient_flops = 6 * n * samples;
  const double step_gradients = record.forecast->step_gradients.value_or(0);
  const double gradients = std::max({static_cast<double>(result.evaluations),
                                     static_cast<double>(result.samples) / samples,
                                     static_cast<double>(result.steps) * step_gradients});
  const double least = least_flops * share / (certificate_share + plateau_share);
  const double flops = std::max(share * gradients * gradient_flops, least);
  // k products have 8 n k flops of orthogonalization each beside them.
  return {.gradients = flops / gradient_flops,
          .most_products = std::min(std::sqrt(flops / (8 * n)), most_products)};
}

}  // namespace thalweg
