// Learning-rate schedules: how a stepsize changes over the steps of a run.
#pragma once

#include <cstdint>

#include "thalweg/core/error.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// A factor on the stepsize of step t = 0, 1, ... of T:
///
///     constant       1
///     cosine         (1 + cos(pi min(t, T) / T)) / 2        Loshchilov & Hutter, ICLR 2017
///     step           decay^floor(t / every)
///     inverse-sqrt   1 / sqrt(t + 1)
struct Schedule {
  enum class Kind { constant, cosine, step, inverse_sqrt };

  Kind kind = Kind::constant;
  std::int64_t horizon = 0;  ///< T of cosine, steps; 0: the plan fills in the steps of the run
  double decay = 0.1;        ///< of step, in (0, 1]
  std::int64_t every = 0;    ///< steps, of step; 0: a third of the horizon

  void visit(OptionVisitor& visitor);
  void check(OptionChecker& checker) const;
  /// The factor at step t >= 0. Without a horizon cosine and step are constant.
  double at(std::int64_t t) const;
};

}  // namespace thalweg
