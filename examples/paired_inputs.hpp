// Pairs of inputs at distance delta: a problem whose conditioning is set by one number.
#pragma once

#include <cmath>
#include <memory>

#include "thalweg/core/random.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace paired_inputs {

using namespace thalweg;

/// How the two labels of a pair differ, beyond the smooth function both come from.
enum class Labels {
  slope,  ///< by delta times a random slope: what a function of bounded slope can fit
  jump    ///< by a random number of order 1: the fit must be as steep as 1 / delta
};

struct Problem {
  std::shared_ptr<const CompositeObjective> objective;
  Vector start;
};

/// Eight pairs x, x + delta u in the plane, |u| = 1, labels sin(w'x) plus the difference above,
/// a network of 64 tanh units, squared loss; all drawn from `seed`.
inline Problem make(std::uint64_t seed, double delta, Labels labels) {
  constexpr Index pairs = 8, dimension = 2;
  RandomStream random(seed, "pairs");
  const Vector w = random.normal_vector(dimension);
  Matrix inputs(2 * pairs, dimension), targets(2 * pairs, 1);
  for (Index p = 0; p < pairs; ++p) {
    const Vector x = random.normal_vector(dimension);
    const Vector u = random.normal_vector(dimension).normalized();
    const double difference = random.normal();
    const Vector partner = x + delta * u;
    inputs.row(2 * p) = x;
    inputs.row(2 * p + 1) = partner;
    targets(2 * p, 0) = std::sin(w.dot(x));
    targets(2 * p + 1, 0) =
        std::sin(w.dot(partner)) + (labels == Labels::slope ? delta : 1) * difference;
  }
  const Network network({.inputs = dimension, .hidden = {64}, .outputs = 1});
  return {std::make_shared<CompositeObjective>(network.on(inputs),
                                               std::make_shared<SquaredLoss>(targets)),
          network.initial_parameters(seed)};
}

/// The target of the experiment: |r| <= 1e-2 delta |r(0)|, as a value of the objective.
inline double target(const Problem& problem, double delta) {
  const double share = 1e-2 * delta;
  return share * share * problem.objective->value(problem.start);
}

}  // namespace paired_inputs
