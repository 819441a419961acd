#include "thalweg/problem/output_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/problem/output_loss.hpp"

namespace thalweg {
namespace {

// Calls visit(first row, transposed rows (n, count)) for all rows of J, in blocks that fit a cache.
template <class Visit>
void for_each_block(const Linearization& at, Visit visit) {
  constexpr Index numbers = Index{1} << 17;  // 1 MB
  const Index size = std::clamp(numbers / at.parameter_count(), Index{1}, at.output_count());
  Matrix block(at.parameter_count(), size);
  for (Index first = 0; first < at.output_count(); first += size) {
    const Index count = std::min(size, at.output_count() - first);
    at.rows(first, count, block.leftCols(count));
    visit(first, ConstMatrixRef(block.leftCols(count)));
  }
}

// Columns of a block of J' that fits a bounded buffer of about 64 MB.
Index block_size(Index parameters, Index outputs) {
  constexpr Index budget = Index{1} << 23;
  return std::clamp(budget / std::max<Index>(1, parameters), Index{1}, outputs);
}

}  // namespace

void Linearization::rows(Index first, Index count, MatrixRef rows) const {
  Vector unit = Vector::Zero(output_count());
  for (Index c = 0; c < count; ++c) {
    unit[first + c] = 1;
    apply_adjoint(unit, rows.col(c));
    unit[first + c] = 0;
  }
}

void Linearization::gram(MatrixRef k) const {
  const Index m = output_count(), n = parameter_count(), block = block_size(n, m);
  Matrix left(n, block), right(n, block);
  for (Index i = 0; i < m; i += block) {
    const Index ni = std::min(block, m - i);
    rows(i, ni, left.leftCols(ni));
    linalg::syrk(1, linalg::Op::transpose, left.leftCols(ni), 0, k.block(i, i, ni, ni));
    for (Index j = 0; j < i; j += block) {
      const Index nj = std::min(block, m - j);
      rows(j, nj, right.leftCols(nj));
      linalg::gemm(1, linalg::Op::transpose, left.leftCols(ni), linalg::Op::none,
                   right.leftCols(nj), 0, k.block(i, j, ni, nj));
    }
  }
}

void Linearization::normal(const Matrix& root, MatrixRef h) const {
  const Index m = output_count(), n = parameter_count(), q = outputs_per_sample(), samples = m / q;
  const Index block = block_size(n * q, samples);
  h.triangularView<Eigen::Lower>().setZero();
  Matrix j(n, block * q), sj(n, block * q);
  for (Index i = 0; i < samples; i += block) {
    const Index ni = std::min(block, samples - i);
    for (Index p = 0; p < q; ++p) rows(p * samples + i, ni, j.middleCols(p * ni, ni));
    if (root.size() == 0) {
      linalg::syrk(1, linalg::Op::none, j.leftCols(q * ni), 1, h);
      continue;
    }
    sj.leftCols(q * ni).setZero();
    for (Index o = 0; o < q; ++o)
      for (Index p = 0; p < q; ++p)
        sj.middleCols(o * ni, ni) +=
            j.middleCols(p * ni, ni) * root.col(p).segment(o * samples + i, ni).asDiagonal();
    linalg::syrk(1, linalg::Op::none, sj.leftCols(q * ni), 1, h);
  }
}

Matrix Linearization::jacobian() const {
  const Index m = output_count(), n = parameter_count(), block = block_size(n, m);
  Matrix j(m, n), part(n, block);
  for (Index i = 0; i < m; i += block) {
    const Index ni = std::min(block, m - i);
    rows(i, ni, part.leftCols(ni));
    j.middleRows(i, ni) = part.leftCols(ni).transpose();
  }
  return j;
}

std::unique_ptr<OutputCurvature> Linearization::curvature(const ConstVectorRef&) const {
  return nullptr;
}

void Linearization::curvature_product(const ConstVectorRef& u, const ConstVectorRef& v,
                                      VectorRef product) const {
  const auto at = curvature(u);
  if (!at) throw UsageError("the model offers no second derivatives of its outputs");
  Vector jv(output_count());
  at->apply(v, jv);
  at->adjoint(Vector::Zero(output_count()), product);
}

double OutputModel::batch_rounding() const { return std::numeric_limits<double>::epsilon(); }

double Linearization::apply_flops() const {
  return 2.0 * static_cast<double>(output_count()) * static_cast<double>(parameter_count());
}

double Linearization::gram_flops() const {
  return static_cast<double>(output_count()) * apply_flops() / 2;
}

double Linearization::normal_flops() const {
  return static_cast<double>(parameter_count()) * apply_flops() / 2;
}

double Linearization::row_numbers() const {
  return static_cast<double>(output_count()) * static_cast<double>(parameter_count());
}

Vector Linearization::row_norms() const {
  Vector norms(output_count());
  for_each_block(*this, [&](Index first, const ConstMatrixRef& block) {
    for (Index c = 0; c < block.cols(); ++c) norms[first + c] = block.col(c).stableNorm();
  });
  return norms;
}

Vector Linearization::rows_times(const ConstVectorRef& v) const {
  Vector y(output_count());
  for_each_block(*this, [&](Index first, const ConstMatrixRef& block) {
    y.segment(first, block.cols()).noalias() = block.transpose() * v;
  });
  return y;
}

double OutputModel::batch_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                              VectorRef g) const {
  const auto at_x = linearize(x);
  const Index samples = sample_count(), per_sample = outputs_per_sample();
  const auto count = static_cast<Index>(batch.size());
  Vector y(count * per_sample), gy(count * per_sample);
  for (Index q = 0; q < per_sample; ++q)
    for (Index k = 0; k < count; ++k)
      y[q * count + k] = at_x->outputs()[q * samples + batch[static_cast<std::size_t>(k)]];
  const double sum = loss.batch_sum(batch, y, gy);
  Vector all = Vector::Zero(output_count());
  for (Index q = 0; q < per_sample; ++q)
    for (Index k = 0; k < count; ++k)
      all[q * samples + batch[static_cast<std::size_t>(k)]] += gy[q * count + k];
  at_x->apply_adjoint(all, g);
  return sum;
}

