// Whose norm a sampled gradient is divided by: a decision from what preflight measured.
#pragma once

#include <string>

#include "thalweg/preflight/normalization_bias.hpp"

namespace thalweg {

enum class Sampling { same_batch, independent };
const char* to_string(Sampling sampling);  ///< same-batch, independent

struct SamplingChoice {
  Sampling sampling = Sampling::same_batch;
  std::string because;
};

/// independent (a second batch each step, samples B + B') only where the bias of the same batch is
/// significant; otherwise it costs samples and gains nothing.
SamplingChoice choose_sampling(const NormalizationBias& bias);

}  // namespace thalweg
