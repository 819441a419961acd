#include "thalweg/linalg/blas.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels.hpp"
#include "team.hpp"
#include "thalweg/core/error.hpp"

#ifdef THALWEG_WITH_OPENBLAS
extern "C" {
__attribute__((weak)) char* openblas_get_config();
__attribute__((weak)) char* openblas_get_corename();
}
#endif

namespace thalweg::linalg {
namespace {

void require_shapes(bool fit, const char* kernel) {
  if (!fit) throw UsageError(fmt::format("{}: the shapes of the matrices do not fit", kernel));
}

double volume(Index a, Index b, Index c) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

// Rows first .. first+count-1 of op(A).
template <class Operand>
Operand op_rows(Op op, const Operand& a, Index first, Index count) {
  if (op == Op::none) return a.middleRows(first, count);
  return a.middleCols(first, count);
}

// The range 0 .. n-1 cut into blocks of nearly one size, a multiple of what the kernels compute at
// once.
class Blocks {
 public:
  Blocks(Index n, Index wanted, Index smallest) : n_(n) {
    constexpr Index unit = 48;  // a multiple of the register tiles of the OpenBLAS kernels
    const Index even = std::max(smallest, (n + wanted - 1) / std::max<Index>(1, wanted));
    size_ = (even + unit - 1) / unit * unit;
  }
  Index count() const { return (n_ + size_ - 1) / size_; }
  Index first(Index i) const { return i * size_; }
  Index size(Index i) const { return std::min(size_, n_ - first(i)); }

 private:
  Index n_, size_;
};

// Blocks (i, j) of a lower triangle with j <= i: whole ones first, the halves on the diagonal fill
// the gaps at the end.
std::vector<std::pair<Index, Index>> lower_blocks(Index count) {
  std::vector<std::pair<Index, Index>> blocks;
  for (Index j = 0; j < count; ++j)
    for (Index i = j + 1; i < count; ++i) blocks.emplace_back(i, j);
  for (Index i = 0; i < count; ++i) blocks.emplace_back(i, i);
  return blocks;
}

template <class Scalar, class Operand, class Product>
void gemm_tiles([[maybe_unused]] int team, Scalar alpha, Op op_a, const Operand& a, Op op_b,
                const Operand& b, Scalar beta, Product c) {
  constexpr Index smallest = 48;
  const bool tall = c.rows() > c.cols();
  const Blocks rows(c.rows(), tall ? 2 * team : 1, smallest);
  const Blocks cols(c.cols(), tall ? 1 : 2 * team, smallest);
  const Index count = rows.count() * cols.count();
#pragma omp parallel for schedule(dynamic) num_threads(team)
  for (Index t = 0; t < count; ++t) {
    const Index i = t % rows.count(), j = t / rows.count();
    const Op flip_b = op_b == Op::none ? Op::transpose : Op::none;
    kernel::gemm(alpha, op_a, op_rows(op_a, a, rows.first(i), rows.size(i)), op_b,
                 op_rows(flip_b, b, cols.first(j), cols.size(j)), beta,
                 c.block(rows.first(i), cols.first(j), rows.size(i), cols.size(j)));
  }
}

template <class Scalar, class Operand, class Product>
void multiply(Scalar alpha, Op op_a, const Operand& a, Op op_b, const Operand& b, Scalar beta,
              Product c) {
  const Index k = op_a == Op::none ? a.cols() : a.rows();
  require_shapes((op_a == Op::none ? a.rows() : a.cols()) == c.rows() &&
                     (op_b == Op::none ? b.rows() : b.cols()) == k &&
                     (op_b == Op::none ? b.cols() : b.rows()) == c.cols(),
                 "gemm");
  const BlasScope scope;
  const int team = team_size(2 * volume(c.rows(), c.cols(), k));
  if (team == 1)
    kernel::gemm(alpha, op_a, a, op_b, b, beta, c);
  else
    gemm_tiles(team, alpha, op_a, a, op_b, b, beta, c);
}

void syrk_tiles([[maybe_unused]] int team, double alpha, Op op_a, const ConstMatrixRef& a,
                double beta, MatrixRef c) {
  constexpr Index smallest = 96;
  const Blocks cut(c.rows(), 2 * team, smallest);
  const auto blocks = lower_blocks(cut.count());
  const Op op_b = op_a == Op::none ? Op::transpose : Op::none;
#pragma omp parallel for schedule(dynamic) num_threads(team)
  for (std::size_t t = 0; t < blocks.size(); ++t) {
    const auto [i, j] = blocks[t];
    const auto left = op_rows(op_a, a, cut.first(i), cut.size(i));
    auto tile = c.block(cut.first(i), cut.first(j), cut.size(i), cut.size(j));
    if (i == j)
      kernel::syrk(alpha, op_a, left, beta, tile);
    else
      kernel::gemm(alpha, op_a, left, op_b, op_rows(op_a, a, cut.first(j), cut.size(j)), beta,
                   tile);
  }
}

// Right-looking Cholesky by tiles. Each tile's updates form a chain of dependences, so that their
// order, and with it every bit of L, is the same whatever the number of threads.
class TiledCholesky {
 public:
  TiledCholesky(MatrixRef a, Index tile) : a_(a), cut_(a.rows(), a.rows() / tile, tile) {}

