// Settings of published experiments, so that their figures can be repeated: --option
// preset=published.
//
//   Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou: Adaptive gradient normalization and independent
//   sampling for (stochastic) generalized-smooth optimization, TMLR 2025, arXiv:2410.14054, and the
//   authors' program.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// Full normalized gradient steps x - gamma g / |g|^beta between the drawn start and the run.
struct Preparation {
  int steps = 0;
  double stepsize = 0;  ///< gamma
  double exponent = 0;  ///< beta
};

struct PublishedSettings {
  std::map<std::string, std::string> options;  ///< of the method
  std::int64_t steps = 0;                      ///< that use up the sample budget
  Preparation preparation;
};

/// What was published for a method on a built-in problem with so many samples; absent where nothing
/// was. The stepsizes of phase-retrieval are converted to the gradient of the objective as it is
/// stated: the authors' program halves it, so that the same iterates have 2^(beta - 1) gamma and
/// twice the offset and threshold.
///
///     phase-retrieval   34 000 samples; batches of 64, ian-sgd 64 + 4
///     dro               136 000 samples; batches of 128, ian-sgd 128 + 8
///     two-point         40 000 steps on single samples; the answer is a tail average
std::optional<PublishedSettings> published_settings(std::string_view problem,
                                                    std::string_view method, Index samples);

/// The methods that published_settings knows for a problem; empty: none.
std::vector<std::string> published_methods(std::string_view problem);

}  // namespace thalweg
