#include "team.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "thalweg/core/threads.hpp"

#ifdef THALWEG_WITH_OPENBLAS
// Weak: an OpenBLAS built for one processor only, or another BLAS, does not have them.
extern "C" {
__attribute__((weak)) void gotoblas_dynamic_init();
__attribute__((weak)) void gotoblas_dynamic_quit();
__attribute__((weak)) char* openblas_get_corename();
__attribute__((weak)) void openblas_set_num_threads(int count);
}
#endif

namespace thalweg::linalg {
namespace {

#if defined(THALWEG_WITH_OPENBLAS) && defined(__x86_64__)

constexpr const char* core_type_variable = "OPENBLAS_CORETYPE";

// The kernels OpenBLAS falls back to when it does not know a processor: SSE only.
bool is_generic(std::string_view core) {
  constexpr std::array<std::string_view, 9> generic = {"Prescott",  "Core2",  "Penryn",
                                                       "Nehalem",   "Banias", "Coppermine",
                                                       "Northwood", "Katmai", "Generic"};
  return std::find(generic.begin(), generic.end(), core) != generic.end();
}

// The best kernel set this processor can run, or nullptr.
const char* best_core() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
    return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
  return nullptr;
}

// OpenBLAS 0.3.21 recognizes processors by model number and gives newer ones its oldest kernels, a
// sixth of the speed. Its own variable, read at initialization, is the only way to choose.
void mend_kernel_choice() {
  if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit || !openblas_get_corename) return;
  if (std::getenv(core_type_variable)) return;  // the user has chosen
  const char* best = best_core();
  if (!best || !is_generic(openblas_get_corename())) return;
  gotoblas_dynamic_quit();
  setenv(core_type_variable, best, 1);
  gotoblas_dynamic_init();
  unsetenv(core_type_variable);
}

#else

void mend_kernel_choice() {}

#endif

// A few milliseconds of work: below, waiting for a second thread that other load keeps off its core
// costs more than the thread brings.
[[maybe_unused]] constexpr double serial_flops = 2e8;

}  // namespace

void select_blas_kernels() {
  static const bool done = (mend_kernel_choice(), true);
  static_cast<void>(done);
}

#ifdef _OPENMP

// OpenBLAS on OpenMP asks omp_get_max_threads(), a setting of the calling thread alone.
BlasScope::BlasScope() : previous_(omp_get_max_threads()) {
  select_blas_kernels();
  omp_set_num_threads(1);
}

BlasScope::~BlasScope() { omp_set_num_threads(previous_); }

int team_size(double flops) { return flops < serial_flops || omp_in_parallel() ? 1 : threads(); }

#else

BlasScope::BlasScope() : previous_(1) {
  select_blas_kernels();
#ifdef THALWEG_WITH_OPENBLAS
  static const bool one_thread = openblas_set_num_threads && (openblas_set_num_threads(1), true);
  static_cast<void>(one_thread);
#endif
}
BlasScope::~BlasScope() { static_cast<void>(previous_); }
int team_size(double) { return 1; }

#endif

}  // namespace thalweg::linalg
