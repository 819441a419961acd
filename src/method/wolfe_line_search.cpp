#include "wolfe_line_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace thalweg {
namespace {

// phi at one stepsize. A point that is not finite has the value infinity and no use but as an end.
struct Trial {
  double stepsize = 0, value = 0, slope = 0;
  Evaluation point;
};

// The minimiser of the cubic with the values and slopes of a and b (Nocedal & Wright, eq. 3.59),
// kept a tenth of the interval away from its ends; the middle where there is none.
double cubic_minimizer(const Trial& a, const Trial& b) {
  const double middle = 0.5 * (a.stepsize + b.stepsize);
  const double width = b.stepsize - a.stepsize;
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.stepsize - b.stepsize);
  const double discriminant = d1 * d1 - a.slope * b.slope;
  if (!(discriminant >= 0)) return middle;
  const double d2 = std::copysign(std::sqrt(discriminant), width);
  const double minimizer = b.stepsize - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  if (!std::isfinite(minimizer)) return middle;
  const double margin = 0.1 * std::abs(width);
  return std::clamp(minimizer, std::min(a.stepsize, b.stepsize) + margin,
                    std::max(a.stepsize, b.stepsize) - margin);
}

class Search {
 public:
  Search(const Objective& problem, const ConstVectorRef& x, double value, double slope,
         const Vector& direction, const WolfeOptions& options)
      : problem_(problem), x_(x), direction_(direction), options_(options) {
    zero_.value = value;
    zero_.slope = slope;
    best_ = zero_;
  }

  WolfeResult run(double first) {
    Trial low = zero_, high;
    bool bracketed = false;
    for (double stepsize = first; evaluations_ < options_.trials;) {
      Trial trial = measure(stepsize);
      if (accepts(trial)) return result(std::move(trial), true);
      // Algorithm 3.5 until a bracket is found, then algorithm 3.6 within [low, high].
      const bool rises =
          !decreases(trial) || (trial.value >= low.value && distinct(trial.value, low.value));
      if (!rises) keep_best(trial);
      if (rises) {
        high = std::move(trial);
        bracketed = true;
      } else {
        const double towards_high = bracketed ? high.stepsize - low.stepsize : 1;
        const bool turned = trial.slope * towards_high >= 0;
        if (turned) high = std::move(low);
        bracketed = bracketed || turned;
        low = std::move(trial);
      }
      const double before = stepsize;
      stepsize = bracketed ? cubic_minimizer(low, high) : expansion * stepsize;
      if (stepsize == before || stepsize == low.stepsize || !std::isfinite(stepsize)) break;
    }
    const bool decreased = best_.stepsize > 0;
    return result(std::move(best_), decreased);
  }

 private:
  static constexpr double expansion = 4;

  Trial measure(double stepsize) {
    Trial trial;
    trial.stepsize = stepsize;
    trial.point = evaluate(problem_, x_ + stepsize * direction_);
    ++evaluations_;
    trial.value =
        trial.point.finite() ? trial.point.value : std::numeric_limits<double>::infinity();
    trial.slope = trial.point.finite() ? trial.point.gradient.dot(direction_) : 0;
    return trial;
  }

  // Whether two values can be told apart in spite of their rounding.
  bool distinct(double a, double b) const {
    constexpr double rounding = 16 * std::numeric_limits<double>::epsilon();
    return !(std::abs(a - b) <= rounding * std::abs(zero_.value));
  }

  // Sufficient decrease; where neither the value nor the decrease asked for differs from 0 beyond
  // rounding, the slope decides alone.
  bool decreases(const Trial& trial) const {
    const double demand = zero_.value + options_.decrease * trial.stepsize * zero_.slope;
    if (trial.value <= demand) return true;
    return !distinct(trial.value, zero_.value) && !distinct(demand, zero_.value) &&
           trial.slope <= (2 * options_.decrease - 1) * zero_.slope;
  }

  bool accepts(const Trial& trial) const {
    return decreases(trial) && std::abs(trial.slope) <= options_.curvature * std::abs(zero_.slope);
  }

  void keep_best(const Trial& trial) {
    if (trial.value < best_.value) best_ = trial;
  }

  WolfeResult result(Trial trial, bool found) const {
    return {found, trial.stepsize, std::move(trial.point), evaluations_};
  }

  const Objective& problem_;
  const ConstVectorRef& x_;
  const Vector& direction_;
  const WolfeOptions& options_;
  Trial zero_;
  Trial best_;  // the lowest trial with sufficient decrease, else zero_
  std::int64_t evaluations_ = 0;
};

}  // namespace

WolfeResult wolfe_line_search(const Objective& problem, const ConstVectorRef& x, double value,
                              const Vector& gradient, const Vector& direction, double first,
                              const WolfeOptions& options) {
  return Search(problem, x, value, gradient.dot(direction), direction, options).run(first);
}

}  // namespace thalweg
