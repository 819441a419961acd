// THALWEG_VECTOR_CLONES: compile a function once per instruction set and choose when the program
// starts, so that one portable binary uses wide registers where the machine has them.
//
// Off under sanitizers: the chooser runs before their run time is initialized.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define THALWEG_VECTOR_CLONES \
  __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define THALWEG_VECTOR_CLONES
#endif
