// Sparse tables: rows of few non-zero numbers.
#pragma once

#include <Eigen/SparseCore>

namespace thalweg {

/// (rows, columns), compressed by rows: the non-zero numbers of a row lie side by side.
using SparseMatrix = Eigen::SparseMatrix<double, Eigen::RowMajor, int>;

}  // namespace thalweg
