#include "thalweg/model/output_losses.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using ConstVectorMap = Eigen::Map<const Vector>;

ConstVectorMap stacked(const Matrix& targets) { return {targets.data(), targets.size()}; }

void require_targets(const Matrix& targets) {
  if (targets.size() == 0) throw UsageError("a loss needs at least one row and column of targets");
  if (!targets.allFinite()) throw UsageError("targets of a loss must be finite");
}

// The targets of a batch, stacked like its outputs.
Vector stacked(const Matrix& targets, Batch batch) {
  const auto count = static_cast<Index>(batch.size());
  Vector chosen(count * targets.cols());
  for (Index q = 0; q < targets.cols(); ++q)
    for (Index k = 0; k < count; ++k)
      chosen[q * count + k] = targets(batch[static_cast<std::size_t>(k)], q);
  return chosen;
}

// The sum over the outputs of every sample, (b), of what is stacked output by output.
Vector sample_sums(const Vector& of_outputs, Index outputs) {
  const Index samples = of_outputs.size() / outputs;
  return Eigen::Map<const Matrix>(of_outputs.data(), samples, outputs).rowwise().sum();
}

// Block diagonal root of a diagonal Hessian, in the layout of Linearization::normal.
Matrix diagonal_root(const Vector& root, Index samples, Index outputs) {
  Matrix s = Matrix::Zero(samples * outputs, outputs);
  for (Index q = 0; q < outputs; ++q)
    s.col(q).segment(q * samples, samples) = root.segment(q * samples, samples);
  return s;
}

// h(r) of the Huber loss and its derivative, written so that NaN passes through.
auto huber(double delta) {
  return [delta](double r) {
    const double size = std::abs(r);
    return size <= delta ? r * r / 2 : delta * (size - delta / 2);
  };
}

auto slope(double delta) {
  return [delta](double r) { return r > delta ? delta : (r < -delta ? -delta : r); };
}

}  // namespace

// ---------------------------------------------------------------------------------------------

SquaredLoss::SquaredLoss(Matrix targets) : targets_(std::move(targets)) {
  require_targets(targets_);
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
  losses = sample_sums(halves, outputs_per_sample());
}

void SquaredLoss::hessian_product(const ConstVectorRef& /*y*/, const ConstVectorRef& v,
                                  VectorRef hv) const {
  hv = v / static_cast<double>(sample_count());
}

Matrix SquaredLoss::hessian_root(const ConstVectorRef& /*y*/) const {
  const double root = 1 / std::sqrt(static_cast<double>(sample_count()));
  return diagonal_root(Vector::Constant(output_count(), root), sample_count(),
                       outputs_per_sample());
}

std::optional<double> SquaredLoss::constant_hessian() const {
  return 1 / static_cast<double>(sample_count());
}

std::optional<Vector> SquaredLoss::minimizer() const { return Vector(stacked(targets_)); }

double SquaredLoss::strong_convexity() const { return 1 / static_cast<double>(sample_count()); }

std::string SquaredLoss::description() const { return "squared loss"; }

// ---------------------------------------------------------------------------------------------

HuberLoss::HuberLoss(Matrix targets, double delta) : targets_(std::move(targets)), delta_(delta) {
  require_targets(targets_);
  OptionChecker check("Huber loss");
  check.require(delta > 0 && std::isfinite(delta), "delta", "be positive and finite", delta);
  check.throw_if_any();
}

double HuberLoss::value(const ConstVectorRef& y) const {
  const Vector residual = y - stacked(targets_);
  return sum_of(residual) / static_cast<double>(sample_count());
}

void HuberLoss::gradient(const ConstVectorRef& y, VectorRef gy) const {
  gy = (y - stacked(targets_)).unaryExpr(slope(delta_)) / static_cast<double>(sample_count());
}

double HuberLoss::batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const {
  const Vector residual = y - stacked(targets_, batch);
  gy = residual.unaryExpr(slope(delta_));
  return sum_of(residual);
}

void HuberLoss::batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const {
  const Vector each = (y - stacked(targets_, batch)).unaryExpr(huber(delta_));
  losses = sample_sums(each, outputs_per_sample());
}

double HuberLoss::sum_of(const Vector& residual) const {
  return residual.unaryExpr(huber(delta_)).sum();
}

void HuberLoss::hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                                VectorRef hv) const {
  const auto curved = ((y - stacked(targets_)).array().abs() <= delta_).cast<double>();
  hv = curved * v.array() / static_cast<double>(sample_count());
}

Matrix HuberLoss::hessian_root(const ConstVectorRef& y) const {
  const Vector curved = ((y - stacked(targets_)).array().abs() <= delta_).cast<double>();
  return diagonal_root(curved / std::sqrt(static_cast<double>(sample_count())), sample_count(),
                       outputs_per_sample());
}

std::optional<Vector> HuberLoss::minimizer() const { return Vector(stacked(targets_)); }

std::string HuberLoss::description() const { return fmt::format("Huber loss, delta {}", delta_); }

}  // namespace thalweg
