// Matrices with known factors, and random generators, for the tests of linalg.
#pragma once

#include <rapidcheck/gtest.h>

#include <Eigen/QR>
#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/core/types.hpp"

namespace thalweg::linalg::testing {

inline Matrix random_matrix(Index rows, Index cols, RandomStream& random) {
  return random.normal_vector(rows * cols).reshaped(rows, cols);
}

/// Orthonormal columns, (rows, cols), rows >= cols.
inline Matrix orthonormal(Index rows, Index cols, RandomStream& random) {
  const Eigen::HouseholderQR<Matrix> qr(random_matrix(rows, cols, random));
  return qr.householderQ() * Matrix::Identity(rows, cols);
}

/// J = U diag(s) V' with random orthonormal U, V.
struct KnownSvd {
  Matrix u, v;
  Vector s;

  KnownSvd(Index rows, Index cols, Vector values, RandomStream& random)
      : u(orthonormal(rows, values.size(), random)),
        v(orthonormal(cols, values.size(), random)),
        s(std::move(values)) {}
  Matrix matrix() const { return u * s.asDiagonal() * v.transpose(); }
};

/// k values from 1 down to 1 / condition, evenly spaced in the logarithm.
inline Vector log_spectrum(Index k, double condition) {
  if (k == 1) return Vector::Ones(1);
  return (Vector::LinSpaced(k, 0, -std::log(condition))).array().exp();
}

inline Matrix symmetric_with_spectrum(const Vector& values, RandomStream& random) {
  const Matrix q = orthonormal(values.size(), values.size(), random);
  const Matrix a = q * values.asDiagonal() * q.transpose();
  return (a + a.transpose()) / 2;
}

inline double relative_error(const Matrix& value, const Matrix& expected) {
  return (value - expected).norm() / expected.norm();
}

/// A stream that rapidcheck chooses, so that a failing case can be repeated and shrunk.
inline RandomStream any_stream() {
  return RandomStream(*rc::gen::inRange<std::uint64_t>(0, 1u << 30), "linalg-test");
}

inline Index any_size(Index low, Index high) { return *rc::gen::inRange<Index>(low, high + 1); }

}  // namespace thalweg::linalg::testing
