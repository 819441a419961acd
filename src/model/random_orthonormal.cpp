#include "random_orthonormal.hpp"

#include <Eigen/QR>

namespace thalweg {

Matrix random_orthonormal(RandomStream& random, Index rows, Index columns) {
  const Matrix normal = random.normal_vector(rows * columns).reshaped(rows, columns);
  const Eigen::HouseholderQR<Matrix> factored(normal);
  Matrix q = factored.householderQ() * Matrix::Identity(rows, columns);
  for (Index j = 0; j < columns; ++j)
    if (factored.matrixQR()(j, j) < 0) q.col(j) = -q.col(j);
  return q;
}

}  // namespace thalweg
