#include "thalweg/method/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace thalweg {

void Schedule::visit(OptionVisitor& visitor) {
  visitor.option("schedule", kind, {"constant", "cosine", "step", "inverse-sqrt"},
                 "how the stepsize changes over the steps");
  visitor.option("horizon", horizon,
                 "steps of the schedule, not negative; 0: the plan fills in the steps of the run");
  visitor.option("decay", decay, "schedule step: the stepsize is multiplied by it, in (0, 1]");
  visitor.option("every", every,
                 "schedule step: after so many steps, not negative; 0: a third of the horizon");
}

void Schedule::check(OptionChecker& checker) const {
  checker.require(horizon >= 0, "horizon", "not be negative", static_cast<double>(horizon));
  checker.require(decay > 0 && decay <= 1, "decay", "lie in (0, 1]", decay);
  checker.require(every >= 0, "every", "not be negative", static_cast<double>(every));
}

double Schedule::at(std::int64_t t) const {
  const auto steps = static_cast<double>(t);
  switch (kind) {
    case Kind::constant: return 1;
    case Kind::inverse_sqrt: return 1 / std::sqrt(steps + 1);
    case Kind::cosine: {
      if (horizon == 0) return 1;
      const double share = std::min(1.0, steps / static_cast<double>(horizon));
      return 0.5 * (1 + std::cos(std::numbers::pi * share));
    }
    case Kind::step: {
      const std::int64_t stage = every > 0 ? every : std::max<std::int64_t>(1, horizon / 3);
      if (every == 0 && horizon == 0) return 1;
      const std::int64_t stages = t / stage;
      return std::pow(decay, static_cast<double>(stages));
    }
  }
  return 1;
}

}  // namespace thalweg
