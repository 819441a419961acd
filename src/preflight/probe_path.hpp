// The points at which preflight measures: a short path of verified gradient steps.
#pragma once

#include <cstdint>
#include <vector>

#include "thalweg/problem/objective.hpp"

namespace thalweg::preflight {

/// A point with what one evaluation gives there.
struct Probe {
  Vector x;
  double value = 0;
  Vector gradient;
  double gradient_norm = 0;

  bool finite() const;
};

/// One evaluation.
Probe probe_at(const Objective& problem, Vector x);

struct PathOptions {
  /// Of the step to where the gradient would vanish if all of it were along the direction: 1 makes
  /// the gradient fall fastest, 1/2 gives more points on the way.
  double share = 1;
  /// Steps are also shortened until the gradient changes along them nearly in proportion, so that
  /// none jumps over a region of other curvature. One evaluation more per step.
  bool careful = false;
};

/// Gradient descent that needs no constant: the curvature c = |H d| along the direction d = -g/|g|
/// gives the step share |g| / c, which is then shortened until the value falls. Cheap: two
/// evaluations a step where nothing is shortened.
class ProbePath {
 public:
  ProbePath(const Objective& problem, const ConstVectorRef& x0, PathOptions options);

  const Probe& here() const { return here_; }
  /// One step of at most so many evaluations. False: the path is at its end, since the gradient is
  /// (relative to the start) zero to rounding, or no step lowers the value.
  bool advance(std::int64_t most_evaluations);
  std::int64_t evaluations() const { return evaluations_; }

 private:
  double first_step();                  // one evaluation
  bool is_straight(const Probe& next);  // one evaluation

  const Objective& problem_;
  PathOptions options_;
  Probe here_;
  double start_norm_;  // of the gradient
  std::int64_t evaluations_ = 1;
};

/// Points of such a path within most_evaluations, at most `count` >= 2 of them, evenly spread over
/// its steps; the first is x0, the last where the path ended. `evaluations` are those used.
struct PathPoints {
  std::vector<Probe> probes;
  std::int64_t evaluations = 0;
};
PathPoints walk(const Objective& problem, const ConstVectorRef& x0, PathOptions options,
                std::size_t count, std::int64_t most_evaluations);

}  // namespace thalweg::preflight