  bool factorize([[maybe_unused]] int team) {
    const Index count = cut_.count();
    std::vector<char> done(static_cast<std::size_t>(count * count));  // addresses only
    [[maybe_unused]] char* const at = done.data();
#pragma omp parallel num_threads(team)
#pragma omp single
    for (Index k = 0; k < count; ++k) {
#pragma omp task depend(inout : at[k * count + k])
      factorize_diagonal(k);
      for (Index i = k + 1; i < count; ++i) {
#pragma omp task depend(in : at[k * count + k]) depend(inout : at[k * count + i])
        solve_panel(i, k);
      }
      for (Index j = k + 1; j < count; ++j)
        for (Index i = j; i < count; ++i) {
#pragma omp task depend(in : at[k * count + i], at[k * count + j]) depend(inout : at[j * count + i])
          update(i, j, k);
        }
    }
    return positive_definite_;
  }

 private:
  Eigen::Block<MatrixRef> tile(Index i, Index j) {
    return a_.block(cut_.first(i), cut_.first(j), cut_.size(i), cut_.size(j));
  }
  void factorize_diagonal(Index k) {
    if (positive_definite_ && !kernel::cholesky(tile(k, k))) positive_definite_ = false;
  }
  void solve_panel(Index i, Index k) {
    if (positive_definite_) kernel::solve_transposed_from_right(tile(k, k), tile(i, k));
  }
  void update(Index i, Index j, Index k) {
    if (!positive_definite_) return;
    if (i == j)
      kernel::syrk(-1, Op::none, tile(i, k), 1, tile(i, i));
    else
      kernel::gemm(-1, Op::none, tile(i, k), Op::transpose, tile(j, k), 1, tile(i, j));
  }

  MatrixRef a_;
  Blocks cut_;
  std::atomic<bool> positive_definite_{true};
};

}  // namespace

void gemm(double alpha, Op op_a, const ConstMatrixRef& a, Op op_b, const ConstMatrixRef& b,
          double beta, MatrixRef c) {
  multiply(alpha, op_a, a, op_b, b, beta, c);
}

void gemm(float alpha, Op op_a, const ConstFloatMatrixRef& a, Op op_b, const ConstFloatMatrixRef& b,
          float beta, FloatMatrixRef c) {
  multiply(alpha, op_a, a, op_b, b, beta, c);
}

void syrk(double alpha, Op op_a, const ConstMatrixRef& a, double beta, MatrixRef c) {
  const Index n = op_a == Op::none ? a.rows() : a.cols();
  const Index k = op_a == Op::none ? a.cols() : a.rows();
  require_shapes(c.rows() == n && c.cols() == n, "syrk");
  const BlasScope scope;
  const int team = team_size(volume(n, n, k));
  if (team == 1)
    kernel::syrk(alpha, op_a, a, beta, c);
  else
    syrk_tiles(team, alpha, op_a, a, beta, c);
}

bool cholesky_in_place(MatrixRef a) {
  constexpr Index tile = 256, fewest_tiles = 3;  // fewer: LAPACK's own blocking is faster
  require_shapes(a.rows() == a.cols(), "cholesky_in_place");
  const BlasScope scope;
  if (a.rows() < fewest_tiles * tile) return kernel::cholesky(a);
  return TiledCholesky(a, tile).factorize(team_size(volume(a.rows(), a.rows(), a.rows()) / 3));
}

void symmetrize_from_lower(MatrixRef a) {
  require_shapes(a.rows() == a.cols(), "symmetrize_from_lower");
  a.triangularView<Eigen::StrictlyUpper>() = a.transpose();
}

std::string blas_name() {
#ifdef THALWEG_WITH_OPENBLAS
  select_blas_kernels();
  const std::string config = openblas_get_config ? openblas_get_config() : "BLAS";
  const auto second_space = config.find(' ', config.find(' ') + 1);
  const std::string core = openblas_get_corename ? openblas_get_corename() : "";
  return core.empty() ? config : fmt::format("{} {}", config.substr(0, second_space), core);
#else
  return fmt::format("Eigen {}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                     EIGEN_MINOR_VERSION);
#endif
}

}  // namespace thalweg::linalg
