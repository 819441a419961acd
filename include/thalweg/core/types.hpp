// The scalar, vector and matrix types of every public signature.
#pragma once

#include <Eigen/Core>

namespace thalweg {

using Index = Eigen::Index;
using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;  ///< column-major; a table is (samples, columns)

using VectorRef = Eigen::Ref<Vector>;
using ConstVectorRef = Eigen::Ref<const Vector>;  ///< pass by const reference
using MatrixRef = Eigen::Ref<Matrix>;
using ConstMatrixRef = Eigen::Ref<const Matrix>;  ///< pass by const reference

}  // namespace thalweg
