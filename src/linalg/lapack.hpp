// The LAPACK routines used by this layer, by their Fortran names (OpenBLAS contains them). Private.
#pragma once

#ifdef THALWEG_WITH_OPENBLAS
#include <algorithm>

#include "thalweg/core/types.hpp"

// NOLINTBEGIN(readability-identifier-naming): the names and arguments are LAPACK's.
extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda, double* s,
             double* u, const int* ldu, double* vt, const int* ldvt, double* work, const int* lwork,
             int* iwork, int* info);
void dgeqrf_(const int* m, const int* n, double* a, const int* lda, double* tau, double* work,
             const int* lwork, int* info);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
             double* work, const int* lwork, int* iwork, const int* liwork, int* info);
}
// NOLINTEND(readability-identifier-naming)

namespace thalweg::linalg {

/// Distance between columns as LAPACK wants it: at least 1, also for matrices without rows.
template <class Dense>
int leading_dimension(const Dense& a) {
  return static_cast<int>(std::max<Index>({1, a.rows(), a.outerStride()}));
}

}  // namespace thalweg::linalg
#endif
