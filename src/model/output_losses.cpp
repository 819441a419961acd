#include "thalweg/model/output_losses.hpp"

#include <cmath>

#include "model/stacked_targets.hpp"

namespace thalweg {
namespace {

using detail::stacked;

}  // namespace

SquaredLoss::SquaredLoss(Matrix targets) : targets_(std::move(targets)) {
  detail::require_targets(targets_);
}

double SquaredLoss::value(const ConstVectorRef& y) const {
  return (y - stacked(targets_)).squaredNorm() / (2 * static_cast<double>(sample_count()));
}

void SquaredLoss::gradient(const ConstVectorRef& y, VectorRef gy) const {
  gy = (y - stacked(targets_)) / static_cast<double>(sample_count());
}

double SquaredLoss::batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const {
  gy = y - stacked(targets_, batch);
  return gy.squaredNorm() / 2;
}

void SquaredLoss::batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const {
  const Vector halves = (y - stacked(targets_, batch)).array().square() / 2;
  losses = detail::sample_sums(halves, outputs_per_sample());
}

void SquaredLoss::hessian_product(const ConstVectorRef& /*y*/, const ConstVectorRef& v,
                                  VectorRef hv) const {
  hv = v / static_cast<double>(sample_count());
}

Matrix SquaredLoss::hessian_root(const ConstVectorRef& /*y*/) const {
  const double root = 1 / std::sqrt(static_cast<double>(sample_count()));
  return detail::diagonal_root(Vector::Constant(output_count(), root), sample_count(),
                               outputs_per_sample());
}

std::optional<double> SquaredLoss::constant_hessian() const {
  return 1 / static_cast<double>(sample_count());
}

std::optional<Vector> SquaredLoss::minimizer() const { return Vector(stacked(targets_)); }

double SquaredLoss::strong_convexity() const { return 1 / static_cast<double>(sample_count()); }

std::string SquaredLoss::description() const { return "squared loss"; }

}  // namespace thalweg
