// A dense table, kept row by row.

#include <algorithm>
#include <new>

#include "linear_kernels.hpp"
#include "linear_rows.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg {
namespace {

using linalg::Op;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using RowMap = Eigen::Map<const RowMajor>;

// Numbers that start at a cache line.
class AlignedNumbers {
 public:
  explicit AlignedNumbers(Index count)
      : numbers_(static_cast<double*>(
            ::operator new(static_cast<std::size_t>(count) * sizeof(double), line))) {}
  ~AlignedNumbers() { ::operator delete(numbers_, line); }
  AlignedNumbers(const AlignedNumbers&) = delete;
  AlignedNumbers& operator=(const AlignedNumbers&) = delete;
  double* data() const { return numbers_; }

 private:
  static constexpr std::align_val_t line{64};
  double* numbers_;
};

// With several outputs a block is a small matrix product; below this many rows the call costs more
// than the work.
constexpr Index fewest_rows_for_gemm = 8;

class DenseRows final : public LinearRows {
 public:
  DenseRows(const ConstMatrixRef& inputs, LinearModel::Options options)
      : LinearRows(inputs.rows(), inputs.cols(), options), inputs_(inputs.size() + kernels::lanes) {
    Eigen::Map<RowMajor> copy(inputs_.data(), rows(), columns());
    constexpr Index block = 64;  // rows whose column entries share cache lines
    for (Index i = 0; i < rows(); i += block) {
      const Index count = std::min(block, rows() - i);
      copy.middleRows(i, count) = inputs.middleRows(i, count);
    }
    std::fill_n(inputs_.data() + inputs.size(), kernels::lanes, 0.0);
  }

  bool sparse() const override { return false; }
  double numbers() const override {
    return static_cast<double>(rows()) * static_cast<double>(columns());
  }
  Index block_rows() const override {
    // In the second-level cache with the next one; few enough outputs to stay in the first.
    constexpr Index entries = Index{1} << 15, most = 128;
    return std::clamp(entries / width() / 8 * 8, Index{8}, most);
  }
  Index first_row(int part, int parts) const override { return rows() * part / parts; }

  LinearForm form_of(const ConstVectorRef& x) const override {
    LinearForm form = zero_form();
    form.weights.topRows(columns()) =
        Eigen::Map<const Matrix>(x.data(), columns(), outputs_per_sample());
    if (intercept()) form.constants = x.tail(outputs_per_sample());
    return form;
  }

  LinearForm zero_form() const override {
    return {Matrix::Zero(width(), outputs_per_sample()), Vector::Zero(outputs_per_sample())};
  }

  void gradient_of(const LinearForm& sums, VectorRef g) const override {
    Eigen::Map<Matrix>(g.data(), columns(), outputs_per_sample()) = sums.weights.topRows(columns());
    if (intercept()) g.tail(outputs_per_sample()) = sums.constants;
  }

  void outputs(Index first, Index count, const LinearForm& w, MatrixRef z) const override {
    if (z.cols() > 1 && count >= fewest_rows_for_gemm) {
      z.rowwise() = w.constants.transpose();
      linalg::gemm(1, Op::transpose, columns_of_rows(first, count), Op::none,
                   w.weights.topRows(columns()), 1, z);
      return;
    }
    for (Index q = 0; q < z.cols(); ++q)
      kernels::row_products(row(first), columns(), count, w.weights.col(q).data(), width(),
                            w.constants[q], z.col(q).data());
  }

  void add_adjoint(Index first, Index count, const ConstMatrixRef& u,
                   LinearForm& sums) const override {
    if (u.cols() > 1 && count >= fewest_rows_for_gemm) {
      sums.constants += u.colwise().sum().transpose();
      linalg::gemm(1, Op::none, columns_of_rows(first, count), Op::none, u, 1,
                   sums.weights.topRows(columns()));
      return;
    }
    for (Index q = 0; q < u.cols(); ++q)
      sums.constants[q] += kernels::add_weighted_rows(row(first), columns(), count, u.col(q).data(),
                                                      width(), sums.weights.col(q).data());
  }

  void prefetch(Index first, Index piece) const override {
    // Narrow tables leave the memory idle while losses are computed; wide ones need no help. Four
    // kilobytes are what it delivers meanwhile.
    constexpr Index most = 512, line = 8;
    const Index size = std::min(most, piece_rows * columns());
    const Index begin = first * columns() + piece * size;
    const Index end = std::min(begin + size, rows() * columns());
    for (Index k = begin; k < end; k += line) kernels::prefetch(inputs_.data() + k);
  }

  void write_row(Index i, double* inputs) const override { std::copy_n(row(i), columns(), inputs); }

  Vector squared_norms() const override { return table().rowwise().squaredNorm(); }

  Matrix weighted_squares(const ConstMatrixRef& h) const override {
    Matrix sums = Matrix::Zero(columns(), h.cols());
    for (Index i = 0; i < rows(); ++i)
      sums.noalias() += table().row(i).cwiseAbs2().transpose() * h.row(i);
    return sums;
  }

 private:
  Index width() const { return kernels::padded(columns()); }
  const double* row(Index i) const { return inputs_.data() + i * columns(); }
  RowMap table() const { return {inputs_.data(), rows(), columns()}; }
  Eigen::Map<const Matrix> columns_of_rows(Index first, Index count) const {
    return {row(first), columns(), count};
  }

  AlignedNumbers inputs_;  // (N, D) row by row, and one register of zeros
};

}  // namespace

std::shared_ptr<const LinearRows> dense_rows(const ConstMatrixRef& inputs,
                                             LinearModel::Options options) {
  return std::make_shared<DenseRows>(inputs, options);
}

}  // namespace thalweg
