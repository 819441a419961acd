#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "thalweg/certify/second_order.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/statistics.hpp"
#include "thalweg/linalg/smallest_eigenvalue.hpp"
#include "thalweg/problem/difference_hessian.hpp"

namespace thalweg {
namespace {

constexpr Index pilot_factor = 4;            // samples of the batch that gives v, in batches
constexpr int gradient_factor = 2;           // batches for the gradient, in those for the curvature
constexpr double share_of_threshold = 0.02;  // accuracy of lambda_min(H_j) that is asked for

// The mean over a fixed batch as a problem of its own.
class BatchObjective final : public Objective {
 public:
  BatchObjective(const Objective& problem, const FiniteSum& sum, std::vector<Index> batch)
      : problem_(problem), sum_(sum), batch_(std::move(batch)) {}
  Index dimension() const override { return problem_.dimension(); }
  double value(const ConstVectorRef& x) const override {
    Vector g(x.size());
    return sum_.value_and_gradient(x, batch_, g);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    return sum_.value_and_gradient(x, batch_, g);
  }
  double rounding() const override { return sum_.batch_rounding(); }
  Index size() const { return static_cast<Index>(batch_.size()); }

 private:
  const Objective& problem_;
  const FiniteSum& sum_;
  std::vector<Index> batch_;
};

// Mean of numbers with the half width of the one-sided interval of Student's t.
struct MeanWithRadius {
  double mean, radius;
};

MeanWithRadius mean_of(const std::vector<double>& numbers, double failure_probability) {
  const auto count = static_cast<Index>(numbers.size());
  const Eigen::Map<const Vector> values(numbers.data(), count);
  const double mean = values.mean(), degrees = static_cast<double>(count - 1);
  const double deviation = std::sqrt((values.array() - mean).square().sum() / degrees);
  return {mean, student_quantile(failure_probability, degrees) * deviation /
                    std::sqrt(static_cast<double>(count))};
}

// Hessians of batches: smallest eigenvalues and curvature along the direction of a pilot batch.
class SampledCurvature {
 public:
  SampledCurvature(const Objective& problem, const FiniteSum& sum, const ConstVectorRef& x,
                   const SampledSecondOrderOptions& options)
      : problem_(problem),
        sum_(sum),
        x_(x),
        options_(options),
        batches_(options.seed, "certify-sampled-hessians"),
        starts_(options.seed, "certify-sampled-starts") {}

  void measure() {
    const BatchObjective pilot = draw(pilot_factor * options_.batch);
    const DifferenceHessian hessian(pilot, x_, Vector(), Differences::central);
    error_ = product_error(hessian, pilot.size(), starts_.normal_vector(x_.size()).normalized());
    if (!std::isfinite(error_)) return;
    direction_ = search(hessian, pilot.size()).vector;
    if (direction_.size() == 0) return;
    error_ = std::max(error_, product_error(hessian, pilot.size(), direction_));
    if (!std::isfinite(error_)) return;
    for (int j = 0; j < options_.batches; ++j) measure_batch();
  }

  bool finite() const {
    return direction_.size() > 0 && std::isfinite(error_) &&
           std::all_of(along_.begin(), along_.end(), [](double c) { return std::isfinite(c); });
  }
  bool bounded() const {
    return std::all_of(lower_.begin(), lower_.end(), [](double l) { return std::isfinite(l); });
  }
  MeanWithRadius lower(double q) const { return mean_of(lower_, q); }
  MeanWithRadius along(double q) const {
    MeanWithRadius result = mean_of(along_, q);
    result.radius += error_;
    return result;
  }
  const Vector& direction() const { return direction_; }
  int products() const { return products_; }
  double samples() const { return samples_; }

 private:
  BatchObjective draw(Index count) {
    std::vector<Index> batch(static_cast<std::size_t>(count));
    const auto all = static_cast<std::uint64_t>(problem_.sample_count());
    for (Index& sample : batch) sample = static_cast<Index>(batches_.below(all));
    return {problem_, sum_, std::move(batch)};
  }

  void apply(const DifferenceHessian& hessian, Index samples, const ConstVectorRef& v,
             VectorRef hv) {
    hessian.apply(v, hv);
    count(hessian, samples);
  }
  void count(const DifferenceHessian& hessian, Index samples) {
    ++products_;
    samples_ += static_cast<double>(hessian.gradients_per_product() * samples);
  }
  double product_error(const DifferenceHessian& hessian, Index samples, const Vector& v) {
    Vector hv(v.size());
    apply(hessian, samples, v, hv);
    count(hessian, samples);
    return hessian.product_error(v, hv);
  }

  linalg::SmallestEigenvalue search(const DifferenceHessian& hessian, Index samples) {
    linalg::SmallestEigenvalueOptions search;
    search.failure_probability = options_.failure_probability / (3.0 * options_.batches);
    search.max_products = options_.max_products;
    search.max_bytes = options_.max_bytes;
    search.tolerance = share_of_threshold;
    search.absolute_tolerance = share_of_threshold * std::abs(options_.threshold());
    search.product_error = error_;
    return linalg::bound_smallest_eigenvalue(
        [&](const ConstVectorRef& v, VectorRef hv) { apply(hessian, samples, v, hv); }, x_.size(),
        search, starts_);
  }

