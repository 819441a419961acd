// What the sampled methods draw and how long their steps are, from what preflight measured.
#pragma once

#include "work.hpp"

namespace thalweg::plan {

/// Whether the method can draw batches.
bool is_sampled(std::string_view method);

/// Whether the method, with what the user gave of its options, draws batches on a problem of that
/// size.
bool draws_batches(std::string_view method, const Options& options, const ProblemSize& size);

/// Fills batch, steps, stepsize, thresholds and schedule that the user left open, and says why.
void choose_sampled_options(const ProblemSize& size, const Preflight& preflight, const Goal& goal,
                            Plan& plan);

/// Adds what is foreseen of normalized and sampled steps, with the assumptions behind it.
void forecast_sampled(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                      Forecast& forecast);

}  // namespace thalweg::plan
