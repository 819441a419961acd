#include "thalweg/problem/output_loss.hpp"

#include <cmath>
#include <numeric>
#include <vector>

namespace thalweg {

namespace {

class ProductHessian final : public Hessian {
 public:
  ProductHessian(const OutputLoss& loss, Vector y) : loss_(loss), y_(std::move(y)) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    loss_.hessian_product(y_, v, hv);
  }

 private:
  const OutputLoss& loss_;
  Vector y_;
};

}  // namespace

std::unique_ptr<Hessian> OutputLoss::hessian(const ConstVectorRef& y) const {
  return std::make_unique<ProductHessian>(*this, y);
}

double OutputLoss::log_value(const ConstVectorRef& y) const { return std::log(value(y)); }

void OutputLoss::sample_losses(const ConstVectorRef& y, VectorRef losses) const {
  std::vector<Index> all(static_cast<std::size_t>(sample_count()));
  std::iota(all.begin(), all.end(), Index{0});
  batch_losses(all, y, losses);
}

void OutputLoss::batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const {
  const Index outputs = outputs_per_sample(), count = losses.size();
  Vector own(outputs), unused(outputs);
  for (Index k = 0; k < count; ++k) {
    for (Index q = 0; q < outputs; ++q) own[q] = y[q * count + k];
    losses[k] = batch_sum(batch.subspan(static_cast<std::size_t>(k), 1), own, unused);
  }
}

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
