// Random orthonormal columns.
#pragma once

#include "thalweg/core/random.hpp"

namespace thalweg {

/// (rows, columns), columns <= rows: uniform over the matrices with orthonormal columns. The Q of
/// the QR factorization of a normal matrix, with the diagonal of R made positive (F. Mezzadri,
/// Notices of the AMS 54, 2007).
Matrix random_orthonormal(RandomStream& random, Index rows, Index columns);

}  // namespace thalweg
