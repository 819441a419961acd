#include "thalweg/model/margin_losses.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "margin_kernels.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using ConstMatrixMap = Eigen::Map<const Matrix>;
using MatrixMap = Eigen::Map<Matrix>;

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

// (1/N) (diag(p_i) - p_i p_i') for every sample i. Differences are taken to the most likely class
// t, whose p_t may be 1 to rounding: nothing cancels.
class SoftmaxHessian final : public Hessian {
 public:
  explicit SoftmaxHessian(const ConstMatrixMap& z)
      : p_(Softmax(z).probabilities), top_(static_cast<std::size_t>(p_.rows())) {
    for (Index i = 0; i < p_.rows(); ++i) p_.row(i).maxCoeff(&top_[static_cast<std::size_t>(i)]);
  }
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    const ConstMatrixMap direction(v.data(), p_.rows(), p_.cols());
    MatrixMap product(hv.data(), p_.rows(), p_.cols());
    Vector at_top(p_.rows());
    for (Index i = 0; i < p_.rows(); ++i) at_top[i] = direction(i, top(i));
    product = direction.colwise() - at_top;
    const Vector mean = (p_.array() * product.array()).rowwise().sum();
    product = scale() * (p_.array() * (product.colwise() - mean).array());
  }
  std::optional<Vector> diagonal() const override {
    Matrix square = scale() * (p_.array() * (1 - p_.array())).matrix();
    for (Index i = 0; i < p_.rows(); ++i) {
      const Index t = top(i);
      const double others = p_.row(i).head(t).sum() + p_.row(i).tail(p_.cols() - t - 1).sum();
      square(i, t) = scale() * p_(i, t) * others;
    }
    return Vector(Eigen::Map<const Vector>(square.data(), square.size()));
  }

 private:
  double scale() const { return 1 / static_cast<double>(p_.rows()); }
  Index top(Index sample) const { return top_[static_cast<std::size_t>(sample)]; }

  Matrix p_;                // (N, Q) class probabilities
  std::vector<Index> top_;  // (N)
};

// ln of the sum of e^-margin of sample i.
double log_odds_against(const MarginLoss& loss, const ConstVectorRef& y, Index i) {
  if (loss.classes() == 2) return -loss.sign(i) * y[i];
  const Index n = loss.sample_count(), own = loss.label(i) * n + i;
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int q = 0; q < loss.classes(); ++q)
    if (q != loss.label(i)) largest = std::max(largest, y[q * n + i]);
  for (int q = 0; q < loss.classes(); ++q)
    if (q != loss.label(i)) sum += std::exp(y[q * n + i] - largest);
  return largest - y[own] + std::log(sum);
}

// ln ln(1 + e^z): z itself far below 0, where e^z underflows.
double log_soft_plus(double z) {
  constexpr double linear = -37;  // below it ln(1 + e^z) = e^z to rounding
  return z < linear ? z : std::log(soft_plus(z));
}

// Sum of the cross-entropies of `count` samples with outputs y, and its gradient.
template <class LabelOf>
double softmax_sum(const ConstVectorRef& y, Index count, LabelOf label_of, int classes,
                   VectorRef gy) {
  double sum = 0;
  const ConstMatrixMap z(y.data(), count, classes);
  const Softmax softmax(z);
  MatrixMap g(gy.data(), count, classes);
  g = softmax.probabilities;
  for (Index i = 0; i < count; ++i) {
    const int label = label_of(i);
    sum += (softmax.largest[i] - z(i, label)) + softmax.log_sum[i];
    // -(sum of the other probabilities) has no cancellation where p is near 1.
    double others = 0;
    for (int q = 0; q < classes; ++q)
      if (q != label) others += softmax.probabilities(i, q);
    g(i, label) = -others;
  }
  return sum;
}

// ln of the mean of e^log.
double log_mean(const Vector& logs) {
  const double largest = logs.maxCoeff();
  if (!std::isfinite(largest)) return largest;
  return largest + std::log((logs.array() - largest).exp().mean());
}

// Where a mean has lost no digits to underflow or overflow, so that its logarithm can be taken.
bool well_scaled(double mean) { return mean > 1e-280 && std::isfinite(mean); }

}  // namespace

double CrossEntropyLoss::value(const ConstVectorRef& y) const {
  const Index n = sample_count();
  double sum = 0;
  if (classes() == 2) {
    Vector unused(n);
    sum = kernels::logistic_sum(y.data(), labels().data(), nullptr, unused.data(), n);
  } else {
    const ConstMatrixMap z(y.data(), n, classes());
    const Softmax softmax(z);
    for (Index i = 0; i < n; ++i) sum += (softmax.largest[i] - z(i, label(i))) + softmax.log_sum[i];
  }
  return sum / static_cast<double>(n);
}

