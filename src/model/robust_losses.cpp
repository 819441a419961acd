#include "thalweg/model/robust_losses.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/stacked_targets.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using detail::stacked;

// c^2 is a number with all its digits within.
constexpr double smallest_scale = 1e-100, largest_scale = 1e100;

double square(double t) { return t * t; }

// Of `numbers`, which it reorders; not empty.
double median(std::vector<double>& numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  if (numbers.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(numbers.begin(), middle)) / 2;
}

class DiagonalHessian final : public Hessian {
 public:
  DiagonalHessian(Vector curvatures, Vector bound)
      : curvatures_(std::move(curvatures)), bound_(std::move(bound)) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    hv = curvatures_.cwiseProduct(v);
  }
  std::optional<Vector> diagonal() const override { return bound_; }

 private:
  Vector curvatures_, bound_;
};

}  // namespace

RobustLoss::RobustLoss(Matrix targets, double scale) : targets_(std::move(targets)), scale_(scale) {
  detail::require_targets(targets_);
  OptionChecker check("robust loss");
  check.require(scale >= smallest_scale && scale <= largest_scale, "scale",
                "be above 0, from 1e-100 to 1e100", scale);
  check.throw_if_any();
}

Vector RobustLoss::scaled_residual(const ConstVectorRef& y) const {
  return (y - stacked(targets_)) / scale_;
}

double RobustLoss::sum_of(const Vector& t) const {
  double sum = 0;
  for (const double t_i : t) sum += phi(t_i);
  return square(scale_) * sum;
}

Vector RobustLoss::pull(const Vector& t) const {
  return t.unaryExpr([this](double t_i) { return scale_ * t_i * weight(t_i); });
}

Vector RobustLoss::mean_weights(const ConstVectorRef& y) const {
  return scaled_residual(y).unaryExpr([this](double t) { return weight(t); }) /
         static_cast<double>(sample_count());
}

Vector RobustLoss::mean_curvatures(const ConstVectorRef& y) const {
  return scaled_residual(y).unaryExpr([this](double t) { return curvature(t); }) /
         static_cast<double>(sample_count());
}

double RobustLoss::value(const ConstVectorRef& y) const {
  return sum_of(scaled_residual(y)) / static_cast<double>(sample_count());
}

void RobustLoss::gradient(const ConstVectorRef& y, VectorRef gy) const {
  gy = pull(scaled_residual(y)) / static_cast<double>(sample_count());
}

double RobustLoss::batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const {
  const Vector t = (y - stacked(targets_, batch)) / scale_;
  gy = pull(t);
  return sum_of(t);
}

void RobustLoss::batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const {
  const Vector each = ((y - stacked(targets_, batch)) / scale_).unaryExpr([this](double t) {
    return square(scale_) * phi(t);
  });
  losses = detail::sample_sums(each, outputs_per_sample());
}

void RobustLoss::hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                                 VectorRef hv) const {
  hv = mean_curvatures(y).cwiseProduct(v);
}

std::unique_ptr<Hessian> RobustLoss::hessian(const ConstVectorRef& y) const {
  return std::make_unique<DiagonalHessian>(mean_curvatures(y), mean_weights(y));
}

Matrix RobustLoss::hessian_root(const ConstVectorRef& y) const {
  return detail::diagonal_root(mean_weights(y).cwiseSqrt(), sample_count(), outputs_per_sample());
}

std::optional<Vector> RobustLoss::minimizer() const { return Vector(stacked(targets_)); }

std::string RobustLoss::description() const {
  return fmt::format("{} loss, scale {:.6g}", name(), scale_);
}

double median_deviation(const ConstMatrixRef& targets) {
  constexpr double normal = 1.482602218505602;  // standard deviations of a normal number in its MAD
  std::vector<double> deviations, column;
  for (Index q = 0; q < targets.cols(); ++q) {
    column.assign(targets.col(q).begin(), targets.col(q).end());
    const double center = median(column);
    for (const double target : column) deviations.push_back(std::abs(target - center));
  }
  return normal * median(deviations);
}

// Comparisons are written so that NaN passes through.

double HuberLoss::phi(double t) const {
  const double size = std::abs(t);
  return size > 1 ? size - 0.5 : square(t) / 2;
}
double HuberLoss::weight(double t) const {
  const double size = std::abs(t);
  return size <= 1 ? 1 : 1 / size;
}
double HuberLoss::curvature(double t) const { return std::abs(t) > 1 ? 0 : 1; }

double CauchyLoss::phi(double t) const {
  constexpr double square_is_all = 1e8;  // beyond, 1 + t^2 is t^2, which may overflow
  const double size = std::abs(t);
  return size > square_is_all ? std::log(size) : std::log1p(square(t)) / 2;
}
double CauchyLoss::weight(double t) const { return 1 / (1 + square(t)); }
double CauchyLoss::curvature(double t) const {  // (1 - t^2) / (1 + t^2)^2
  const double w = weight(t);
  return w * (2 * w - 1);
}

double TukeyLoss::phi(double t) const {
  const double s = square(t);
  return s >= 1 ? 1.0 / 6 : s * (3 - s * (3 - s)) / 6;  // no 1 - (1 - s)^3, which cancels
}
double TukeyLoss::weight(double t) const {
  const double s = square(t);
  return s >= 1 ? 0 : square(1 - s);
}
double TukeyLoss::curvature(double t) const {
  const double s = square(t);
  return s >= 1 ? 0 : (1 - s) * (1 - 5 * s);
}

}  // namespace thalweg
