// A sparse table. With s = scale, m = mean:
//
//   z_i . w + c = x_i . (w / s) + (c - m . (w / s))
//   sum_i u_i z_i = (sum_i u_i x_i - m sum_i u_i) / s
//
// Passes with one output read the table by columns where those are long enough; everything else
// reads it by rows.

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "linear_rows.hpp"
#include "sparse_columns.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// What a row stores at position k: one number, or 1 where all stored numbers are 1, which then need
// not be kept.
struct Stored {
  const double* values;
  double operator()(Index k) const { return values[k]; }
};
struct Ones {
  double operator()(Index) const { return 1; }
};

Vector or_constant(const Vector& given, Index size, double value) {
  return given.size() > 0 ? given : Vector::Constant(size, value);
}

class SparseRows final : public LinearRows {
 public:
  SparseRows(const SparseMatrix& raw, const Vector& mean, const Vector& scale,
             LinearModel::Options options)
      : LinearRows(raw.rows(), raw.cols(), options),
        mean_(or_constant(mean, raw.cols(), 0)),
        inverse_scale_(or_constant(scale, raw.cols(), 1).cwiseInverse()) {
    if (mean_.size() != columns() || inverse_scale_.size() != columns())
      throw UsageError("mean and scale of a sparse table need one number per column");
    if (!(inverse_scale_.array() > 0).all() || !inverse_scale_.allFinite())
      throw UsageError("scales of a sparse table must be positive and finite");
    SparseMatrix packed;  // only where the rows of the table do not lie side by side
    if (!raw.isCompressed()) (packed = raw).makeCompressed();
    const SparseMatrix& table = raw.isCompressed() ? raw : packed;
    const Index entries = table.nonZeros();
    start_.assign(table.outerIndexPtr(), table.outerIndexPtr() + rows() + 1);
    column_.assign(table.innerIndexPtr(), table.innerIndexPtr() + entries);
    const double* values = table.valuePtr();
    if (!std::all_of(values, values + entries, [](double v) { return v == 1; }))
      value_.assign(values, values + entries);
    if (options.outputs == 1 && SparseColumns::pays(raw)) by_columns_.emplace(raw);
  }

  bool sparse() const override { return true; }
  double numbers() const override { return static_cast<double>(column_.size()); }
  Index block_rows() const override {
    if (by_columns_) return SparseColumns::block_rows;
    constexpr double entries = 1 << 12;
    const double per_row = std::max(1.0, numbers() / static_cast<double>(rows()));
    return std::clamp(static_cast<Index>(entries / per_row), Index{8}, Index{1024});
  }

  Index first_row(int part, int parts) const override {
    if (part == 0) return 0;
    if (part == parts) return rows();
    const Index entries = start_.back() * part / parts;
    const Index row = std::lower_bound(start_.begin(), start_.end() - 1, entries) - start_.begin();
    return by_columns_ ? row / SparseColumns::block_rows * SparseColumns::block_rows : row;
  }

  LinearForm form_of(const ConstVectorRef& x) const override {
    const Index q = outputs_per_sample();
    LinearForm form;
    form.weights =
        Eigen::Map<const Matrix>(x.data(), columns(), q).transpose() * inverse_scale_.asDiagonal();
    form.constants.noalias() = -(form.weights * mean_);
    if (intercept()) form.constants += x.tail(q);
    return form;
  }

  LinearForm zero_form() const override {
    return {Matrix::Zero(outputs_per_sample(), columns()), Vector::Zero(outputs_per_sample())};
  }

  void gradient_of(const LinearForm& sums, VectorRef g) const override {
    const Index q = outputs_per_sample();
    Eigen::Map<Matrix> weights(g.data(), columns(), q);
    weights = inverse_scale_.asDiagonal() *
              (sums.weights.transpose() - mean_ * sums.constants.transpose());
    if (intercept()) g.tail(q) = sums.constants;
  }

  void outputs(Index first, Index count, const LinearForm& w, MatrixRef z) const override {
    if (is_column_block(first, count)) {
      z.setConstant(w.constants[0]);
      by_columns_->add_products(first, w.weights.data(), z.data());
    } else if (value_.empty()) {
      outputs_of(Ones{}, first, count, w, z);
    } else {
      outputs_of(Stored{value_.data()}, first, count, w, z);
    }
  }

  void add_adjoint(Index first, Index count, const ConstMatrixRef& u,
                   LinearForm& sums) const override {
    if (is_column_block(first, count)) {
      sums.constants[0] += u.sum();
      by_columns_->add_adjoint(first, u.data(), sums.weights.data());
    } else if (value_.empty()) {
      add_adjoint_of(Ones{}, first, count, u, sums);
    } else {
      add_adjoint_of(Stored{value_.data()}, first, count, u, sums);
    }
  }