  void measure_batch() {
    const BatchObjective batch = draw(options_.batch);
    const DifferenceHessian hessian(batch, x_, Vector(), Differences::central);
    lower_.push_back(search(hessian, batch.size()).lower);
    Vector image(x_.size());
    apply(hessian, batch.size(), direction_, image);
    along_.push_back(direction_.dot(image));
  }

  const Objective& problem_;
  const FiniteSum& sum_;
  Vector x_;
  const SampledSecondOrderOptions& options_;
  RandomStream batches_, starts_;
  Vector direction_;
  double error_ = 0;  // of a product with a unit vector
  std::vector<double> lower_, along_;
  int products_ = 0;
  double samples_ = 0;
};

void decide(Certificate& certificate, Verdict verdict, std::string kind, std::string because) {
  certificate.verdict = verdict;
  certificate.kind = std::move(kind);
  certificate.because = std::move(because);
}

// The verdict from the curvature and from that on the gradient, holds or undecided.
void judge(Certificate& certificate, const SampledCurvature& curvature, Verdict gradient,
           const SampledSecondOrderOptions& options) {
  const double part = options.failure_probability / 3, threshold = options.threshold();
  const MeanWithRadius along = curvature.along(part);
  certificate.measured = along.mean;
  certificate.assumptions.push_back(
      {"Hessians of batches are near normal; the curvature along the direction is known to within",
       along.radius, Status::unknown});
  const double upper = along.mean + along.radius;
  if (upper < threshold) {
    certificate.direction = curvature.direction();
    return decide(certificate, Verdict::refuted, "saddle",
                  fmt::format("the curvature along a direction is at most {:.4g}, below {:.4g}",
                              upper, threshold));
  }
  std::string between = fmt::format("no lower bound of the curvature within {} products a batch",
                                    options.max_products);
  bool above = false;
  if (curvature.bounded()) {
    const MeanWithRadius lower = curvature.lower(part);
    certificate.lower_bound = lower.mean - lower.radius;
    above = *certificate.lower_bound >= threshold;
    between = fmt::format("the smallest eigenvalue of the Hessian lies between {:.4g} and {:.4g}",
                          *certificate.lower_bound, upper);
  }
  if (!above)
    return decide(certificate, Verdict::undecided, "undecided",
                  between + ": larger batches or more of them would tell");
  if (gradient != Verdict::holds)
    return decide(certificate, Verdict::undecided, "undecided",
                  "the gradient norm is not told from eps: more samples would tell");
  if (*certificate.lower_bound > 0) return decide(certificate, Verdict::holds, "minimum-like", "");
  decide(certificate, Verdict::holds, "second-order stationary",
         between + ", so that a degenerate point is not excluded");
}

}  // namespace

double SampledSecondOrderOptions::threshold() const { return -std::sqrt(hessian_lipschitz * eps); }

void SampledSecondOrderOptions::validate() const {
  OptionChecker checker("sampled second-order certificate");
  checker.require(eps > 0 && std::isfinite(eps), "eps", "be above 0 and finite", eps);
  checker.require(hessian_lipschitz > 0 && std::isfinite(hessian_lipschitz), "hessian_lipschitz",
                  "be above 0 and finite", hessian_lipschitz);
  checker.require(failure_probability > 0 && failure_probability <= 0.2, "failure_probability",
                  "lie in (0, 0.2]", failure_probability);
  checker.require(batch >= 1, "batch", "be at least 1", static_cast<double>(batch));
  checker.require(batches >= 8, "batches", "be at least 8", batches);
  checker.require(max_products >= 8, "max_products", "be at least 8", max_products);
  checker.require(max_bytes > 0, "max_bytes", "be above 0", max_bytes);
  checker.throw_if_any();
}

Certificate certify_second_order_sampled(const Objective& problem, const ConstVectorRef& x,
                                         const SampledSecondOrderOptions& options) {
  options.validate();
  const int gradient_batches = gradient_factor * options.batches;
  const Certificate gradient =
      certify_first_order_sampled(problem, x, options.eps,
                                  {.batch = options.batch,
                                   .probes = gradient_batches,
                                   .failure_probability = options.failure_probability / 3,
                                   .seed = options.seed});
  Certificate certificate;
  certificate.claim = "second-order";
  certificate.bound = options.threshold();
  certificate.gradient_norm = gradient.measured;
  certificate.assumptions = gradient.assumptions;
  certificate.products = 0;
  double samples = static_cast<double>(gradient_batches * options.batch);
  if (!gradient.measured) {
    decide(certificate, Verdict::undecided, "undecided", "a batch gradient is not finite");
  } else if (gradient.verdict == Verdict::refuted) {
    decide(certificate, Verdict::refuted, "not stationary",
           fmt::format("the gradient norm {:.4g} is above eps {:.4g}", *gradient.measured,
                       options.eps));
  } else {
    SampledCurvature curvature(problem, dynamic_cast<const FiniteSum&>(problem), x, options);
    curvature.measure();
    certificate.products = curvature.products();
    samples += curvature.samples();
    if (curvature.finite())
      judge(certificate, curvature, gradient.verdict, options);
    else
      decide(certificate, Verdict::undecided, "undecided", "a Hessian product is not finite");
  }
  if (certificate.verdict != Verdict::undecided)
    certificate.confidence = 1 - options.failure_probability;
  certificate.evaluations =
      static_cast<std::int64_t>(std::ceil(samples / static_cast<double>(problem.sample_count())));
  return certificate;
}

}  // namespace thalweg
