// The loops behind activate() and second_derivative(), one per activation, in the one translation
// unit that is compiled for vectorized elementary functions.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::kernels {

// a = phi(z), d = phi'(z); a may be z, d must be separate.
void tanh(const double* z, double* a, double* d, Index count);
void softplus(const double* z, double* a, double* d, Index count);
void sigmoid(const double* z, double* a, double* d, Index count);
void gelu(const double* z, double* a, double* d, Index count);
void relu(const double* z, double* a, double* d, Index count);
void tanh(const float* z, float* a, float* d, Index count);
void softplus(const float* z, float* a, float* d, Index count);
void sigmoid(const float* z, float* a, float* d, Index count);
void gelu(const float* z, float* a, float* d, Index count);
void relu(const float* z, float* a, float* d, Index count);

// a = phi(z) alone.
void tanh(const double* z, double* a, Index count);
void softplus(const double* z, double* a, Index count);
void sigmoid(const double* z, double* a, Index count);
void gelu(const double* z, double* a, Index count);
void relu(const double* z, double* a, Index count);

// s = phi''(z); s may be z.
void tanh_second(const double* z, double* s, Index count);
void softplus_second(const double* z, double* s, Index count);
void sigmoid_second(const double* z, double* s, Index count);
void gelu_second(const double* z, double* s, Index count);

}  // namespace thalweg::kernels
