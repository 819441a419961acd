#include "thalweg/problem/objective.hpp"

#include <cmath>
#include <limits>

namespace thalweg {

double Objective::log_value(const ConstVectorRef& x) const { return std::log(value(x)); }

double Objective::lower_bound() const { return -std::numeric_limits<double>::infinity(); }

}  // namespace thalweg
