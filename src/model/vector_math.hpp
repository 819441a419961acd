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
}
#endif
#endif