double CrossEntropyLoss::log_value(const ConstVectorRef& y) const {
  const double mean = value(y);
  if (well_scaled(mean)) return std::log(mean);
  // ln l of each sample: ln ln(1 + s) with ln s the logarithm of the sum of e^-margin.
  Vector logs(sample_count());
  for (Index i = 0; i < logs.size(); ++i) logs[i] = log_soft_plus(log_odds_against(*this, y, i));
  return log_mean(logs);
}

void CrossEntropyLoss::gradient(const ConstVectorRef& y, VectorRef gy) const {
  const Index n = sample_count();
  if (classes() == 2)
    kernels::logistic_sum(y.data(), labels().data(), nullptr, gy.data(), n);
  else
    softmax_sum(
        y, n, [this](Index i) { return label(i); }, classes(), gy);
  gy /= static_cast<double>(n);
}

double CrossEntropyLoss::batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const {
  const auto count = static_cast<Index>(batch.size());
  if (classes() == 2)
    return kernels::logistic_sum(y.data(), labels().data(), batch.data(), gy.data(), count);
  const auto label_of = [&](Index k) { return label(batch[static_cast<std::size_t>(k)]); };
  return softmax_sum(y, count, label_of, classes(), gy);
}

void CrossEntropyLoss::batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const {
  const auto sample = [&](Index k) { return batch[static_cast<std::size_t>(k)]; };
  if (classes() == 2) {
    for (Index k = 0; k < losses.size(); ++k) losses[k] = soft_plus(-sign(sample(k)) * y[k]);
    return;
  }
  const ConstMatrixMap z(y.data(), losses.size(), classes());
  const Softmax softmax(z);
  for (Index k = 0; k < losses.size(); ++k)
    losses[k] = (softmax.largest[k] - z(k, label(sample(k)))) + softmax.log_sum[k];
}

double CrossEntropyLoss::curvature_bound() const { return classes() == 2 ? 0.25 : 0.5; }

// Derived here, with q = 1 - e^-l the probability of all wrong classes. Two classes: the
// derivatives are q, q (1 - q) <= q <= l, and q (1 - q) |1 - 2 q| <= 1/(6 sqrt 3). More: the square
// of the first is q^2 plus those of the wrong probabilities, at most 2 q^2. A row of the second,
// diag(p) - p p', sums to at most 2 p_k (1 - p_k) in absolute values, and p_k (1 - p_k) <= q for
// every k. The third along v is the third central moment of v under p, at most the largest
// difference of two entries of v, sqrt 2 |v|, times their variance.
std::optional<MarginLoss::Growth> CrossEntropyLoss::growth() const {
  using std::numbers::sqrt2, std::numbers::sqrt3;
  const auto capped = [](double factor, double slope, double cap) {
    return [=](double l) { return factor * std::min(slope * l, cap); };
  };
  const double length = classes() == 2 ? 1 : sqrt2;
  const auto first = [length](double l) { return -length * std::expm1(-l); };
  if (classes() == 2) return Growth{first, capped(1, 1, 0.25), capped(1, 1, 1 / (6 * sqrt3))};
  return Growth{first, capped(1, 2, 0.5), capped(sqrt2, 2, 0.5)};
}

void CrossEntropyLoss::hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                                       VectorRef hv) const {
  const Index n = sample_count();
  const double scale = 1 / static_cast<double>(n);
  if (classes() == 2) {
    kernels::logistic_curvature(y.data(), v.data(), scale, hv.data(), n);
    return;
  }
  SoftmaxHessian(ConstMatrixMap(y.data(), n, classes())).apply(v, hv);
}

std::unique_ptr<Hessian> CrossEntropyLoss::hessian(const ConstVectorRef& y) const {
  if (classes() == 2) return MarginLoss::hessian(y);
  return std::make_unique<SoftmaxHessian>(ConstMatrixMap(y.data(), sample_count(), classes()));
}

Matrix CrossEntropyLoss::hessian_root(const ConstVectorRef& y) const {
  const Index n = sample_count();
  const double scale = 1 / std::sqrt(static_cast<double>(n));
  if (classes() == 2) {
    Matrix root(n, 1);
    for (Index i = 0; i < n; ++i)
      root(i, 0) = scale * std::sqrt(logistic(y[i])) * std::sqrt(logistic(-y[i]));
    return root;
  }
  // H_i = diag(p) - p p' = S'S with S = diag(sqrt p) (I - 1 p'), since sum p = 1.
  const Softmax softmax(ConstMatrixMap(y.data(), n, classes()));
  Matrix root(n * classes(), classes());
  for (Index q = 0; q < classes(); ++q) {
    const auto half = softmax.probabilities.col(q).array().sqrt();
    for (Index p = 0; p < classes(); ++p) {
      const double unit = p == q ? 1 : 0;
      root.col(p).segment(q * n, n) = scale * half * (unit - softmax.probabilities.col(p).array());
    }
  }
  return root;
}

