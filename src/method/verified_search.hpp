// Backtracking along a direction of a Gauss-Newton model: no point is offered that was not
// measured.
#pragma once

#include <limits>

#include "thalweg/method/gauss_newton_model.hpp"

namespace thalweg::detail {

struct SearchResult {
  Vector point;         // x + eta d
  double stepsize = 1;  // eta
  double value = std::numeric_limits<double>::quiet_NaN();
  double gain_ratio = std::numeric_limits<double>::quiet_NaN();  // actual / predicted decrease
  int evaluations = 0;
  bool verified = false;  // the value fell, by more than `share` of the prediction
};

/// The result where no direction could be followed, after so many evaluations.
SearchResult not_searched(int evaluations);

/// eta = 1, 1/2, ... at most `halvings` times, until the value falls by more than `share` of the
/// decrease the model predicts, or the prediction is lost in the rounding of f.
SearchResult verified_search(const CompositeObjective& problem, const GaussNewtonModel& model,
                             const ConstVectorRef& x, const ModelStep& step, double share,
                             int halvings);

}  // namespace thalweg::detail
