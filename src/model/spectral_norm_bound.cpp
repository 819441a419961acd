#include "spectral_norm_bound.hpp"

#include <algorithm>
#include <cmath>

#include "thalweg/linalg/blas.hpp"
#include "thalweg/linalg/lanczos.hpp"

namespace thalweg {

double squared_norm_bound(const std::vector<Matrix>& parts) {
  constexpr Index largest_dense = 4000;
  constexpr double margin = 1.01, raise = 1.1, tolerance = 1e-3;
  constexpr int max_products = 200;
  const Index n = parts.front().rows();
  double trace = 0;
  for (const Matrix& part : parts) trace += part.squaredNorm();
  if (n > largest_dense || !std::isfinite(trace) || trace == 0) return trace;
  Matrix gram = Matrix::Zero(n, n);
  for (const Matrix& part : parts) linalg::syrk(1, linalg::Op::none, part, 1, gram);
  linalg::symmetrize_from_lower(gram);
  RandomStream random(0, "spectral norm");
  const double estimate =
      linalg::extreme_eigenpair(
          [&](const ConstVectorRef& v, VectorRef product) { product.noalias() = gram * v; }, n,
          linalg::Extreme::largest, tolerance, max_products, random)
          .value;
  for (double bound = margin * estimate; bound < trace; bound *= raise) {
    Matrix gap = -gram;
    gap.diagonal().array() += bound;
    if (linalg::cholesky_in_place(gap)) return bound;
  }
  return trace;
}

}  // namespace thalweg
