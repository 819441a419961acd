#include "thalweg/problem/difference_hessian.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace thalweg {

DifferenceHessian::DifferenceHessian(const Objective& problem, Vector x, Vector gradient,
                                     Differences kind)
    : problem_(problem), x_(std::move(x)), gradient_(std::move(gradient)), kind_(kind) {
  const double eps = problem.rounding();
  scale_ = (kind == Differences::central ? std::cbrt(eps) : std::sqrt(eps)) * (1 + x_.stableNorm());
}

void DifferenceHessian::difference(const ConstVectorRef& v, double h, VectorRef hv) const {
  problem_.value_and_gradient(x_ + h * v, hv);
  if (kind_ == Differences::forward) {
    hv = (hv - gradient_) / h;
    return;
  }
  Vector back(x_.size());
  problem_.value_and_gradient(x_ - h * v, back);
  hv = (hv - back) / (2 * h);
}

void DifferenceHessian::apply(const ConstVectorRef& v, VectorRef hv) const {
  const double length = v.stableNorm();
  if (length == 0)
    hv.setZero();
  else
    difference(v, scale_ / length, hv);
}

double DifferenceHessian::rounding() const {
  constexpr double roundings = 2;
  return roundings * problem_.rounding() * (1 + x_.stableNorm()) / scale_;
}

double DifferenceHessian::product_error(const ConstVectorRef& v, const ConstVectorRef& hv) const {
  constexpr double safety = 2;
  const double length = v.stableNorm();
  if (length == 0) return 0;
  Vector coarse(x_.size());
  difference(v, 2 * scale_ / length, coarse);
  const double change = (coarse - hv).stableNorm() / length;
  if (!std::isfinite(change)) return std::numeric_limits<double>::infinity();
  return std::max(safety * change, rounding() * hv.stableNorm() / length);
}

}  // namespace thalweg
