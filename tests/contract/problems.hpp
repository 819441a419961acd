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

/// Problems that offer values and gradients alone.
std::vector<Problem> gradient_problems();
/// Problems that offer outputs and Jacobian too.
std::vector<Problem> composite_problems();
/// Those the method can work on.
std::vector<Problem> problems_for(const MethodInfo& method);

/// Counts the passes over a problem's data: values, gradients, outputs, linearizations.
struct Passes {
  std::int64_t count = 0;
};
/// Wide network whose passes are counted.
Problem counted_problem(bool composite, Passes& passes);
/// Values that are not finite numbers beyond |x| = 2; the start is within.
Problem bounded_problem(bool composite);
/// The start is a minimiser with a gradient of exactly zero.
Problem solved_problem(bool composite);

}  // namespace thalweg::contract
