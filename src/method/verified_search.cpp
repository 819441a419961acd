#include "method/verified_search.hpp"

namespace thalweg::detail {

SearchResult not_searched(int evaluations) {
  SearchResult result;
  result.evaluations = evaluations;
  return result;
}

SearchResult verified_search(const CompositeObjective& problem, const GaussNewtonModel& model,
                             const ConstVectorRef& x, const ModelStep& step, double share,
                             int halvings) {
  SearchResult result;
  for (int k = 0; k <= halvings; ++k, result.stepsize /= 2) {
    result.point = x + result.stepsize * step.direction;
    result.value = problem.value(result.point);
    ++result.evaluations;
    const double prediction = step.predicted_decrease(result.stepsize);
    result.gain_ratio = (model.value() - result.value) / prediction;
    result.verified = result.value < model.value() && result.gain_ratio > share;
    if (result.verified || prediction <= model.rounding()) break;
  }
  return result;
}

}  // namespace thalweg::detail
