#include <algorithm>
#include <cmath>

#include "thalweg/certify/certificate.hpp"

namespace thalweg {

Certificate certify_separates(const CompositeObjective& problem, const ConstVectorRef& x) {
  Certificate certificate;
  certificate.claim = "separates";
  certificate.bound = 0;
  const auto* loss = dynamic_cast<const MarginLoss*>(&problem.loss());
  const OutputModel& model = problem.model();
  const double size = x.stableNorm();  // also where its square overflows
  const bool measurable = loss && model.linear() && size > 0 && std::isfinite(size);
  certificate.assumptions.push_back({"a linear model of classes, at parameters other than zero",
                                     size, measurable ? Status::pass : Status::fail});
  if (!measurable) return certificate;
  Vector y(model.output_count());
  model.outputs(x / size, y);
  certificate.measured = loss->smallest_margins(y).minCoeff() / model.largest_row_norm();
  certificate.confidence = 1;
  certificate.verdict = *certificate.measured > 0 ? Verdict::holds : Verdict::refuted;
  return certificate;
}

}  // namespace thalweg