  void write_row(Index i, double* inputs) const override {
    Eigen::Map<Vector> row(inputs, columns());
    row = -mean_.cwiseProduct(inverse_scale_);
    for_entries(i, [&](Index j, double value) { row[j] += value * inverse_scale_[j]; });
  }

  Vector squared_norms() const override {
    const Vector zeros = (mean_.array() * inverse_scale_.array()).square();
    Vector norms = Vector::Constant(rows(), zeros.sum());
    for (Index i = 0; i < rows(); ++i) {
      for_entries(i, [&](Index j, double value) {
        const double z = (value - mean_[j]) * inverse_scale_[j];
        norms[i] += z * z - zeros[j];
      });
    }
    return norms.cwiseMax(0);
  }

  // Over the stored numbers, then over the zeros of the table.
  Matrix weighted_squares(const ConstMatrixRef& h) const override {
    Matrix sums = Matrix::Zero(columns(), h.cols()), stored = sums;
    if (by_columns_ && value_.empty()) {
      for (Index first = 0; first < rows(); first += SparseColumns::block_rows)
        by_columns_->add_adjoint(first, h.data() + first, stored.data());
      const Vector ones = ((1 - mean_.array()) * inverse_scale_.array()).square();
      sums = ones.asDiagonal() * stored;
    } else {
      for (Index i = 0; i < rows(); ++i) {
        for_entries(i, [&](Index j, double value) {
          const double z = (value - mean_[j]) * inverse_scale_[j];
          sums.row(j) += z * z * h.row(i);
          stored.row(j) += h.row(i);
        });
      }
    }
    const Vector zeros = (mean_.array() * inverse_scale_.array()).square();
    const Matrix of_zeros = (-stored).rowwise() + h.colwise().sum();
    return sums + zeros.asDiagonal() * of_zeros;
  }

 private:
  bool is_column_block(Index first, Index count) const {
    constexpr Index block = SparseColumns::block_rows;
    return by_columns_ && first % block == 0 && count == std::min(block, rows() - first);
  }

  Index start(Index row) const { return start_[static_cast<std::size_t>(row)]; }

  template <class Visit>
  void for_entries(Index row, Visit visit) const {
    for (Index k = start(row); k < start(row + 1); ++k) {
      const auto at = static_cast<std::size_t>(k);
      visit(static_cast<Index>(column_[at]), value_.empty() ? 1.0 : value_[at]);
    }
  }

  template <class Values>
  void outputs_of(Values value, Index first, Index count, const LinearForm& w, MatrixRef z) const {
    const int* column = column_.data();
    if (z.cols() == 1) {
      const double* weight = w.weights.data();
      for (Index i = 0; i < count; ++i) {
        double sum = 0;
        for (Index k = start(first + i); k < start(first + i + 1); ++k)
          sum += weight[column[k]] * value(k);
        z(i, 0) = w.constants[0] + sum;
      }
      return;
    }
    Matrix sums = w.constants.replicate(1, count);  // a sample per column
    for (Index i = 0; i < count; ++i)
      for (Index k = start(first + i); k < start(first + i + 1); ++k)
        sums.col(i) += value(k) * w.weights.col(column[k]);
    z = sums.transpose();
  }

  template <class Values>
  void add_adjoint_of(Values value, Index first, Index count, const ConstMatrixRef& u,
                      LinearForm& sums) const {
    const int* column = column_.data();
    sums.constants += u.colwise().sum().transpose();
    if (u.cols() == 1) {
      double* sum = sums.weights.data();
      for (Index i = 0; i < count; ++i) {
        const double weight = u(i, 0);
        for (Index k = start(first + i); k < start(first + i + 1); ++k)
          sum[column[k]] += weight * value(k);
      }
      return;
    }
    const Matrix weights = u.transpose();  // a sample per column
    for (Index i = 0; i < count; ++i)
      for (Index k = start(first + i); k < start(first + i + 1); ++k)
        sums.weights.col(column[k]) += value(k) * weights.col(i);
  }

  Vector mean_, inverse_scale_;  // (D)
  std::vector<Index> start_;     // of every row in the following two, and their length
  std::vector<int> column_;
  std::vector<double> value_;                // empty: all are 1
  std::optional<SparseColumns> by_columns_;  // the same table, where that pays
};

}  // namespace

std::shared_ptr<const LinearRows> sparse_rows(const SparseMatrix& raw, const Vector& mean,
                                              const Vector& scale, LinearModel::Options options) {
  return std::make_shared<SparseRows>(raw, mean, scale, options);
}

}  // namespace thalweg
