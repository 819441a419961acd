// Activation functions, with the derivative written in place of the input. Vectorized.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

enum class Activation { tanh, softplus, sigmoid, gelu, relu };

const char* to_string(Activation activation);
/// Throws UsageError that lists the names.
Activation activation_from_name(std::string_view name);
std::vector<std::string> activation_names();

/// a = phi(z) for every entry; where `derivative` is not null, derivative = phi'(z) as well. a may
/// be z.
void activate(Activation activation, const double* z, double* a, double* derivative, Index count);
/// phi''(z), for Hessian-vector products.
void second_derivative(Activation activation, const double* z, double* second, Index count);

}  // namespace thalweg
