#include "thalweg/model/matrix_factorization.hpp"

#include <fmt/core.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "random_orthonormal.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double symmetry_tolerance = 1e-12;  // of the largest entry
constexpr double start_deviation = 0.01;

Eigen::Map<const RowMajor> factor(const ConstVectorRef& x, Index rows) {
  return {x.data(), rows, x.size() / rows};
}

Eigen::Map<RowMajor> factor(VectorRef x, Index rows) { return {x.data(), rows, x.size() / rows}; }

class FactorizationHessian final : public Hessian {
 public:
  FactorizationHessian(const ConstVectorRef& x, const Matrix& m)
      : u_(factor(x, m.rows())), error_(u_ * u_.transpose() - m), gram_(u_.transpose() * u_) {}
  void apply(const ConstVectorRef& v, VectorRef hv) const override {
    const auto direction = factor(v, u_.rows());
    auto product = factor(hv, u_.rows());
    product.noalias() = direction * gram_ + u_ * (direction.transpose() * u_);
    product.noalias() += error_ * direction;
  }

 private:
  RowMajor u_;
  Matrix error_, gram_;  // U U' - M, U' U
};

void require_symmetric(const Matrix& m, Index rank) {
  OptionChecker check("matrix factorization");
  check.require(m.rows() > 0, "the matrix needs at least one row");
  check.require(m.rows() == m.cols(), "the matrix must be square");
  const bool finite = m.allFinite();
  check.require(finite, "the matrix must be finite");
  if (m.rows() > 0 && m.rows() == m.cols() && finite)
    check.require(
        (m - m.transpose()).cwiseAbs().maxCoeff() <= symmetry_tolerance * m.cwiseAbs().maxCoeff(),
        "the matrix must be symmetric");
  check.require(rank >= 1 && rank <= m.rows(), "rank", "lie between 1 and the rows of the matrix",
                static_cast<double>(rank));
  check.throw_if_any();
}

}  // namespace

MatrixFactorizationObjective::MatrixFactorizationObjective(Matrix m, Index rank)
    : m_(std::move(m)), rank_(rank) {
  require_symmetric(m_, rank);
  m_ = ((m_ + m_.transpose()) / 2).eval();
  const Eigen::SelfAdjointEigenSolver<Matrix> solved(m_, Eigen::EigenvaluesOnly);
  eigenvalues_ = solved.eigenvalues().reverse();
  for (Index k = 0; k < m_.rows(); ++k)
    if (k >= rank_ || eigenvalues_[k] < 0) optimum_ += eigenvalues_[k] * eigenvalues_[k] / 4;
}

double MatrixFactorizationObjective::value(const ConstVectorRef& x) const {
  const auto u = factor(x, m_.rows());
  return (u * u.transpose() - m_).squaredNorm() / 4;
}

double MatrixFactorizationObjective::value_and_gradient(const ConstVectorRef& x,
                                                        VectorRef g) const {
  const auto u = factor(x, m_.rows());
  const Matrix error = u * u.transpose() - m_;
  factor(g, m_.rows()).noalias() = error * u;
  return error.squaredNorm() / 4;
}

std::unique_ptr<Hessian> MatrixFactorizationObjective::hessian(const ConstVectorRef& x) const {
  return std::make_unique<FactorizationHessian>(x, m_);
}

CurvatureBound MatrixFactorizationObjective::curvature_bound() const {
  const double top = std::max(0.0, eigenvalues_[0]), optimum = optimum_;
  return CurvatureBound::self_bounding(
      [=](double gap) { return 2 * top + 6 * std::sqrt(gap + optimum); },
      [=](double gap) { return 6 * std::sqrt(top + 2 * std::sqrt(gap + optimum)); }, optimum);
}

std::string MatrixFactorizationObjective::description() const {
  return fmt::format("factorization of a matrix of size {} with rank {}", m_.rows(), rank_);
}

Vector MatrixFactorizationObjective::stationary_point(
    const std::vector<Index>& eigenvectors) const {
  OptionChecker check("stationary point");
  check.require(static_cast<Index>(eigenvectors.size()) <= rank_,
                "there must be at most as many eigenvectors as columns");
  for (const Index k : eigenvectors) {
    const bool known = k >= 0 && k < eigenvalues_.size();
    check.require(known && eigenvalues_[k] > 0,
                  fmt::format("eigenvalue {} must exist and be positive", k));
    check.require(std::count(eigenvectors.begin(), eigenvectors.end(), k) == 1,
                  fmt::format("eigenvalue {} must be named once", k));
  }
  check.throw_if_any();
  const Eigen::SelfAdjointEigenSolver<Matrix> solved(m_);
  Vector x = Vector::Zero(dimension());
  auto u = factor(VectorRef(x), m_.rows());
  for (std::size_t j = 0; j < eigenvectors.size(); ++j) {
    const Index k = eigenvectors[j];
    u.col(static_cast<Index>(j)) =
        std::sqrt(eigenvalues_[k]) * solved.eigenvectors().col(m_.rows() - 1 - k);
  }
  return x;
}

Vector MatrixFactorizationObjective::start(std::uint64_t seed, double scale) const {
  if (scale == 0) return Vector::Zero(dimension());
  RandomStream random(seed, "matrix-factorization start");
  const double size =
      eigenvalues_[0] > 0 ? std::sqrt(eigenvalues_[0] / static_cast<double>(m_.rows())) : 1;
  return scale * start_deviation * size * random.normal_vector(dimension());
}

Matrix factorization_matrix(Index size, Index rank, std::uint64_t seed) {
  OptionChecker check("matrix factorization");
  check.require(size >= 1, "size", "be at least 1", static_cast<double>(size));
  check.require(rank >= 1 && rank <= size, "rank", "lie between 1 and size",
                static_cast<double>(rank));
  check.throw_if_any();
  constexpr double beside = 2, high = 1, low = 0.05;
  Vector eigenvalues(size);
  for (Index k = 0; k < rank; ++k) eigenvalues[k] = static_cast<double>(rank + 2 - k);
  if (size > rank) eigenvalues[rank] = beside;
  const Index tail = size - rank - 1;
  for (Index k = 0; k < tail; ++k)
    eigenvalues[rank + 1 + k] =
        tail == 1 ? high
                  : high - (high - low) * static_cast<double>(k) / static_cast<double>(tail - 1);
  RandomStream random(seed, "matrix-factorization");
  const Matrix q = random_orthonormal(random, size, size);
  const Matrix m = q * eigenvalues.asDiagonal() * q.transpose();
  return (m + m.transpose()) / 2;
}

}  // namespace thalweg
