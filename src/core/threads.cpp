#include "thalweg/core/threads.hpp"

#include <algorithm>
#include <atomic>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace thalweg {
namespace {

std::atomic<int> chosen{0};  // 0: not set, all

}  // namespace

int hardware_threads() {
#ifdef _OPENMP
  return std::max(1, omp_get_num_procs());
#else
  return 1;
#endif
}

int threads() {
  const int count = chosen.load(std::memory_order_relaxed);
  return count > 0 ? count : hardware_threads();
}

void set_threads(int count) {
  chosen.store(std::max(1, count), std::memory_order_relaxed);
#ifdef _OPENMP
  omp_set_num_threads(std::max(1, count));
#endif
}

}  // namespace thalweg
