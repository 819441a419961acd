// Elementary functions that a loop may call on whole registers. Include last, in files compiled
// with -fno-math-errno (src/CMakeLists.txt).
//
// glibc's libmvec has vector versions of the elementary functions. Its headers announce them only
// under -ffast-math, which would also let the compiler ignore NaN; announcing them here needs only
// -fno-math-errno.
#pragma once

#include <cmath>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
extern "C" {
__attribute__((simd("notinbranch"))) double exp(double) noexcept;
__attribute__((simd("notinbranch"))) double log1p(double) noexcept;
__attribute__((simd("notinbranch"))) double tanh(double) noexcept;
__attribute__((simd("notinbranch"))) double erfc(double) noexcept;
__attribute__((simd("notinbranch"))) float expf(float) noexcept;
__attribute__((simd("notinbranch"))) float log1pf(float) noexcept;
__attribute__((simd("notinbranch"))) float tanhf(float) noexcept;
__attribute__((simd("notinbranch"))) float erfcf(float) noexcept;
}
#endif
#endif

namespace thalweg::kernels {

// One name for both precisions.
[[gnu::always_inline]] inline double vector_exp(double z) { return ::exp(z); }
[[gnu::always_inline]] inline double vector_log1p(double z) { return ::log1p(z); }
[[gnu::always_inline]] inline double vector_tanh(double z) { return ::tanh(z); }
[[gnu::always_inline]] inline double vector_erfc(double z) { return ::erfc(z); }
[[gnu::always_inline]] inline float vector_exp(float z) { return ::expf(z); }
[[gnu::always_inline]] inline float vector_log1p(float z) { return ::log1pf(z); }
[[gnu::always_inline]] inline float vector_tanh(float z) { return ::tanhf(z); }
[[gnu::always_inline]] inline float vector_erfc(float z) { return ::erfcf(z); }

}  // namespace thalweg::kernels
