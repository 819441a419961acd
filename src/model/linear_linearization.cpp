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

void LinearLinearization::gram(MatrixRef k) const {
  if (rows_->dense() == nullptr) return Linearization::gram(k);
  const Index n = samples(), outputs = rows_->outputs_per_sample();
  const Eigen::Map<const Matrix> x(rows_->dense(), rows_->columns(), n);  // a row of Z per column
  auto block = k.topLeftCorner(n, n);
  linalg::syrk(1, Op::transpose, x, 0, block);
  if (rows_->intercept()) block.triangularView<Eigen::Lower>() += Matrix::Ones(n, n);
  for (Index q = 1; q < outputs; ++q) {
    k.block(q * n, 0, n, q * n).setZero();
    k.block(q * n, q * n, n, n).triangularView<Eigen::Lower>() = block;
  }
}

void LinearLinearization::normal(const Matrix& root, MatrixRef h) const {
  Linearization::normal(root, h);
}

double LinearLinearization::apply_flops() const {
  return 2 * static_cast<double>(rows_->outputs_per_sample()) *
         (rows_->numbers() + static_cast<double>(samples()));
}

double LinearLinearization::gram_flops() const { return Linearization::gram_flops(); }
double LinearLinearization::normal_flops() const { return Linearization::normal_flops(); }

}  // namespace thalweg
