#include "probe_path.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "thalweg/problem/hessian.hpp"

namespace thalweg::preflight {

bool Probe::finite() const { return std::isfinite(value) && std::isfinite(gradient_norm); }

Probe probe_at(const Objective& problem, Vector x) {
  Probe probe;
  probe.gradient.resize(x.size());
  probe.value = problem.value_and_gradient(x, probe.gradient);
  probe.gradient_norm = probe.gradient.stableNorm();
  probe.x = std::move(x);
  return probe;
}

ProbePath::ProbePath(const Objective& problem, const ConstVectorRef& x0, PathOptions options)
    : problem_(problem),
      options_(options),
      here_(probe_at(problem, x0)),
      start_norm_(here_.gradient_norm) {}

// Where the objective is straight along d there is no such step: as far as the point is from 0.
double ProbePath::first_step() {
  const Vector d = -here_.gradient / here_.gradient_norm;
  Vector image(d.size());
  hessian_at(problem_, here_.x, here_.gradient)->apply(d, image);
  ++evaluations_;
  const double curvature = image.stableNorm();
  const double length = options_.share * here_.gradient_norm / curvature;
  return std::isfinite(length) && curvature > 0 ? length : 1 + here_.x.stableNorm();
}

// The gradient half-way is the mean of both ends where it changes in proportion.
bool ProbePath::is_straight(const Probe& next) {
  constexpr double allowed = 0.125;  // of the gradient
  const Probe middle = probe_at(problem_, (here_.x + next.x) / 2);
  ++evaluations_;
  const double bend = (middle.gradient - (here_.gradient + next.gradient) / 2).stableNorm();
  return bend <= allowed * std::max(here_.gradient_norm, next.gradient_norm);
}

bool ProbePath::advance(std::int64_t most_evaluations) {
  constexpr double least_gradient = 1e-6;  // of that of the start: below it rounding takes over
  constexpr double shorter = 0.25;
  constexpr int most_trials = 12;
  if (!here_.finite() || here_.gradient_norm <= least_gradient * start_norm_) return false;
  const std::int64_t last = evaluations_ + most_evaluations, per_trial = options_.careful ? 2 : 1;
  if (evaluations_ + 1 + per_trial > last) return false;
  double length = first_step();
  for (int trial = 0; trial < most_trials && evaluations_ + per_trial <= last; ++trial) {
    Probe next = probe_at(problem_, here_.x - length / here_.gradient_norm * here_.gradient);
    ++evaluations_;
    if (next.finite() && next.value < here_.value && (!options_.careful || is_straight(next))) {
      here_ = std::move(next);
      return true;
    }
    length *= shorter;
  }
  return false;
}

// Every stride-th point is kept; where there are too many, every second is dropped.
PathPoints walk(const Objective& problem, const ConstVectorRef& x0, PathOptions options,
                std::size_t count, std::int64_t most_evaluations) {
  ProbePath path(problem, x0, options);
  std::vector<Probe> kept = {path.here()};
  std::size_t stride = 1, steps = 0, last_kept = 0;
  while (path.advance(most_evaluations - path.evaluations())) {
    if (++steps % stride != 0) continue;
    if (kept.size() == 2 * count) {
      for (std::size_t i = 1; i < count; ++i) kept[i] = std::move(kept[2 * i]);
      kept.resize(count);
      stride *= 2;
      if (steps % stride != 0) continue;
    }
    kept.push_back(path.here());
    last_kept = steps;
  }
  if (last_kept != steps) kept.push_back(path.here());

  PathPoints points;
  points.evaluations = path.evaluations();
  const std::size_t chosen = std::min(count, kept.size());
  for (std::size_t i = 0; i < chosen; ++i)
    points.probes.push_back(std::move(kept[chosen < 2 ? 0 : i * (kept.size() - 1) / (chosen - 1)]));
  return points;
}

}  // namespace thalweg::preflight
