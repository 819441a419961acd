#include "thalweg/certify/second_order.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "certify/gradient_confirmation.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/linalg/smallest_eigenvalue.hpp"
#include "thalweg/problem/difference_hessian.hpp"
#include "thalweg/problem/hessian.hpp"

namespace thalweg {
namespace {

constexpr double machine_eps = std::numeric_limits<double>::epsilon();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int confirming_gradients = 2;  // what five values cost, rounded up
// Beside the products of Lanczos: the product with the Ritz vector and its repetition after each of
// the two searches.
constexpr int products_after = 2;

// What is known of lambda_min after one or two searches.
struct CurvatureBounds {
  double value = infinity, lower = -infinity, upper = infinity;
  double residual = 0, largest = 0;
  Vector vector, image;  // v and H v
  bool finite = true;
  bool complete = false;     // the Krylov space is invariant
  bool whole_space = false;  // it is all of the space: no chance is left

  double rounding() const { return 64 * machine_eps * std::abs(largest); }
};

// Searches lambda_min of the Hessian at x, and counts what that costs.
class CurvatureSearch {
 public:
  CurvatureSearch(const Objective& problem, const ConstVectorRef& x, const Vector& gradient,
                  const SecondOrderOptions& options)
      : options_(options),
        dimension_(x.size()),
        random_(options.seed, "certify-second-order"),
        differences_(problem, x, gradient, Differences::central) {
    if (has_exact_hessian(problem)) {
      exact_ = hessian_at(problem, x, gradient);
      ++evaluations_;  // of the point itself
      return;
    }
    const Vector v = random_.normal_vector(x.size()).normalized();
    Vector hv(x.size());
    apply(v, hv);
    error_ = product_error(v, hv);
  }

  bool exact() const { return exact_ != nullptr; }
  double product_error() const { return error_; }
  int products() const { return products_; }
  int products_left() const { return options_.max_products - products_ - products_after; }
  std::int64_t evaluations() const { return evaluations_; }

  // Narrows the bounds, asking whether lambda_min >= threshold.
  void narrow(double threshold, double failure_probability, CurvatureBounds& bounds) {
    bounds.finite = std::isfinite(error_);
    if (!bounds.finite) return;
    linalg::SmallestEigenvalueOptions search;
    search.threshold = threshold;
    search.failure_probability = failure_probability;
    search.max_products = products_left();
    search.max_bytes = options_.max_bytes;
    search.tolerance = options_.accuracy;
    search.product_error = error_;
    if (options_.guess.size() > 0) search.guess = &options_.guess;
    const linalg::SmallestEigenvalue found = linalg::bound_smallest_eigenvalue(
        [&](const ConstVectorRef& v, VectorRef hv) { apply(v, hv); }, dimension_, search, random_);
    bounds.finite = std::isfinite(found.value);
    if (bounds.finite) take(found, bounds);
  }

  // Whether differences of gradients confirm the exact products, along the vector found.
  Assumption confirm(const CurvatureBounds& bounds) {
    constexpr double share = 0.1;  // of the threshold or of the product
    Vector measured(dimension_);
    differences_.apply(bounds.vector, measured);
    evaluations_ += differences_.gradients_per_product();
    Assumption assumption{"differences of gradients confirm the Hessian", {}, Status::unknown};
    const double error = (bounds.image - measured).stableNorm();
    if (!std::isfinite(error)) return assumption;
    assumption.measured = error;
    const double allowed = share * std::max(-options_.threshold(), bounds.image.stableNorm());
    if (error <= allowed) {
      assumption.status = Status::pass;
      return assumption;
    }
    evaluations_ += differences_.gradients_per_product();
    if (error > allowed + differences_.product_error(bounds.vector, measured))
      assumption.status = Status::fail;
    return assumption;
  }

 private:
  const Hessian& hessian() const {
    return exact_ ? *exact_ : static_cast<const Hessian&>(differences_);
  }
  void count_product() {
    ++products_;
    evaluations_ += hessian().gradients_per_product();
  }
  void apply(const ConstVectorRef& v, VectorRef hv) {
    hessian().apply(v, hv);
    count_product();
  }
  double product_error(const Vector& v, const Vector& hv) {
    count_product();
    return differences_.product_error(v, hv);
  }

