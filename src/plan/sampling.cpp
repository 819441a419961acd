#include "thalweg/plan/sampling.hpp"

#include <fmt/format.h>

namespace thalweg {

const char* to_string(Sampling sampling) {
  return sampling == Sampling::independent ? "independent" : "same-batch";
}

SamplingChoice choose_sampling(const NormalizationBias& bias) {
  if (bias.points == 0)
    return {Sampling::same_batch,
            "the bias of the same batch could not be measured, and rarely matters"};
  if (bias.significant)
    return {Sampling::independent,
            fmt::format("steps divided by the norm of their own batch of {} go uphill on average "
                        "where the gradient is {:.2g} of the noise: alignment {:.2g} +- {:.1g}, "
                        "by chance at most once in {:.0f}",
                        bias.batch, bias.gradient_to_noise, bias.same_batch, bias.same_batch_error,
                        1 / bias.false_alarm)};
  if (!bias.searched)
    return {
        Sampling::same_batch,
        fmt::format("steps divided by the norm of their own batch of {} go along the gradient "
                    "as far down as it was followed, {:.2g} of the noise: alignment {:.2g} +- "
                    "{:.1g}",
                    bias.batch, bias.gradient_to_noise, bias.same_batch, bias.same_batch_error)};
  return {Sampling::same_batch,
          fmt::format("steps divided by the norm of their own batch of {} do not go uphill even "
                      "where the gradient is {:.2g} of the noise: alignment {:.2g} +- {:.1g}",
                      bias.batch, bias.gradient_to_noise, bias.same_batch, bias.same_batch_error)};
}

}  // namespace thalweg
