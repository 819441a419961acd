#include "thalweg/linalg/smallest_eigenvalue.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "thalweg/core/error.hpp"

namespace thalweg::linalg {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr double infinity = std::numeric_limits<double>::infinity();

// An orthonormal basis of a Krylov space that is never restarted, and the tridiagonal projection.
class LongLanczos {
 public:
  LongLanczos(const Product& a, Index n, Index capacity, Vector start)
      : a_(a), basis_(n, std::min<Index>(capacity + 1, first_block)), capacity_(capacity) {
    alpha_.reserve(static_cast<std::size_t>(capacity));
    beta_.reserve(static_cast<std::size_t>(capacity));
    basis_.col(0) = start;
  }

  Index size() const { return static_cast<Index>(alpha_.size()); }
  // The space is invariant, or all of it.
  bool complete() const { return complete_; }
  bool full() const { return size() >= capacity_; }

  // One product; false where it is not finite.
  bool extend() {
    const Index k = size();
    Vector w(basis_.rows());
    a_(basis_.col(k), w);
    if (!w.allFinite()) return false;
    const double scale = w.norm();
    scale_ = std::max(scale_, scale);
    alpha_.push_back(basis_.col(k).dot(w));
    const auto v = basis_.leftCols(k + 1);
    for (int pass = 0; pass < 2; ++pass) w -= v * (v.transpose() * w).eval();
    double coupling = w.norm();
    const double rounding = eps * scale_ * std::sqrt(static_cast<double>(w.size()));
    complete_ = coupling <= rounding || k + 1 == basis_.rows();
    // What is dropped was told from nothing by rounding alone: the space may go on behind it.
    if (complete_ && k + 1 < basis_.rows()) dropped_ = rounding;
    if (complete_) coupling = 0;
    beta_.push_back(coupling);
    if (!complete_ && !full()) {
      grow(k + 1);
      basis_.col(k + 1) = w / coupling;
    }
    return true;
  }

  // Whether an eigenvalue of the projection lies below z: the sign of a pivot of T - z.
  bool has_below(double z) const {
    double pivot = 1;
    for (std::size_t j = 0; j < alpha_.size(); ++j) {
      const double coupling = j == 0 ? 0 : beta_[j - 1];
      pivot = alpha_[j] - z - coupling * coupling / pivot;
      if (pivot < 0) return true;
      if (pivot == 0) pivot = eps * std::max(scale_, std::numeric_limits<double>::min());
    }
    return false;
  }

  // Whether sum_j pi_j(z)^2 exceeds the limit; z below all eigenvalues of the projection.
  bool excludes(double z, double limit) const {
    double before = 0, here = 1, sum = 1;
    for (std::size_t j = 0; j < alpha_.size(); ++j) {
      if (beta_[j] == 0) return true;  // invariant: nothing lies below
      const double coupling = j == 0 ? 0 : beta_[j - 1];
      const double next = ((z - alpha_[j]) * here - coupling * before) / beta_[j];
      before = here;
      here = next;
      sum += here * here;
      if (!(sum <= limit)) return true;
    }
    return false;
  }

  struct Pair {
    double value, largest, next;  // next: the second smallest, infinite where there is none
    Vector coefficients;
    double residual;
  };
  Pair smallest() const {
    const Index k = size();
    const Eigen::Map<const Vector> diagonal(alpha_.data(), k);
    const Eigen::Map<const Vector> subdiagonal(beta_.data(), std::max<Index>(k - 1, 0));
    // To size 1: the solver's test for zeros below the diagonal is not homogeneous, and with large
    // entries it does not converge.
    const double size_one = scale_ > 0 ? scale_ : 1;
    Eigen::SelfAdjointEigenSolver<Matrix> solver;
    solver.computeFromTridiagonal(diagonal / size_one, subdiagonal / size_one);
    const Vector values = size_one * solver.eigenvalues();
    const Vector coefficients = solver.eigenvectors().col(0);
    return {values[0], values[k - 1], k > 1 ? values[1] : infinity, coefficients,
            beta_.back() * std::abs(coefficients[k - 1])};
  }

  Vector vector(const Vector& coefficients) const {
    return (basis_.leftCols(size()) * coefficients).normalized();
  }
  // The projection is that of A + E with |E| at most this.
  double rounding() const {
    return 4 * eps * scale_ * std::sqrt(static_cast<double>(size())) + dropped_;
  }

 private:
  static constexpr Index first_block = 32;

  // Doubled, so that memory follows what is used.
  void grow(Index columns) {
    if (columns < basis_.cols()) return;
    basis_.conservativeResize(Eigen::NoChange, std::min(capacity_ + 1, 2 * basis_.cols()));
  }

