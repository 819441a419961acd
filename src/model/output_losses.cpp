#include "thalweg/model/output_losses.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using ConstMatrixMap = Eigen::Map<const Matrix>;
using MatrixMap = Eigen::Map<Matrix>;
using ConstVectorMap = Eigen::Map<const Vector>;

ConstVectorMap stacked(const Matrix& targets) { return {targets.data(), targets.size()}; }

void require_targets(const Matrix& targets) {
  if (targets.size() == 0) throw UsageError("a loss needs at least one row and column of targets");
  if (!targets.allFinite()) throw UsageError("targets of a loss must be finite");
}

// Block diagonal root of a diagonal Hessian, in the layout of Linearization::normal.
Matrix diagonal_root(const Vector& root, Index samples, Index outputs) {
  Matrix s = Matrix::Zero(samples * outputs, outputs);
  for (Index q = 0; q < outputs; ++q)
    s.col(q).segment(q * samples, samples) = root.segment(q * samples, samples);
  return s;
}

// 1 / (1 + e^-z), without overflow and with full relative accuracy for negative z.
double logistic(double z) {
  const double e = std::exp(-std::abs(z));
  return (z < 0 ? e : 1.0) / (1.0 + e);
}

// ln(1 + e^z), without overflow.
double soft_plus(double z) { return (z < 0 ? 0.0 : z) + std::log1p(std::exp(-std::abs(z))); }

// Class probabilities of every sample and the logarithm of their normalization.
struct Softmax {
  Matrix probabilities;     // (N, Q)
  Vector largest, log_sum;  // ln sum_q e^{z_q} = largest + log_sum

  explicit Softmax(const ConstMatrixMap& z)
      : probabilities(z.rows(), z.cols()), largest(z.rowwise().maxCoeff()), log_sum(z.rows()) {
    for (Index i = 0; i < z.rows(); ++i) {
      Index top = 0;
      z.row(i).maxCoeff(&top);
      double others = 0;
      for (Index q = 0; q < z.cols(); ++q) {
        const double e = std::exp(z(i, q) - largest[i]);
        probabilities(i, q) = e;
        if (q != top) others += e;
      }
      probabilities.row(i) /= 1 + others;
      log_sum[i] = std::log1p(others);  // keeps losses far below machine precision
    }
  }
};

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
  const auto h = [this](double r) {
    const double size = std::abs(r);
    return size <= delta_ ? r * r / 2 : delta_ * (size - delta_ / 2);
  };
  return (y - stacked(targets_)).unaryExpr(h).sum() / static_cast<double>(sample_count());
}

void HuberLoss::gradient(const ConstVectorRef& y, VectorRef gy) const {
  // Written so that NaN passes through.
  const auto slope = [this](double r) { return r > delta_ ? delta_ : (r < -delta_ ? -delta_ : r); };
  gy = (y - stacked(targets_)).unaryExpr(slope) / static_cast<double>(sample_count());
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

// ---------------------------------------------------------------------------------------------

CrossEntropyLoss::CrossEntropyLoss(std::vector<int> labels, int classes)
    : labels_(std::move(labels)), classes_(classes) {
  if (classes < 2) throw UsageError("cross-entropy needs at least two classes");
  if (labels_.empty()) throw UsageError("cross-entropy needs at least one label");
  const auto wrong = std::find_if(labels_.begin(), labels_.end(),
                                  [&](int label) { return label < 0 || label >= classes; });
  if (wrong != labels_.end())
    throw UsageError(fmt::format("label {} of sample {} is not in 0 .. {}", *wrong,
                                 wrong - labels_.begin(), classes - 1));
}

Index CrossEntropyLoss::outputs_per_sample() const { return classes_ == 2 ? 1 : classes_; }

Index CrossEntropyLoss::output_count() const {
  return static_cast<Index>(labels_.size()) * outputs_per_sample();
}

double CrossEntropyLoss::value(const ConstVectorRef& y) const {
  const Index n = sample_count();
  double sum = 0;
  if (classes_ == 2) {
    for (Index i = 0; i < n; ++i) sum += soft_plus(label(i) == 1 ? -y[i] : y[i]);
  } else {
    const ConstMatrixMap z(y.data(), n, classes_);
    const Softmax softmax(z);
    for (Index i = 0; i < n; ++i) sum += (softmax.largest[i] - z(i, label(i))) + softmax.log_sum[i];
  }
  return sum / static_cast<double>(n);
}

void CrossEntropyLoss::gradient(const ConstVectorRef& y, VectorRef gy) const {
  const Index n = sample_count();
  const double scale = 1 / static_cast<double>(n);
  if (classes_ == 2) {
    for (Index i = 0; i < n; ++i)
      gy[i] = scale * (label(i) == 1 ? -logistic(-y[i]) : logistic(y[i]));
    return;
  }
  const Softmax softmax(ConstMatrixMap(y.data(), n, classes_));
  MatrixMap g(gy.data(), n, classes_);
  g = scale * softmax.probabilities;
  for (Index i = 0; i < n; ++i) {
    // -(sum of the other probabilities) has no cancellation where p is near 1.
    double others = 0;
    for (int q = 0; q < classes_; ++q)
      if (q != label(i)) others += softmax.probabilities(i, q);
    g(i, label(i)) = -scale * others;
  }
}

void CrossEntropyLoss::hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                                       VectorRef hv) const {
  const Index n = sample_count();
  const double scale = 1 / static_cast<double>(n);
  if (classes_ == 2) {
    for (Index i = 0; i < n; ++i) hv[i] = scale * logistic(y[i]) * logistic(-y[i]) * v[i];
    return;
  }
  const Softmax softmax(ConstMatrixMap(y.data(), n, classes_));
  const ConstMatrixMap direction(v.data(), n, classes_);
  MatrixMap product(hv.data(), n, classes_);
  const auto& p = softmax.probabilities;
  const Vector mean = (p.array() * direction.array()).rowwise().sum();
  product = scale * (p.array() * (direction.colwise() - mean).array());
}

Matrix CrossEntropyLoss::hessian_root(const ConstVectorRef& y) const {
  const Index n = sample_count();
  const double scale = 1 / std::sqrt(static_cast<double>(n));
  if (classes_ == 2) {
    Matrix root(n, 1);
    for (Index i = 0; i < n; ++i)
      root(i, 0) = scale * std::sqrt(logistic(y[i])) * std::sqrt(logistic(-y[i]));
    return root;
  }
  // H_i = diag(p) - p p' = S'S with S = diag(sqrt p) (I - 1 p'), since sum p = 1.
  const Softmax softmax(ConstMatrixMap(y.data(), n, classes_));
  Matrix root(n * classes_, classes_);
  for (Index q = 0; q < classes_; ++q) {
    const auto half = softmax.probabilities.col(q).array().sqrt();
    for (Index p = 0; p < classes_; ++p) {
      const double unit = p == q ? 1 : 0;
      root.col(p).segment(q * n, n) = scale * half * (unit - softmax.probabilities.col(p).array());
    }
  }
  return root;
}

std::string CrossEntropyLoss::description() const {
  return classes_ == 2 ? "logistic loss" : fmt::format("cross-entropy of {} classes", classes_);
}

}  // namespace thalweg