  // The Ritz vector is multiplied once more, so that value and residual are those of H itself.
  void take(const linalg::SmallestEigenvalue& found, CurvatureBounds& bounds) {
    Vector hv(found.vector.size());
    apply(found.vector, hv);
    const double value = found.vector.dot(hv);
    double wider = 0;
    if (!exact()) {
      const double size = std::max(std::abs(found.largest), std::abs(found.value));
      const double here = std::max(product_error(found.vector, hv), differences_.rounding() * size);
      wider = std::max(0.0, here - error_) * std::sqrt(static_cast<double>(found.products));
    }
    const double margin = std::max(found.upper - found.value, 0.0) + wider;
    bounds.lower = std::max(bounds.lower, found.lower - wider);
    bounds.upper = std::min(bounds.upper, value + margin);
    bounds.largest = std::max(bounds.largest, found.largest);
    bounds.complete = bounds.complete || found.complete;
    bounds.whole_space = bounds.whole_space || found.products >= found.vector.size();
    if (value >= bounds.value) return;
    bounds.value = value;
    bounds.residual = (hv - value * found.vector).stableNorm();
    bounds.vector = found.vector;
    bounds.image = std::move(hv);
  }

  const SecondOrderOptions& options_;
  Index dimension_;
  RandomStream random_;
  DifferenceHessian differences_;
  std::unique_ptr<Hessian> exact_;
  double error_ = 0;  // of a product with a unit vector
  int products_ = 0;
  std::int64_t evaluations_ = 0;
};

// Of each of the searches.
double failure_share(const SecondOrderOptions& options) {
  return options.classify ? options.failure_probability / 2 : options.failure_probability;
}

// Whether a second search may prove lambda_min > 0 with the products left.
bool is_worth_classifying(const CurvatureSearch& search, const CurvatureBounds& bounds,
                          const SecondOrderOptions& options) {
  const double error = std::max(bounds.upper - bounds.value, bounds.rounding());
  if (bounds.lower > bounds.rounding() || bounds.complete || bounds.value <= error) return false;
  return linalg::products_needed(bounds.vector.size(), bounds.value, bounds.largest - bounds.value,
                                 failure_share(options)) <= search.products_left();
}

std::string between(const CurvatureBounds& bounds) {
  return fmt::format("the smallest eigenvalue of the Hessian lies between {:.4g} and {:.4g}",
                     bounds.lower, bounds.upper);
}

void leave_undecided(Certificate& certificate, std::string because) {
  certificate.verdict = Verdict::undecided;
  certificate.kind = "undecided";
  certificate.because = std::move(because);
  certificate.confidence.reset();
}

void refute_by_curvature(Certificate& certificate, const CurvatureBounds& bounds,
                         const Vector& gradient) {
  certificate.verdict = Verdict::refuted;
  certificate.kind = "saddle";
  certificate.because = fmt::format("the curvature along a direction is {:.4g}, below {:.4g}",
                                    bounds.value, *certificate.bound);
  certificate.confidence = 1;
  certificate.direction = gradient.dot(bounds.vector) > 0 ? Vector(-bounds.vector) : bounds.vector;
}

void judge(Certificate& certificate, const CurvatureBounds& bounds, const CurvatureSearch& search,
           const SecondOrderOptions& options, const Vector& gradient) {
  const double threshold = options.threshold();
  certificate.measured = bounds.value;
  certificate.residual = bounds.residual;
  if (std::isfinite(bounds.lower)) certificate.lower_bound = bounds.lower;
  if (bounds.upper < threshold) return refute_by_curvature(certificate, bounds, gradient);
  if (bounds.lower < threshold) {
    const bool lost = bounds.complete || bounds.value < threshold;
    leave_undecided(
        certificate,
        lost ? between(bounds) + ": the threshold lies within the error of the products"
             : between(bounds) + fmt::format(" after {} products: allow more", search.products()));
    return;
  }
  certificate.verdict = Verdict::holds;
  const bool certain = bounds.whole_space && search.exact();
  certificate.confidence = certain ? 1 : 1 - options.failure_probability;
  const bool positive = bounds.lower > bounds.rounding();
  certificate.kind = positive ? "minimum-like" : "second-order stationary";
  if (positive) return;
  const bool negative = bounds.upper < -bounds.rounding();
  certificate.because =
      between(bounds) + (negative ? ", negative within the tolerance"
                                  : ", so that a degenerate point is not excluded");
}

// The gradient part: false where it has settled the verdict.
bool is_stationary(const Objective& problem, const ConstVectorRef& x, const Vector& gradient,
                   const SecondOrderOptions& options, Certificate& certificate) {
  const double norm = gradient.stableNorm();
  if (!std::isfinite(norm)) {
    certificate.assumptions.push_back({"the gradient is finite at the point", {}, Status::fail});
    leave_undecided(certificate, "the gradient is not finite at the point");
    return false;
  }
  certificate.gradient_norm = norm;
  certificate.assumptions.push_back(compare_with_values(problem, x, gradient, options.eps));
  *certificate.evaluations += confirming_gradients;
  if (certificate.assumptions.back().status == Status::fail) {
    leave_undecided(certificate, "differences of values contradict the gradient");
    return false;
  }
  if (norm <= options.eps) return true;
  certificate.verdict = Verdict::refuted;
  certificate.kind = "not stationary";
  certificate.because =
      fmt::format("the gradient norm {:.4g} is above eps {:.4g}", norm, options.eps);
  certificate.confidence = 1;
  return false;
}

}  // namespace

double SecondOrderOptions::threshold() const { return -std::sqrt(hessian_lipschitz * eps); }

void SecondOrderOptions::validate() const {
  OptionChecker checker("second-order certificate");
  checker.require(eps > 0 && std::isfinite(eps), "eps", "be above 0 and finite", eps);
  checker.require(hessian_lipschitz > 0 && std::isfinite(hessian_lipschitz), "hessian_lipschitz",
                  "be above 0 and finite", hessian_lipschitz);
  checker.require(failure_probability > 0 && failure_probability <= 0.2, "failure_probability",
                  "lie in (0, 0.2]", failure_probability);
  checker.require(max_products >= 8, "max_products", "be at least 8", max_products);
  checker.require(max_bytes > 0, "max_bytes", "be above 0", max_bytes);
  checker.require(accuracy >= 0, "accuracy", "be at least 0", accuracy);
  checker.throw_if_any();
}

Certificate certify_second_order(const Objective& problem, const ConstVectorRef& x,
                                 const SecondOrderOptions& options) {
  options.validate();
  if (options.guess.size() > 0 && options.guess.size() != x.size())
    throw UsageError("a guess of the direction needs as many numbers as the point");
  Certificate certificate;
  certificate.claim = "second-order";
  certificate.bound = options.threshold();
  certificate.products = 0;
  certificate.evaluations = 1;
  Vector gradient(x.size());
  problem.value_and_gradient(x, gradient);
  if (!is_stationary(problem, x, gradient, options, certificate)) return certificate;

  CurvatureSearch search(problem, x, gradient, options);
  CurvatureBounds bounds;
  search.narrow(options.threshold(), failure_share(options), bounds);
  if (bounds.finite && options.classify && bounds.lower >= options.threshold() &&
      is_worth_classifying(search, bounds, options))
    search.narrow(2 * bounds.rounding(), failure_share(options), bounds);

  if (bounds.vector.size() > 0 && search.exact())
    certificate.assumptions.push_back(search.confirm(bounds));
  certificate.assumptions.push_back(
      {"the Hessian has the Lipschitz constant rho", options.hessian_lipschitz, Status::unknown});
  certificate.products = search.products();
  *certificate.evaluations += search.evaluations();
  if (!bounds.finite)
    leave_undecided(certificate, "a Hessian product is not finite");
  else if (search.exact() && certificate.assumptions[1].status == Status::fail)
    leave_undecided(certificate, "differences of gradients contradict the Hessian");
  else
    judge(certificate, bounds, search, options, gradient);
  return certificate;
}

std::int64_t second_order_cost(const Objective& problem, const SecondOrderOptions& options) {
  const std::int64_t at_point = 1 + confirming_gradients;
  const std::int64_t per_product = 2;  // of differences and of composite Hessians
  // An exact Hessian: its point, and two differences that confirm it.
  const std::int64_t confirming = has_exact_hessian(problem) ? 1 + 2 * 2 : 0;
  return at_point + per_product * options.max_products + confirming;
}

}  // namespace thalweg
