// How many threads one dense kernel uses, and which machine code it runs. Private.
#pragma once

namespace thalweg::linalg {

/// Work below which a second thread costs more than it brings.
constexpr double serial_flops = 2e7;

/// While alive, OpenMP (and OpenBLAS, which asks OpenMP) uses `threads()` threads for a call of
/// this size, one below `serial_flops`. Inside a parallel region it changes nothing: there the
/// kernels are single-threaded. Every wrapper of a BLAS or LAPACK routine opens one.
class KernelScope {
 public:
  explicit KernelScope(double flops);
  ~KernelScope();
  KernelScope(const KernelScope&) = delete;
  KernelScope& operator=(const KernelScope&) = delete;

 private:
  int previous_ = 0;  // 0: nothing to restore
};

/// Once per process: makes OpenBLAS use the kernels of this processor where it did not recognize
/// it.
void select_blas_kernels();

}  // namespace thalweg::linalg
