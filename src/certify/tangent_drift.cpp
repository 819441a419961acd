#include <algorithm>
#include <cmath>

#include "thalweg/certify/certificate.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg {
namespace {

// The transposed rows of J of evenly spread samples, all their outputs, (n, chosen).
Matrix tangent_rows(const Linearization& at, Index samples) {
  const Index outputs = at.outputs_per_sample(), all = at.output_count() / outputs;
  const Index chosen = std::min(samples, all);
  Matrix rows(at.parameter_count(), chosen * outputs);
  for (Index q = 0; q < outputs; ++q)
    for (Index k = 0; k < chosen; ++k)
      at.rows(q * all + k * all / chosen, 1, rows.middleCols(q * chosen + k, 1));
  return rows;
}

Matrix tangent_kernel(const Linearization& at, Index samples) {
  const Matrix rows = tangent_rows(at, samples);
  Matrix kernel(rows.cols(), rows.cols());
  linalg::gemm(1, linalg::Op::transpose, rows, linalg::Op::none, rows, 0, kernel);
  return kernel;
}

}  // namespace

double tangent_kernel_drift(const OutputModel& model, const ConstVectorRef& x0,
                            const ConstVectorRef& x, Index samples) {
  if (model.linear()) return 0;
  const Matrix before = tangent_kernel(*model.linearize(x0), samples);
  const Matrix after = tangent_kernel(*model.linearize(x), samples);
  return (after - before).norm() / before.norm();
}

Certificate judge_tangent_kernel(const OutputModel& model, const ConstVectorRef& x0,
                                 const ConstVectorRef& x, double bound) {
  Certificate certificate;
  certificate.claim = "tangent-kernel";
  certificate.bound = bound;
  const double drift = tangent_kernel_drift(model, x0, x);
  certificate.assumptions.push_back({"the tangent kernel is finite, and not zero at the start",
                                     {},
                                     std::isfinite(drift) ? Status::pass : Status::fail});
  if (!std::isfinite(drift)) return certificate;
  certificate.confidence = 1;
  certificate.measured = drift;
  certificate.verdict = drift <= bound ? Verdict::holds : Verdict::refuted;
  return certificate;
}

}  // namespace thalweg
