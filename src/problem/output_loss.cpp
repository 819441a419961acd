#include "thalweg/problem/output_loss.hpp"

#include <cmath>

namespace thalweg {

double OutputLoss::log_value(const ConstVectorRef& y) const { return std::log(value(y)); }

void apply_root(const Matrix& root, const ConstVectorRef& v, VectorRef sv) {
  if (root.size() == 0) {
    sv = v;
    return;
  }
  const Index outputs = root.cols(), samples = root.rows() / outputs;
  sv.setZero();
  for (Index q = 0; q < outputs; ++q)
    for (Index p = 0; p < outputs; ++p)
      sv.segment(q * samples, samples).array() +=
          root.col(p).segment(q * samples, samples).array() *
          v.segment(p * samples, samples).array();
}

void apply_root_adjoint(const Matrix& root, const ConstVectorRef& v, VectorRef stv) {
  if (root.size() == 0) {
    stv = v;
    return;
  }
  const Index outputs = root.cols(), samples = root.rows() / outputs;
  stv.setZero();
  for (Index q = 0; q < outputs; ++q)
    for (Index p = 0; p < outputs; ++p)
      stv.segment(p * samples, samples).array() +=
          root.col(p).segment(q * samples, samples).array() *
          v.segment(q * samples, samples).array();
}

}  // namespace thalweg
