#include "linear_linearization.hpp"

#include <algorithm>

#include "thalweg/linalg/blas.hpp"

namespace thalweg {

using linalg::Op;

LinearLinearization::LinearLinearization(std::shared_ptr<const LinearRows> rows,
                                         const ConstVectorRef& x)
    : rows_(std::move(rows)), outputs_(rows_->rows() * rows_->outputs_per_sample()) {
  linear_outputs(*rows_, x, outputs_);
}

void LinearLinearization::apply(const ConstVectorRef& v, VectorRef jv) const {
  linear_outputs(*rows_, v, jv);
}

void LinearLinearization::apply_adjoint(const ConstVectorRef& u, VectorRef jtu) const {
  linear_adjoint(*rows_, u, jtu);
}

void LinearLinearization::rows(Index first, Index count, MatrixRef rows) const {
  const Index columns = rows_->columns(), weights = columns * rows_->outputs_per_sample();
  rows.setZero();
  for (Index c = 0; c < count; ++c) {
    const Index q = (first + c) / samples(), sample = (first + c) % samples();
    double* row = rows.col(c).data();
    rows_->write_row(sample, row + q * columns);
    if (rows_->intercept()) row[weights + q] = 1;
  }
}

Index LinearLinearization::block_rows() const {
  constexpr Index entries = Index{1} << 21;
  return std::clamp(entries / width(), Index{64}, Index{1} << 14);
}

void LinearLinearization::write_block(Index first, MatrixRef block) const {
  for (Index c = 0; c < block.cols(); ++c) rows_->write_row(first + c, block.col(c).data());
  if (rows_->intercept()) block.bottomRows(1).setOnes();
}

double LinearLinearization::row_numbers() const {
  return static_cast<double>(samples()) * static_cast<double>(width());
}

// Every output of a sample has the same row, at its own parameters.
Vector LinearLinearization::row_norms() const {
  Vector of_samples(samples());
  Matrix block(width(), std::min(block_rows(), samples()));
  for (Index first = 0; first < samples(); first += block.cols()) {
    const Index count = std::min(block.cols(), samples() - first);
    write_block(first, block.leftCols(count));
    for (Index c = 0; c < count; ++c) of_samples[first + c] = block.col(c).stableNorm();
  }
  return of_samples.replicate(outputs_per_sample(), 1);
}

Vector LinearLinearization::rows_times(const ConstVectorRef& v) const {
  const Index columns = rows_->columns(), outputs = outputs_per_sample();
  Matrix of_outputs(width(), outputs);  // parameters of each output side by side
  for (Index q = 0; q < outputs; ++q) {
    of_outputs.col(q).head(columns) = v.segment(q * columns, columns);
    if (rows_->intercept()) of_outputs(columns, q) = v[outputs * columns + q];
  }
  Matrix y(samples(), outputs), block(width(), std::min(block_rows(), samples()));
  for (Index first = 0; first < samples(); first += block.cols()) {
    const Index count = std::min(block.cols(), samples() - first);
    write_block(first, block.leftCols(count));
    y.middleRows(first, count).noalias() = block.leftCols(count).transpose() * of_outputs;
  }
  return Eigen::Map<const Vector>(y.data(), y.size());
}

void LinearLinearization::gram(MatrixRef k) const {
  const Index n = samples(), most = std::min(block_rows(), n);
  Matrix left(width(), most), right(width(), most);
  for (Index i = 0; i < n; i += most) {
    const Index ni = std::min(most, n - i);
    write_block(i, left.leftCols(ni));
    linalg::syrk(1, Op::transpose, left.leftCols(ni), 0, k.block(i, i, ni, ni));
    for (Index j = 0; j < i; j += most) {
      write_block(j, right);
      linalg::gemm(1, Op::transpose, left.leftCols(ni), Op::none, right, 0,
                   k.block(i, j, ni, most));
    }
  }
  for (Index q = 1; q < rows_->outputs_per_sample(); ++q) {
    k.block(q * n, 0, n, q * n).setZero();
    k.block(q * n, q * n, n, n).triangularView<Eigen::Lower>() = k.topLeftCorner(n, n);
  }
}

void LinearLinearization::normal(const Matrix& root, MatrixRef h) const {
  const Index outputs = rows_->outputs_per_sample(), n = samples();
  h.triangularView<Eigen::Lower>().setZero();
  for (Index q = 0; q < outputs; ++q) {
    if (root.size() == 0) {
      write_normal_block(q, q, weighted_normal(Vector::Ones(n)), h);
      continue;
    }
    const Eigen::Map<const Matrix> of_q(root.col(q).data(), n, outputs);
    for (Index p = 0; p <= q; ++p) {
      const Eigen::Map<const Matrix> of_p(root.col(p).data(), n, outputs);
      write_normal_block(q, p, weighted_normal(of_q.cwiseProduct(of_p).rowwise().sum()), h);
    }
  }
}

Matrix LinearLinearization::weighted_normal(const Vector& weights) const {
  const Index most = std::min(block_rows(), samples());
  const bool positive = (weights.array() >= 0).all();
  Matrix z(width(), most), weighted, sum = Matrix::Zero(width(), width());
  if (!positive) weighted.resize(width(), most);
  for (Index first = 0; first < samples(); first += most) {
    const Index count = std::min(most, samples() - first);
    const auto w = weights.segment(first, count);
    auto block = z.leftCols(count);
    write_block(first, block);
    if (positive) {
      block *= w.cwiseSqrt().asDiagonal();
      linalg::syrk(1, Op::none, block, 1, sum);
    } else {
      weighted.leftCols(count) = block * w.asDiagonal();
      linalg::gemm(1, Op::none, weighted.leftCols(count), Op::transpose, block, 1, sum);
    }
  }
  return sum;
}

void LinearLinearization::write_normal_block(Index q, Index p, const Matrix& block,
                                             MatrixRef h) const {
  const Index columns = rows_->columns(), outputs = rows_->outputs_per_sample();
  const auto place = [&](Index output, Index j) {
    return j < columns ? output * columns + j : outputs * columns + output;
  };
  // The block is symmetric, and so is h: of every pair the entry in the lower triangle is written.
  for (Index k = 0; k < width(); ++k) {
    for (Index j = 0; j < width(); ++j) {
      const Index row = place(q, j), column = place(p, k);
      h(std::max(row, column), std::min(row, column)) = block(std::max(j, k), std::min(j, k));
    }
  }
}

double LinearLinearization::apply_flops() const {
  return 2 * static_cast<double>(rows_->outputs_per_sample()) *
         (rows_->numbers() + static_cast<double>(samples()));
}

double LinearLinearization::gram_flops() const {
  const auto n = static_cast<double>(samples());
  return n * n * static_cast<double>(width());
}

double LinearLinearization::normal_flops() const {
  const auto n = static_cast<double>(parameter_count());
  return n * n * static_cast<double>(samples());
}

}  // namespace thalweg
