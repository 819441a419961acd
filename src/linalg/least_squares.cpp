#include "thalweg/linalg/least_squares.hpp"

#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "householder_qr.hpp"
#include "lapack.hpp"
#include "team.hpp"

namespace thalweg::linalg {
namespace {

struct Svd {
  Matrix u, v;
  Vector s;
  bool ok = false;
};

#ifdef THALWEG_WITH_OPENBLAS

// LAPACK takes a QR or LQ factorization first where the shape calls for it. `a` is destroyed.
Svd thin_svd(Matrix a) {
  const Index k = std::min(a.rows(), a.cols());
  Matrix u(a.rows(), k), vt(k, a.cols());
  Vector s(k);
  const int m = static_cast<int>(a.rows()), n = static_cast<int>(a.cols());
  const int lda = leading_dimension(a), ldu = leading_dimension(u), ldvt = leading_dimension(vt);
  const int query = -1;
  int info = 0;
  double work_size = 0;
  std::vector<int> iwork(static_cast<std::size_t>(8 * k));
  const auto dgesdd = [&](double* work, const int* lwork) {
    dgesdd_("S", &m, &n, a.data(), &lda, s.data(), u.data(), &ldu, vt.data(), &ldvt, work, lwork,
            iwork.data(), &info);
  };
  dgesdd(&work_size, &query);
  std::vector<double> work(static_cast<std::size_t>(work_size));
  const int lwork = static_cast<int>(work.size());
  const BlasScope scope;
  dgesdd(work.data(), &lwork);
  return {std::move(u), vt.transpose(), std::move(s), info == 0};
}

#else

Svd thin_svd(Matrix a) {
  if (a.rows() < a.cols()) {
    Svd svd = thin_svd(Matrix(a.transpose()));
    std::swap(svd.u, svd.v);
    return svd;
  }
  constexpr Index long_shape = 2;  // from here a QR first is cheaper
  if (a.rows() > long_shape * a.cols()) {
    const HouseholderQr qr(std::move(a));
    Svd svd = thin_svd(Matrix(qr.r().triangularView<Eigen::Upper>()));
    svd.u = qr.thin_q() * svd.u;
    return svd;
  }
  const Eigen::BDCSVD<Matrix> svd(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.matrixU(), svd.matrixV(), svd.singularValues(), svd.info() == Eigen::Success};
}

#endif

// [J r; D 0] = Q R gives R d = -Q'r with Q'r in the last column: Q is never needed.
Vector solve_tall(const ConstMatrixRef& j, const ConstVectorRef& r, const ConstVectorRef& d) {
  const Index m = j.rows(), n = j.cols();
  Matrix stacked = Matrix::Zero(m + n, n + 1);
  stacked.topLeftCorner(m, n) = j;
  stacked.col(n).head(m) = r;
  stacked.block(m, 0, n, n).diagonal() = d;
  const HouseholderQr qr(std::move(stacked));
  return -qr.r().topLeftCorner(n, n).triangularView<Eigen::Upper>().solve(qr.r().col(n).head(n));
}

// With A = J D^-1 and z = D d: min |z|^2 + |w|^2 subject to A z + w = -r, whose solution is
// [z; w] = -Q R'^-1 r for [A'; I] = Q R. Costs m^2 n where the tall form costs n^3.
Vector solve_wide(const ConstMatrixRef& j, const ConstVectorRef& r, const ConstVectorRef& d) {
  const Index m = j.rows(), n = j.cols();
  Matrix stacked = Matrix::Zero(n + m, m);
  stacked.topRows(n) = d.cwiseInverse().asDiagonal() * j.transpose();
  stacked.bottomRows(m).diagonal().setOnes();
  const HouseholderQr qr(std::move(stacked));
  Vector zw = Vector::Zero(n + m);
  zw.head(m) = qr.r().transpose().triangularView<Eigen::Lower>().solve(r);
  return -qr.apply_q(std::move(zw)).head(n).cwiseQuotient(d);
}

// Where D has zeros the rank may be short. With full rank (judged with columns of length one, so
// that units do not matter) the solution is unique; otherwise the one of minimum norm is taken.
Vector solve_pivoted(const ConstMatrixRef& j, const ConstVectorRef& r, const ConstVectorRef& d) {
  const Index m = j.rows(), n = j.cols();
  Matrix stacked = Matrix::Zero(m + n, n);
  stacked.topRows(m) = j;
  stacked.bottomRows(n).diagonal() = d;
  Vector right = Vector::Zero(m + n);
  right.head(m) = -r;
  if (!stacked.allFinite())  // rank decisions on NaN would answer zero
    return Vector::Constant(n, std::numeric_limits<double>::quiet_NaN());
  Vector scale = stacked.colwise().stableNorm();
  scale = (scale.array() > 0).select(scale, 1.0);
  const Eigen::ColPivHouseholderQR<Matrix> qr(stacked * scale.cwiseInverse().asDiagonal());
  if (qr.rank() == n) return qr.solve(right).cwiseQuotient(scale);
  return Eigen::CompleteOrthogonalDecomposition<Matrix>(stacked).solve(right);
}

}  // namespace

ThinSvd::ThinSvd(const ConstMatrixRef& j) : ok_(j.allFinite()) {
  Svd svd;
  if (ok_ && j.size() > 0) {
    svd = thin_svd(j);
    ok_ = svd.ok;
  }
  if (!ok_ || j.size() == 0) {
    svd.u = Matrix::Zero(j.rows(), 0);
    svd.v = Matrix::Zero(j.cols(), 0);
    svd.s = Vector(0);
  }
  u_ = std::move(svd.u);
  v_ = std::move(svd.v);
  s_ = std::move(svd.s);
}

Index ThinSvd::rank(double relative_tolerance) const {
  if (s_.size() == 0) return 0;
  return (s_.array() > relative_tolerance * s_[0]).count();
}

Vector ThinSvd::damped_step(const ConstVectorRef& r, double mu, double relative_tolerance) const {
  const Index k = rank(relative_tolerance);
  const auto s = s_.head(k).array();
  // 1 / (s + mu / s) instead of s / (s^2 + mu): s^2 may overflow or underflow.
  const Vector c = (u_.leftCols(k).transpose() * r).array() / (s + mu / s);
  return -(v_.leftCols(k) * c);
}

Vector ThinSvd::project(const ConstVectorRef& r, double relative_tolerance) const {
  const Index k = rank(relative_tolerance);
  return u_.leftCols(k) * (u_.leftCols(k).transpose() * r);
}

Vector damped_least_squares(const ConstMatrixRef& j, const ConstVectorRef& r,
                            const ConstVectorRef& d) {
  if ((d.array() == 0).any()) return solve_pivoted(j, r, d);
  return j.rows() < j.cols() ? solve_wide(j, r, d) : solve_tall(j, r, d);
}

double default_rank_tolerance(Index rows, Index columns) {
  return static_cast<double>(std::max(rows, columns)) * std::numeric_limits<double>::epsilon();
}

}  // namespace thalweg::linalg