double OutputModel::batch_mean(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                               VectorRef g) const {
  const double sum = batch_sum(x, batch, loss, g);
  const auto count = static_cast<double>(batch.size());
  g /= count;
  return sum / count;
}

double OutputModel::largest_row_norm() const {
  return linearize(Vector::Zero(parameter_count()))->row_norms().maxCoeff();
}

double OutputModel::forward_flops() const {
  return 2.0 * static_cast<double>(output_count()) * static_cast<double>(parameter_count());
}

std::unique_ptr<Linearization> OutputModel::linearize(const ConstVectorRef& x) const {
  const Index m = output_count(), n = parameter_count();
  Vector y(m), plus(m), minus(m), point = x;
  outputs(point, y);
  Matrix jacobian(m, n);
  const double step =
      std::cbrt(std::numeric_limits<double>::epsilon());  // optimal for central differences
  for (Index k = 0; k < n; ++k) {
    const double at = point[k];
    const double h = step * std::max(1.0, std::abs(at));
    point[k] = at + h;
    const double up = point[k];
    outputs(point, plus);
    point[k] = at - h;
    const double down = point[k];
    outputs(point, minus);
    point[k] = at;
    jacobian.col(k) = (plus - minus) / (up - down);
  }
  return std::make_unique<DenseLinearization>(std::move(y), std::move(jacobian),
                                              outputs_per_sample(), false);
}

DenseLinearization::DenseLinearization(Vector outputs, Matrix jacobian, Index outputs_per_sample,
                                       bool exact)
    : outputs_(std::move(outputs)),
      jacobian_(std::move(jacobian)),
      outputs_per_sample_(outputs_per_sample),
      exact_(exact) {
  if (outputs_.size() != jacobian_.rows() || outputs_per_sample_ < 1 ||
      outputs_.size() % outputs_per_sample_ != 0)
    throw UsageError("a DenseLinearization needs one Jacobian row per output");
}

void DenseLinearization::apply(const ConstVectorRef& v, VectorRef jv) const {
  jv.noalias() = jacobian_ * v;
}

void DenseLinearization::apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const {
  jtu.noalias() = jacobian_.transpose() * u;
}

void DenseLinearization::rows(Index first, Index count, MatrixRef rows) const {
  rows = jacobian_.middleRows(first, count).transpose();
}

}  // namespace thalweg
