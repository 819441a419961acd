#include "thalweg/problem/probed_rank.hpp"

#include <Eigen/QR>
#include <algorithm>

#include "thalweg/core/random.hpp"

namespace thalweg {

ProbedRank probe_rank(const CompositeObjective& problem, const ConstVectorRef& x,
                      std::uint64_t seed, std::string_view stream, Index probes) {
  constexpr double tolerance = 1e-8;
  const auto jacobian = problem.model().linearize(x);
  const Index m = jacobian->output_count(), n = jacobian->parameter_count();
  ProbedRank probed{0, std::min({probes, m, n})};
  RandomStream random(seed, stream);
  Matrix images(m, probed.probes);
  for (Index k = 0; k < probed.probes; ++k) jacobian->apply(random.normal_vector(n), images.col(k));
  Eigen::ColPivHouseholderQR<Matrix> qr(images);
  qr.setThreshold(tolerance);
  probed.rank = qr.rank();
  return probed;
}

const CompositeObjective* with_changing_rank(const Objective& problem) {
  const auto* composite = dynamic_cast<const CompositeObjective*>(&problem);
  return composite && !composite->model().linear() ? composite : nullptr;
}

}  // namespace thalweg
