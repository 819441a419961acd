// What the theory of large steps decides and promises, from what preflight measured.
#pragma once

#include "thalweg/method/large_step_theory.hpp"
#include "work.hpp"

namespace thalweg::plan {

/// The measured margin, row norm and number of samples; absent unless the rows are separable.
std::optional<SeparableRows> separable_rows(const ProblemSize& size, const Preflight& preflight);

/// Steps the user allows: the smaller of --max-steps and --budget, else the default.
std::int64_t steps_allowed(const Goal& goal, std::int64_t otherwise);

/// The method for a linear model of classes, with what speaks for and against.
Decision choose_linear_classifier(const ProblemSize& size, const Preflight& preflight,
                                  const Goal& goal);

/// Fills the options of large-step methods that the user left open, and says why. `rule` is the
/// budget rule asked for, or empty.
void choose_large_step_options(const ProblemSize& size, const Preflight& preflight,
                               const Goal& goal, const std::string& rule, Plan& plan);

/// Adds bound, claims and assumptions of a large-step method.
void forecast_large_steps(const ProblemSize& size, const Preflight& preflight, const Plan& plan,
                          Forecast& forecast);

}  // namespace thalweg::plan
