#include "thalweg/method/large_step_theory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace thalweg {
namespace {

double square(double a) { return a * a; }
double count(Index n) { return static_cast<double>(n); }
double ln_plus(double a) { return a > 1 ? std::log(a) : 0; }

// E = eta R^2: the stepsize on rows of norm at most 1.
double unit_stepsize(const SeparableRows& rows, double eta) { return eta * square(rows.row_norm); }

// s(t) = gamma^2 E t.
double path(const SeparableRows& rows, double eta, double steps) {
  return square(rows.margin) * unit_stepsize(rows, eta) * steps;
}

// sqrt 2 + 2 ln+ s + E.
double reach(const SeparableRows& rows, double eta, double steps) {
  return std::numbers::sqrt2 + 2 * ln_plus(path(rows, eta, steps)) + unit_stepsize(rows, eta);
}

// ln((2 F + ln+^2 s) / s).
double ln_stable(double s, double potential) {
  return std::log(2 * potential + square(ln_plus(s))) - std::log(s);
}

// The largest value of (2 F + ln+^2 u) / u over u >= s: it falls, but for a rise up to its peak at
// ln u = 1 + sqrt(1 - 2 F).
double ln_worst_stable(double s, double potential) {
  const double here = ln_stable(s, potential);
  if (2 * potential >= 1) return here;
  const double peak = std::exp(1 + std::sqrt(1 - 2 * potential));
  return s < peak ? std::max(here, ln_stable(peak, potential)) : here;
}

// c: the largest |a|^2 / |z|^2 of a margin direction a.
double direction_factor(int classes) { return classes == 2 ? 1 : 2; }

}  // namespace

double ln_average_loss_bound(const SeparableRows& rows, double eta, double steps) {
  const double s = path(rows, eta, steps);
  return std::log(1 + square(ln_plus(s)) + square(unit_stepsize(rows, eta)) / 4) - std::log(s);
}

double parameter_norm_bound(const SeparableRows& rows, double eta, double steps) {
  return reach(rows, eta, steps) / (rows.margin * rows.row_norm);
}

double ln_average_potential_bound(const SeparableRows& rows, double eta, double steps) {
  return std::log(reach(rows, eta, steps)) - std::log(path(rows, eta, steps));
}

double stable_loss(const SeparableRows& rows, double eta) { return 1 / unit_stepsize(rows, eta); }

double ln_stable_loss_bound(const SeparableRows& rows, double eta, double steps, double potential) {
  return ln_stable(path(rows, eta, steps), potential);
}

double transition_steps(const SeparableRows& rows, double eta) {
  const double step = unit_stepsize(rows, eta), n = count(rows.samples), ratio = n / step;
  return 60 / square(rows.margin) *
         std::max({step, n, std::numbers::e, (1 + ratio) * std::log1p(ratio)});
}

double ln_best_loss_bound(const SeparableRows& rows, double eta, double steps) {
  double best = std::min(std::log(std::numbers::ln2), ln_average_loss_bound(rows, eta, steps + 1));
  const double transition = transition_steps(rows, eta);
  if (steps > transition) {
    const double potential = std::min(stable_loss(rows, eta), 1 / count(rows.samples));
    best = std::min({best, std::log(potential),
                     ln_worst_stable(path(rows, eta, steps - transition), potential)});
  }
  return best;
}

double proved_stepsize(const SeparableRows& rows, double steps) {
  return square(rows.margin / rows.row_norm) * steps / 120;
}

double practical_stepsize(const SeparableRows& rows, double steps) {
  return square(rows.margin / rows.row_norm) * steps / 4;
}

double ln_adaptive_loss_bound(const SeparableRows& rows, int classes, double eta, double steps) {
  const double step = unit_stepsize(rows, eta), c = direction_factor(classes);
  const double start = std::log(static_cast<double>(classes - 1));
  const double progress = square(rows.margin) * steps;
  if (2 * progress < c) return start + step * square(c) / (8 * progress);
  return start - step / 2 * (progress - c);
}

double adaptive_steps(const SeparableRows& rows, int classes, double eta, double ln_target) {
  const double step = unit_stepsize(rows, eta), c = direction_factor(classes);
  const double gap = std::log(static_cast<double>(classes - 1)) - ln_target;
  const double late = c + 2 * gap / step;
  // Before gamma^2 t = c / 2 the bound is ln(K - 1) + E c^2 / (8 gamma^2 t), above the start.
  const double progress = 2 * late >= c ? late : -square(c) * step / (8 * gap);
  return progress / square(rows.margin);
}

double ridge_stepsize(const SeparableRows& rows, double ridge) {
  const double n = count(rows.samples), radius = square(rows.row_norm);
  const double margin = square(rows.margin), penalty = ridge / radius;  // on rows of norm 1
  if (penalty > margin) return 1 / (radius / 4 + ridge);
  if (penalty * n * ln_plus(n) > margin) return std::cbrt(margin / penalty) / radius;
  return std::min(rows.margin / std::sqrt(penalty), margin / (n * penalty)) / radius;
}

double ridge_steps(const SeparableRows& rows, double ridge, double eta, double gap) {
  const double n = count(rows.samples), step = unit_stepsize(rows, eta);
  const double oscillation = std::max({step, n, n * ln_plus(n) / step}) / square(rows.margin);
  return oscillation + ln_plus(1 / gap) / (ridge * eta);
}

double ln_sgd_loss_bound(const SeparableRows& rows, double eta, double steps, double delta) {
  const double s = path(rows, eta, steps), step = unit_stepsize(rows, eta);
  const double mean = (2 + 2 * square(ln_plus(s)) + square(step) / 2) / s;
  const double chance =
      (3 + 2 * ln_plus(s) + step) / rows.margin * 18 * std::log(1 / delta) / steps;
  return std::log(mean + chance);
}

double sgd_error_bound(const SeparableRows& rows, double eta, double steps, double delta) {
  return 4 * reach(rows, eta, steps) / path(rows, eta, steps) + 36 * std::log(1 / delta) / steps;
}

double tangent_radius(const SeparableRows& rows, double eta, double steps, double delta) {
  constexpr double c_a = 1;
  const double tail = std::sqrt(1 + square(ln_plus(path(rows, eta, steps))));
  const double start = std::sqrt(2 * std::log(2 * count(rows.samples) / delta));
  return 6 * (tail + c_a + start + unit_stepsize(rows, eta)) / rows.margin;
}

double ln_tangent_width(const SeparableRows& rows, double eta, double steps, double delta) {
  const double radius = tangent_radius(rows, eta, steps, delta);
  const double chance = std::sqrt(std::sqrt(std::log(count(rows.samples) / delta)));
  return 6 * (std::log(30 * std::cbrt(radius) + 10 * chance) - std::log(rows.margin));
}

double tangent_transition_steps(const SeparableRows& rows, double eta) {
  const double n = count(rows.samples);
  return std::max(unit_stepsize(rows, eta), n * ln_plus(n)) / square(rows.margin);
}

}  // namespace thalweg
