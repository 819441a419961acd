#include "method/flow_range_inverse.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/linalg/blas.hpp"
#include "thalweg/problem/output_loss.hpp"

namespace thalweg::detail {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr int kRefinements = 8;             // each gains a factor of at least 50 (see kSafety)
constexpr double kRefined = 4 * kEps;       // relative residual or correction that is rounding
constexpr double kSafety = 50;              // eigenvalue over rounding below which we factorize A
constexpr double kSquaredTolerance = 1e-7;  // smallest rank tolerance a squared matrix resolves

// S J with S block diagonal, J explicit.
Matrix with_root(const Matrix& root, Matrix j) {
  if (root.size() == 0) return j;
  for (Index c = 0; c < j.cols(); ++c) {
    const Vector column = j.col(c);
    apply_root(root, column, j.col(c));
  }
  return j;
}

}  // namespace

RangeInverse::RangeInverse(const Linearization& j, Matrix root, double rank_tolerance,
                           double memory_limit)
    : j_(j), root_(std::move(root)) {
  const Matrix a = squared();
  if (!std::isfinite(a.diagonal().sum())) return;
  if (try_cholesky(a, rank_tolerance)) return;
  const double bytes = 3.0 * sizeof(double) * static_cast<double>(j.output_count()) *
                       static_cast<double>(j.parameter_count());
  if (memory_limit > 0 && bytes > memory_limit / 10)
    truncate(a, std::max(rank_tolerance, kSquaredTolerance));
  else
    decompose(rank_tolerance);
}

bool RangeInverse::try_cholesky(const Matrix& a, double rank_tolerance) {
  auto factor = std::make_unique<linalg::CholeskyFactor>(a, 0.0);
  if (!factor->ok()) return false;
  const double smallest = factor->smallest_eigenvalue();
  const double trace = a.diagonal().sum();  // at least the largest eigenvalue
  const double doubtful =
      std::max(kSafety * static_cast<double>(a.rows()) * kEps, 4 * rank_tolerance * rank_tolerance);
  if (!(smallest > doubtful * trace)) return false;
  cholesky_ = std::move(factor);
  ok_ = true;
  rank_ = a.rows();
  sigma_min_ = std::sqrt(smallest);
  return true;
}

void RangeInverse::decompose(double rank_tolerance) {
  svd_ = std::make_unique<linalg::ThinSvd>(with_root(root_, j_.jacobian()));
  ok_ = svd_->ok();
  if (!ok_) return;
  rank_ = svd_->rank(rank_tolerance);
  if (rank_ > 0) sigma_min_ = svd_->singular_values()[rank_ - 1];
}

void RangeInverse::truncate(const Matrix& a, double rank_tolerance) {
  const linalg::Eigenpairs pairs = linalg::eigenpairs(a);
  const Index size = pairs.values.size();
  const double cut = rank_tolerance * rank_tolerance * pairs.values[size - 1];
  while (rank_ < size && pairs.values[size - 1 - rank_] > cut) ++rank_;
  truncated_ = std::make_unique<Truncated>(
      Truncated{pairs.values.tail(rank_), pairs.vectors.rightCols(rank_)});
  ok_ = std::isfinite(pairs.values.sum());
  if (rank_ > 0) sigma_min_ = std::sqrt(truncated_->values[0]);
}

Matrix RangeInverse::squared() const {
  if (!wide()) {
    Matrix h(j_.parameter_count(), j_.parameter_count());
    j_.normal(root_, h);
    return h;
  }
  Matrix k(j_.output_count(), j_.output_count());
  j_.gram(k);
  if (root_.size() == 0) return k;
  linalg::symmetrize_from_lower(k);
  const Matrix half = with_root(root_, k).transpose();  // K S'
  return with_root(root_, half);
}

Vector RangeInverse::apply(const ConstVectorRef& d) const {
  Vector jd(j_.output_count());
  j_.apply(d, jd);
  if (root_.size() == 0) return jd;
  Vector ad(jd.size());
  apply_root(root_, jd, ad);
  return ad;
}

Vector RangeInverse::apply_adjoint(const ConstVectorRef& u) const {
  Vector d(j_.parameter_count());
  if (root_.size() == 0) {
    j_.apply_adjoint(u, d);
    return d;
  }
  Vector su(u.size());
  apply_root_adjoint(root_, u, su);
  j_.apply_adjoint(su, d);
  return d;
}

Vector RangeInverse::solve_squared(const ConstVectorRef& b) const {
  if (cholesky_) return cholesky_->solve(b);
  const Vector part = truncated_->vectors.transpose() * b;
  return truncated_->vectors * part.cwiseQuotient(truncated_->values);
}

// Solves the squared system M x = b by iterative refinement: right_side(x) is b - M x, computed
// with products of A, so that the result is as accurate as A allows although M has the square of
// its condition.
template <class RightSide>
Vector RangeInverse::refined(Index size, const RightSide& right_side) const {
  Vector x = solve_squared(right_side(Vector::Zero(size)));
  double last = x.norm();
  for (int k = 0; k < kRefinements; ++k) {
    const Vector correction = solve_squared(right_side(x));
    const double gained = correction.norm();
    if (!(gained < last / 2)) break;  // rounding is reached
    x += correction;
    if (gained * gained <= kRefined * x.norm() * last) break;  // the next one would be rounding
    last = gained;
  }
  return x;
}

Vector RangeInverse::solve(const ConstVectorRef& v) const {
  if (svd_) {
    const Vector part = svd_->u().leftCols(rank_).transpose() * v;
    return svd_->v().leftCols(rank_) * part.cwiseQuotient(svd_->singular_values().head(rank_));
  }
  const Index m = j_.output_count(), n = j_.parameter_count();
  if (wide())
    return apply_adjoint(
        refined(m, [&](const Vector& z) -> Vector { return v - apply(apply_adjoint(z)); }));
  return refined(n, [&](const Vector& d) -> Vector { return apply_adjoint(v - apply(d)); });
}

Vector RangeInverse::solve_adjoint(const ConstVectorRef& w) const {
  if (svd_) {
    const Vector part = svd_->v().leftCols(rank_).transpose() * w;
    return svd_->u().leftCols(rank_) * part.cwiseQuotient(svd_->singular_values().head(rank_));
  }
  const Index m = j_.output_count(), n = j_.parameter_count();
  if (wide()) return refined(m, [&](const Vector& z) { return apply(w - apply_adjoint(z)); });
  return apply(refined(n, [&](const Vector& d) -> Vector { return w - apply_adjoint(apply(d)); }));
}

}  // namespace thalweg::detail