  const Product& a_;
  Matrix basis_;
  Index capacity_;
  std::vector<double> alpha_, beta_;
  double scale_ = 0;
  double dropped_ = 0;  // a coupling at rounding
  bool complete_ = false;
};

// The root of sum_j pi_j(z)^2 = limit below the smallest Ritz value, from below.
double lower_bound(const LongLanczos& space, double smallest, double largest, double limit) {
  if (space.excludes(smallest, limit)) return smallest;
  double offset = std::max(largest - smallest, eps * std::abs(smallest)) * eps;
  if (!(offset > 0)) offset = std::numeric_limits<double>::min();
  const double farthest = 1e300;
  while (offset < farthest && !space.excludes(smallest - offset, limit)) offset *= 4;
  if (offset >= farthest) return -infinity;
  double near = offset / 4, far = offset;
  for (int halving = 0; halving < 40; ++halving) {
    const double middle = (near + far) / 2;
    (space.excludes(smallest - middle, limit) ? far : near) = middle;
  }
  return smallest - far;
}

// With one or two entries the share of a sum is not that of a random vector, and none is needed.
bool uses_guess(Index n, const Vector* guess) {
  return guess && n > 2 && guess->size() == n && guess->allFinite() && guess->norm() > 0;
}

Vector start_vector(Index n, const Vector* guess, RandomStream& random) {
  Vector start = random.normal_vector(n).normalized();
  if (uses_guess(n, guess)) start = (start + guess->normalized()).normalized();
  return start;
}

// 1 / delta^2. With a guess the sum of two unit vectors is at most twice as long.
double share_limit(Index n, const SmallestEigenvalueOptions& options) {
  double share =
      options.failure_probability * std::sqrt(std::numbers::pi / (2 * static_cast<double>(n)));
  if (uses_guess(n, options.guess)) share /= 2;
  return 1 / (share * share);
}

// Whether the pair is known well enough, by the usual estimate of the error of a Ritz value.
bool is_sharp(const LongLanczos::Pair& pair, double tolerance, double rounding) {
  const double gap = pair.next - pair.value;
  const bool has_gap = gap > 0 && std::isfinite(gap);  // not with a single Ritz value
  const double error =
      has_gap ? std::min(pair.residual, pair.residual * pair.residual / gap) : pair.residual;
  return error <= std::max(tolerance * std::abs(pair.value), rounding);
}

// How often the eigenvalues of the projection are worth computing: their work grows with its size.
bool is_checked(Index k) { return k <= 8 || k % std::max<Index>(4, k / 8) == 0; }

class Search {
 public:
  Search(const Product& a, Index n, const SmallestEigenvalueOptions& options, RandomStream& random)
      : options_(options),
        limit_(share_limit(n, options)),
        space_(a, n, capacity(n, options), start_vector(n, options.guess, random)) {}

  SmallestEigenvalue run() {
    SmallestEigenvalue found;
    do {
      if (!space_.extend()) return not_finite();
      ++products_;
    } while (!space_.complete() && !space_.full() && !is_done());
    const LongLanczos::Pair pair = space_.smallest();
    const double margin = this->margin();
    found.value = pair.value;
    found.largest = pair.largest;
    found.residual = pair.residual;
    found.vector = space_.vector(pair.coefficients);
    found.upper = pair.value + margin;
    found.lower = lower_bound(space_, pair.value, pair.largest, limit_) - margin;
    found.products = products_;
    found.complete = space_.complete();
    return found;
  }

 private:
  static Index capacity(Index n, const SmallestEigenvalueOptions& options) {
    const double columns = options.max_bytes / (sizeof(double) * static_cast<double>(n)) - 1;
    const double most = std::min<double>(options.max_products, static_cast<double>(n));
    return static_cast<Index>(std::max(1.0, std::min(most, columns)));
  }

  double margin() const {
    return space_.rounding() +
           options_.product_error * std::sqrt(static_cast<double>(space_.size()));
  }

  bool is_done() const {
    if (!options_.threshold) {
      if (!is_checked(space_.size())) return false;
      const LongLanczos::Pair pair = space_.smallest();
      const double low = lower_bound(space_, pair.value, pair.largest, limit_);
      return pair.value - low <= std::max({options_.tolerance * std::abs(pair.value),
                                           options_.absolute_tolerance, margin()});
    }
    const double threshold = *options_.threshold;
    if (space_.has_below(threshold - margin())) {
      if (options_.tolerance == 0) return true;
      return is_checked(space_.size()) &&
             is_sharp(space_.smallest(), options_.tolerance, space_.rounding());
    }
    const double inside = threshold + margin();
    return !space_.has_below(inside) && space_.excludes(inside, limit_);
  }

  SmallestEigenvalue not_finite() const {
    SmallestEigenvalue found;
    found.value = found.upper = found.residual = found.largest =
        std::numeric_limits<double>::quiet_NaN();
    found.lower = -infinity;
    found.products = products_ + 1;
    return found;
  }

  const SmallestEigenvalueOptions& options_;
  double limit_;
  LongLanczos space_;
  int products_ = 0;
};

}  // namespace

void SmallestEigenvalueOptions::validate() const {
  OptionChecker checker("smallest eigenvalue");
  checker.require(failure_probability > 0 && failure_probability < 1, "failure_probability",
                  "lie in (0, 1)", failure_probability);
  checker.require(max_products >= 1, "max_products", "be at least 1", max_products);
  checker.require(max_bytes > 0, "max_bytes", "be above 0", max_bytes);
  checker.require(tolerance >= 0, "tolerance", "be at least 0", tolerance);
  checker.require(absolute_tolerance >= 0, "absolute_tolerance", "be at least 0",
                  absolute_tolerance);
  checker.require(product_error >= 0, "product_error", "be at least 0", product_error);
  checker.throw_if_any();
}

std::optional<bool> SmallestEigenvalue::at_least(double threshold) const {
  if (lower >= threshold) return true;
  if (upper < threshold) return false;
  return std::nullopt;
}

SmallestEigenvalue bound_smallest_eigenvalue(const Product& a, Index n,
                                             const SmallestEigenvalueOptions& options,
                                             RandomStream& random) {
  options.validate();
  return Search(a, n, options, random).run();
}

double products_needed(Index n, double gap, double spread, double failure_probability) {
  const auto size = static_cast<double>(n);
  if (!(spread > gap)) return 1;
  if (!(gap > 0)) return size;
  // Kuczynski & Wozniakowski, theorem 4.2: the bound for the worst spectrum.
  const double log_share =
      std::log(1.648 * std::sqrt(size) / failure_probability) / std::sqrt(gap / spread);
  return std::min(size, std::ceil(0.5 + log_share / 2));
}

}  // namespace thalweg::linalg
