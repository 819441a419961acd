#include "thalweg/linalg/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/linalg/symmetric_solve.hpp"

namespace thalweg::linalg {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

// How many of the `keep` wanted ones among ascending values stand at the lower end; the others
// stand at the upper one.
Index count_below(const Vector& values, Extreme which, Index keep) {
  if (which == Extreme::smallest) return keep;
  Index below = 0, above = 0;
  while (which == Extreme::magnitude && below + above < keep) {
    const double low = std::abs(values[below]), high = std::abs(values[values.size() - 1 - above]);
    (low > high ? below : above) += 1;
  }
  return below;
}

// A Krylov space with an orthonormal basis V, the projection T = V'AV, and A V = V T + c v e',
// where v is the next basis vector, c the coupling and e the last unit vector.
class KrylovSpace {
 public:
  KrylovSpace(const Product& a, Index n, Index capacity, RandomStream& random)
      : a_(a), random_(random), basis_(n, capacity + 1), projected_(capacity, capacity) {
    basis_.col(0) = random_.normal_vector(n).normalized();
  }

  Index size() const { return size_; }
  bool full() const { return size_ == projected_.cols(); }
  bool complete() const { return size_ == basis_.rows(); }

  // One product. False where it is not finite.
  bool extend() {
    Vector w(basis_.rows());
    a_(basis_.col(size_), w);
    if (!w.allFinite()) return false;
    projected_.col(size_).head(size_ + 1) = basis_.leftCols(size_ + 1).transpose() * w;
    projected_.row(size_).head(size_) = projected_.col(size_).head(size_).transpose();
    ++size_;
    const double scale = w.norm();
    orthogonalize(w);
    coupling_ = w.norm();
    if (coupling_ <= eps * scale * std::sqrt(static_cast<double>(w.size()))) {  // invariant space
      coupling_ = 0;
      if (complete()) return true;
      w = random_.normal_vector(w.size());
      orthogonalize(w);
    }
    basis_.col(size_) = w.normalized();
    return true;
  }

  // The wanted Ritz pair; the residual follows from A V = V T + c v e'.
  RitzPair best(Extreme which) const {
    const Eigenpairs small = eigenpairs(projection());
    const Index k = count_below(small.values, which, 1) == 1 ? 0 : size_ - 1;
    RitzPair pair;
    pair.value = small.values[k];
    pair.residual = coupling_ * std::abs(small.vectors(size_ - 1, k));
    pair.vector = (basis_.leftCols(size_) * small.vectors.col(k)).normalized();
    const double round_off = eps * static_cast<double>(size_) * small.values.cwiseAbs().maxCoeff();
    pair.converged = pair.residual <= round_off;
    return pair;
  }

  // Thick restart: keeps the Ritz vectors nearest to the wanted end.
  void restart(Extreme which, Index keep) {
    const Eigenpairs small = eigenpairs(projection());
    const Index below = count_below(small.values, which, keep), above = keep - below;
    Matrix kept(size_, keep);
    kept.leftCols(below) = small.vectors.leftCols(below);
    kept.rightCols(above) = small.vectors.rightCols(above);
    basis_.leftCols(keep) = (basis_.leftCols(size_) * kept).eval();
    basis_.col(keep) = basis_.col(size_).eval();
    projected_.setZero();
    projected_.diagonal().head(below) = small.values.head(below);
    projected_.diagonal().segment(below, above) = small.values.tail(above);
    size_ = keep;
  }

 private:
  Matrix projection() const { return projected_.topLeftCorner(size_, size_); }

  // Twice is enough (Parlett).
  void orthogonalize(Vector& w) const {
    const auto v = basis_.leftCols(size_);
    for (int pass = 0; pass < 2; ++pass) w -= v * (v.transpose() * w).eval();
  }

  const Product& a_;
  RandomStream& random_;
  Matrix basis_;
  Matrix projected_;
  Index size_ = 0;
  double coupling_ = 0;
};

// Vectors held: more for small operators, where they cost little and save restarts.
Index subspace_size(Index n) {
  constexpr Index fewest = 12, most = 48, entries = 20'000'000;
  return std::min(n, std::clamp(entries / n, fewest, most));
}

// The best pair a Krylov space gives within the budget, with the estimates of the recurrence. Empty
// where a product is not finite.
RitzPair search(const Product& a, Index n, Extreme which, double tolerance, int max_products,
                RandomStream& random) {
  constexpr Index check_every = 4;  // a check costs an eigenproblem of the size of the subspace
  const Index capacity = subspace_size(n);
  KrylovSpace space(a, n, capacity, random);
  for (int products = 1;; ++products) {
    if (!space.extend()) return {};
    const bool last = products >= max_products || space.complete();
    if (last || space.full() || space.size() % check_every == 0) {
      RitzPair pair = space.best(which);
      pair.products = products;
      if (last || pair.converged || pair.residual <= tolerance * std::abs(pair.value)) return pair;
    }
    if (space.full()) space.restart(which, capacity / 2);
  }
}

}  // namespace

RitzPair extreme_eigenpair(const Product& a, Index n, Extreme which, double tolerance,
                           int max_products, RandomStream& random) {
  RitzPair pair;
  if (n > 0) pair = search(a, n, which, tolerance, max_products - 1, random);
  if (pair.vector.size() == 0) {
    pair.value = pair.residual = std::numeric_limits<double>::quiet_NaN();
    return pair;
  }
  Vector image(n);
  a(pair.vector, image);
  ++pair.products;
  pair.value = pair.vector.dot(image);
  pair.residual = (image - pair.value * pair.vector).norm();
  pair.converged = pair.converged || pair.residual <= tolerance * std::abs(pair.value);
  return pair;
}

}  // namespace thalweg::linalg
