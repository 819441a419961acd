// Activation functions of dense layers with their first and second derivatives. Vectorized.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// tanh(z); softplus ln(1 + e^z); sigmoid 1 / (1 + e^-z); gelu z Phi(z) with the exact normal
/// distribution function Phi; relu max(z, 0) with derivative 0 at 0.
enum class Activation { tanh, softplus, sigmoid, gelu, relu };

const char* to_string(Activation activation);
/// Throws UsageError that lists the names.
Activation activation_from_name(std::string_view name);
std::vector<std::string> activation_names();

/// a = phi(z) for `count` entries; where `derivative` is not null, derivative = phi'(z) as well. a
/// may be z. Relative error of phi at most 1e-15 or so; NaN stays NaN, infinite z gives the limit,
/// nothing overflows on the way.
void activate(Activation activation, const double* z, double* a, double* derivative, Index count);
/// The same in single precision with both results; `derivative` is not null. Errors: 1e-6 of phi or
/// so, and of 1 + phi'; in the left tail of gelu z^2 times as large, which rounding z does alone.
void activate(Activation activation, const float* z, float* a, float* derivative, Index count);
/// second = phi''(z) for `count` entries, for Hessian-vector products; 0 for relu.
void second_derivative(Activation activation, const double* z, double* second, Index count);

}  // namespace thalweg
