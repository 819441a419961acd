// Small problems that every method is held to.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "thalweg/method/registry.hpp"

namespace thalweg::contract {

struct Problem {
  std::string name;
  std::shared_ptr<const Objective> objective;
  Vector start;
};

/// Problems without outputs: values and gradients, those with saddles exact Hessians too.
std::vector<Problem> gradient_problems();
/// The last of them: where the start is on the way to a saddle, or beside one.
std::vector<Problem> saddle_problems();
/// Problems that offer outputs and Jacobian too.
std::vector<Problem> composite_problems();
/// Linear classifications of two and of three classes, separable and not.
std::vector<Problem> margin_problems();
/// Those the method can work on.
std::vector<Problem> problems_for(const MethodInfo& method);

/// Counts the samples evaluated: values, gradients, outputs, linearizations.
struct Work {
  std::int64_t samples = 0;
};
/// A problem that the method can work on and whose samples are counted.
Problem counted_problem(const MethodInfo& method, Work& work);
/// Values that are not finite numbers beyond |x| = 2; the start is within.
Problem bounded_problem(const MethodInfo& method);
/// The start is a minimiser with a gradient of exactly zero.
Problem solved_problem(const MethodInfo& method);

}  // namespace thalweg::contract