std::string CrossEntropyLoss::description() const {
  return classes() == 2 ? "logistic loss" : fmt::format("cross-entropy of {} classes", classes());
}

// ---------------------------------------------------------------------------------------------

double TwoClassLoss::value(const ConstVectorRef& y) const {
  double sum = 0;
  for (Index i = 0; i < y.size(); ++i) sum += at(sign(i) * y[i]).value;
  return sum / static_cast<double>(y.size());
}

double TwoClassLoss::log_value(const ConstVectorRef& y) const {
  const double mean = value(y);
  if (well_scaled(mean)) return std::log(mean);
  Vector logs(y.size());
  for (Index i = 0; i < y.size(); ++i) logs[i] = log_at(sign(i) * y[i]);
  return log_mean(logs);
}

void TwoClassLoss::gradient(const ConstVectorRef& y, VectorRef gy) const {
  const double scale = 1 / static_cast<double>(y.size());
  for (Index i = 0; i < y.size(); ++i) gy[i] = scale * sign(i) * at(sign(i) * y[i]).first;
}

double TwoClassLoss::batch_sum(Batch batch, const ConstVectorRef& y, VectorRef gy) const {
  double sum = 0;
  for (Index k = 0; k < y.size(); ++k) {
    const double s = sign(batch[static_cast<std::size_t>(k)]);
    const Derivatives here = at(s * y[k]);
    gy[k] = s * here.first;
    sum += here.value;
  }
  return sum;
}

void TwoClassLoss::batch_losses(Batch batch, const ConstVectorRef& y, VectorRef losses) const {
  for (Index k = 0; k < losses.size(); ++k)
    losses[k] = at(sign(batch[static_cast<std::size_t>(k)]) * y[k]).value;
}

void TwoClassLoss::hessian_product(const ConstVectorRef& y, const ConstVectorRef& v,
                                   VectorRef hv) const {
  const double scale = 1 / static_cast<double>(y.size());
  for (Index i = 0; i < y.size(); ++i) hv[i] = scale * at(sign(i) * y[i]).second * v[i];
}

Matrix TwoClassLoss::hessian_root(const ConstVectorRef& y) const {
  const double scale = 1 / std::sqrt(static_cast<double>(y.size()));
  Matrix root(y.size(), 1);
  for (Index i = 0; i < y.size(); ++i) root(i, 0) = scale * std::sqrt(at(sign(i) * y[i]).second);
  return root;
}

// ---------------------------------------------------------------------------------------------

TwoClassLoss::Derivatives ExponentialLoss::at(double margin) const {
  const double e = std::exp(-margin);
  return {e, -e, e};
}

double ExponentialLoss::log_at(double margin) const { return -margin; }

std::optional<MarginLoss::Growth> ExponentialLoss::growth() const {
  const auto itself = [](double l) { return l; };
  return Growth{itself, itself, itself};
}

double ExponentialLoss::curvature_bound() const { return std::numeric_limits<double>::infinity(); }

std::string ExponentialLoss::description() const { return "exponential loss"; }

// ---------------------------------------------------------------------------------------------

PolynomialLoss::PolynomialLoss(std::vector<int> labels, double degree)
    : TwoClassLoss(std::move(labels)), degree_(degree) {
  OptionChecker check("polynomial loss");
  check.require(degree > 0 && std::isfinite(degree), "degree", "be positive and finite", degree);
  check.throw_if_any();
}

TwoClassLoss::Derivatives PolynomialLoss::at(double margin) const {
  const double a = degree_;
  if (margin < 0) return {1 - a * margin, -a, 0};
  const double value = std::pow(1 + margin, -a), first = -a * value / (1 + margin);
  return {value, first, -(a + 1) * first / (1 + margin)};
}

double PolynomialLoss::log_at(double margin) const {
  return margin < 0 ? std::log1p(-degree_ * margin) : -degree_ * std::log1p(margin);
}

double PolynomialLoss::curvature_bound() const { return degree_ * (degree_ + 1); }

std::string PolynomialLoss::description() const {
  return fmt::format("polynomial loss of degree {}", degree_);
}

// ---------------------------------------------------------------------------------------------

TwoClassLoss::Derivatives SquaredHingeLoss::at(double margin) const {
  if (margin >= 1) return {0, 0, 0};
  const double missing = 1 - margin;
  return {missing * missing / 2, -missing, 1};
}

double SquaredHingeLoss::log_at(double margin) const {
  if (margin >= 1) return -std::numeric_limits<double>::infinity();
  return 2 * std::log1p(-margin) - std::log(2.0);
}

double SquaredHingeLoss::curvature_bound() const { return 1; }

std::string SquaredHingeLoss::description() const { return "squared hinge loss"; }

}  // namespace thalweg
