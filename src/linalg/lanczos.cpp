#include "thalweg/linalg/lanczos.hpp"

#include <Spectra/SymEigsSolver.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/linalg/symmetric_solve.hpp"

namespace thalweg::linalg {
namespace {

struct NonFiniteProduct {};  // leaves Spectra, which would iterate on NaN

// The operator in the form Spectra wants.
class CountedProduct {
 public:
  using Scalar = double;
  CountedProduct(const Product& a, Index n) : a_(a), n_(n) {}
  Index rows() const { return n_; }
  Index cols() const { return n_; }
  int count() const { return count_; }

  void perform_op(const double* v, double* av) const {
    Eigen::Map<Vector> image(av, n_);
    a_(Eigen::Map<const Vector>(v, n_), image);
    ++count_;
    if (!image.allFinite()) throw NonFiniteProduct{};
  }

 private:
  const Product& a_;
  Index n_;
  mutable int count_ = 0;
};

// Gives the best Ritz vector of the last Krylov space also where Spectra has not converged.
class Lanczos : public Spectra::SymEigsSolver<CountedProduct> {
 public:
  Lanczos(CountedProduct& a, thalweg::Index subspace) : SymEigsSolver(a, 1, subspace) {}

  thalweg::Vector ritz_vector(Extreme which) const {
    const Eigenpairs small = eigenpairs(this->m_fac.matrix_H());
    const thalweg::Index k = which == Extreme::smallest ? 0 : small.values.size() - 1;
    return (this->m_fac.matrix_V() * small.vectors.col(k)).normalized();
  }
};

// Small operators are formed column by column.
Vector dense_eigenvector(const CountedProduct& a, Extreme which) {
  const Index n = a.rows();
  Matrix full(n, n);
  Vector unit = Vector::Zero(n);
  for (Index i = 0; i < n; ++i) {
    unit[i] = 1;
    a.perform_op(unit.data(), full.col(i).data());
    unit[i] = 0;
  }
  return eigenpairs((full + full.transpose()) / 2)
      .vectors.col(which == Extreme::smallest ? 0 : n - 1);
}

Vector lanczos_eigenvector(CountedProduct& a, Extreme which, double tolerance, int max_products,
                           RandomStream& random) {
  constexpr Index usual_subspace = 24;
  const Index n = a.rows();
  const Index subspace = std::clamp<Index>(max_products - 1, 2, std::min(n, usual_subspace));
  const int restarts = static_cast<int>(std::max<Index>(0, max_products - subspace) / subspace);
  const auto rule =
      which == Extreme::smallest ? Spectra::SortRule::SmallestAlge : Spectra::SortRule::LargestAlge;
  Lanczos solver(a, subspace);
  const Vector start = random.normal_vector(n);
  solver.init(start.data());
  solver.compute(rule, restarts, tolerance);
  return solver.ritz_vector(which);
}

}  // namespace

RitzPair extreme_eigenpair(const Product& a, Index n, Extreme which, double tolerance,
                           int max_products, RandomStream& random) {
  constexpr Index dense_size = 24;
  RitzPair pair;
  CountedProduct product(a, n);
  try {
    pair.vector = n <= std::min<Index>(dense_size, max_products)
                      ? dense_eigenvector(product, which)
                      : lanczos_eigenvector(product, which, tolerance, max_products, random);
    Vector image(n);
    product.perform_op(pair.vector.data(), image.data());
    pair.value = pair.vector.dot(image);
    pair.residual = (image - pair.value * pair.vector).norm();
  } catch (const NonFiniteProduct&) {
    pair.value = pair.residual = std::numeric_limits<double>::quiet_NaN();
  }
  pair.products = product.count();
  pair.converged = pair.residual <= tolerance * std::abs(pair.value);
  return pair;
}

}  // namespace thalweg::linalg
