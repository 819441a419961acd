// The one place that decides how many threads the kernels use.
#pragma once

namespace thalweg {

/// Sets the number of threads of all kernels of this process (OpenMP tiles and BLAS); at least 1.
void set_threads(int count);
int threads();           ///< as set, default: all
int hardware_threads();  ///< cores this process may use

}  // namespace thalweg
