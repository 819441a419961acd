#include "thalweg/problem/objective.hpp"

#include <limits>

namespace thalweg {

double Objective::lower_bound() const { return -std::numeric_limits<double>::infinity(); }

}  // namespace thalweg
