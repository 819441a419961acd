#include "thalweg/model/activation.hpp"

#include <algorithm>
#include <array>

#include "activation_kernels.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

struct Named {
  Activation activation;
  const char* name;
};

constexpr std::array<Named, 5> all = {{{Activation::tanh, "tanh"},
                                       {Activation::softplus, "softplus"},
                                       {Activation::sigmoid, "sigmoid"},
                                       {Activation::gelu, "gelu"},
                                       {Activation::relu, "relu"}}};

void value_only(Activation activation, const double* z, double* a, Index count) {
  switch (activation) {
    case Activation::tanh: return kernels::tanh(z, a, count);
    case Activation::softplus: return kernels::softplus(z, a, count);
    case Activation::sigmoid: return kernels::sigmoid(z, a, count);
    case Activation::gelu: return kernels::gelu(z, a, count);
    case Activation::relu: return kernels::relu(z, a, count);
  }
}

template <class T>
void value_and_slope(Activation activation, const T* z, T* a, T* d, Index count) {
  switch (activation) {
    case Activation::tanh: return kernels::tanh(z, a, d, count);
    case Activation::softplus: return kernels::softplus(z, a, d, count);
    case Activation::sigmoid: return kernels::sigmoid(z, a, d, count);
    case Activation::gelu: return kernels::gelu(z, a, d, count);
    case Activation::relu: return kernels::relu(z, a, d, count);
  }
}

}  // namespace

const char* to_string(Activation activation) {
  const auto* found = std::find_if(all.begin(), all.end(),
                                   [&](const Named& n) { return n.activation == activation; });
  return found != all.end() ? found->name : "unknown";
}

Activation activation_from_name(std::string_view name) {
  const auto* found =
      std::find_if(all.begin(), all.end(), [&](const Named& n) { return n.name == name; });
  if (found != all.end()) return found->activation;
  std::string names;
  for (const Named& n : all) names += (names.empty() ? "" : ", ") + std::string(n.name);
  throw UsageError("unknown activation '" + std::string(name) + "'", "use one of " + names);
}

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const Named& n : all) names.emplace_back(n.name);
  return names;
}

void activate(Activation activation, const double* z, double* a, double* derivative, Index count) {
  if (derivative == nullptr)
    value_only(activation, z, a, count);
  else
    value_and_slope(activation, z, a, derivative, count);
}

void activate(Activation activation, const float* z, float* a, float* derivative, Index count) {
  value_and_slope(activation, z, a, derivative, count);
}

void second_derivative(Activation activation, const double* z, double* second, Index count) {
  switch (activation) {
    case Activation::tanh: return kernels::tanh_second(z, second, count);
    case Activation::softplus: return kernels::softplus_second(z, second, count);
    case Activation::sigmoid: return kernels::sigmoid_second(z, second, count);
    case Activation::gelu: return kernels::gelu_second(z, second, count);
    case Activation::relu: std::fill_n(second, count, 0.0); return;
  }
}

}  // namespace thalweg
