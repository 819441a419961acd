#include "thalweg/problem/difference_hessian.hpp"

#include <cmath>
#include <utility>

namespace thalweg {

DifferenceHessian::DifferenceHessian(const Objective& problem, Vector x, Vector gradient)
    : problem_(problem), x_(std::move(x)), gradient_(std::move(gradient)) {}

void DifferenceHessian::apply(const ConstVectorRef& v, VectorRef hv) const {
  const double length = v.stableNorm();
  if (length == 0) {
    hv.setZero();
    return;
  }
  const double h = std::sqrt(problem_.rounding()) * (1 + x_.stableNorm()) / length;
  problem_.value_and_gradient(x_ + h * v, hv);
  hv = (hv - gradient_) / h;
}

}  // namespace thalweg
