// THALWEG_VECTOR_CLONES: compile a function once per instruction set and choose when the program
// starts, so that one portable binary uses wide registers where the machine has them.
//
// By level of the instruction set: "arch=skylake-avx512" and the like are chosen for the processors
// that the compiler knows by that name alone, and none that came out after it.
//
// Off under sanitizers: the chooser runs before their run time is initialized.
#pragma once

#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && defined(__x86_64__) && \
    defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define THALWEG_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define THALWEG_VECTOR_CLONES
#endif
