// How many threads a dense kernel uses, and which machine code OpenBLAS runs. Private.
//
// There is one thread runtime, OpenMP, and one way to use it: a kernel cuts its result into tiles,
// and each tile is computed by one thread in a fixed order with single-threaded BLAS. The bits of a
// result then never depend on timing.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

namespace thalweg::linalg {

/// While alive, BLAS and LAPACK calls of this thread (and of a team it forks) use one thread each.
/// Every wrapper opens one before it calls BLAS; the first also selects the machine code.
class BlasScope {
 public:
  BlasScope();
  ~BlasScope();
  BlasScope(const BlasScope&) = delete;
  BlasScope& operator=(const BlasScope&) = delete;

 private:
  int previous_;
};

/// Threads worth forking for this much work: threads(), or 1 below a threshold and inside a
/// parallel region.
int team_size(double flops);

/// Once per process: makes OpenBLAS use the kernels of this processor where it did not recognize
/// it.
void select_blas_kernels();

}  // namespace thalweg::linalg
