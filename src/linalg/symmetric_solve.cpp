#include "thalweg/linalg/symmetric_solve.hpp"

#include <Eigen/Eigenvalues>
#include <limits>
#include <utility>
#include <vector>

#include "lapack.hpp"
#include "team.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/linalg/lanczos.hpp"

namespace thalweg::linalg {
namespace {

#ifdef THALWEG_WITH_OPENBLAS

Eigenpairs diagonalize(Matrix lower) {
  Eigenpairs pairs{Vector(lower.rows()), std::move(lower)};
  const int n = static_cast<int>(pairs.values.size()), query = -1;
  int info = 0, iwork_size = 0;
  double work_size = 0;
  const auto dsyevd = [&](double* work, const int* lwork, int* iwork, const int* liwork) {
    dsyevd_("V", "L", &n, pairs.vectors.data(), &n, pairs.values.data(), work, lwork, iwork, liwork,
            &info);
  };
  dsyevd(&work_size, &query, &iwork_size, &query);
  std::vector<double> work(static_cast<std::size_t>(work_size));
  std::vector<int> iwork(static_cast<std::size_t>(iwork_size));
  const int lwork = static_cast<int>(work.size()), liwork = static_cast<int>(iwork.size());
  const BlasScope scope;
  dsyevd(work.data(), &lwork, iwork.data(), &liwork);
  if (info != 0) pairs.values.setConstant(std::numeric_limits<double>::quiet_NaN());
  return pairs;
}

#else

Eigenpairs diagonalize(const Matrix& lower) {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(lower);
  return {solver.eigenvalues(), solver.eigenvectors()};
}

#endif

}  // namespace

CholeskyFactor::CholeskyFactor(Matrix a, double mu) : factor_(std::move(a)) {
  factor_.diagonal().array() += mu;
  ok_ = cholesky_in_place(factor_);
}

Vector CholeskyFactor::solve(const ConstVectorRef& b) const {
  Vector x = solve_lower(b);
  factor_.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
  return x;
}

Vector CholeskyFactor::solve_lower(const ConstVectorRef& b) const {
  Vector x = b;
  factor_.triangularView<Eigen::Lower>().solveInPlace(x);
  return x;
}

double CholeskyFactor::smallest_eigenvalue(double tolerance, int max_iterations) const {
  const Product inverse = [this](const ConstVectorRef& v, VectorRef av) { av = solve(v); };
  RandomStream random(0, "smallest-eigenvalue");
  const RitzPair top = extreme_eigenpair(inverse, factor_.rows(), Extreme::largest, tolerance,
                                         max_iterations, random);
  return 1 / top.value;
}

Eigenpairs eigenpairs(const ConstMatrixRef& a) {
  const Index n = a.rows();
  const Matrix lower = a.triangularView<Eigen::Lower>();
  if (n > 0 && lower.allFinite()) return diagonalize(lower);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  return {Vector::Constant(n, nan), Matrix::Constant(n, n, nan)};
}

}  // namespace thalweg::linalg
