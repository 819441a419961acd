#include "thalweg/method/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "first_order.hpp"
#include "wolfe_line_search.hpp"

namespace thalweg {
namespace {

// The column of the k-th newest pair, k = 0 .. pairs - 1.
Index column(const LbfgsState& state, std::int64_t k) {
  const std::int64_t memory = state.moves.cols();
  return (state.next - 1 - k + 2 * memory) % memory;
}

// -H g by the two-loop recursion (algorithm 7.4).
Vector quasi_newton_direction(const LbfgsState& state) {
  Vector q = -state.gradient;
  if (state.pairs == 0) return q;
  Vector alpha(state.pairs);
  for (std::int64_t k = 0; k < state.pairs; ++k) {
    const auto s = state.moves.col(column(state, k)), y = state.changes.col(column(state, k));
    alpha[k] = s.dot(q) / s.dot(y);
    q -= alpha[k] * y;
  }
  const auto s = state.moves.col(column(state, 0)), y = state.changes.col(column(state, 0));
  q *= s.dot(y) / y.squaredNorm();
  for (std::int64_t k = state.pairs - 1; k >= 0; --k) {
    const auto move = state.moves.col(column(state, k)),
               change = state.changes.col(column(state, k));
    const double beta = change.dot(q) / move.dot(change);
    q += (alpha[k] - beta) * move;
  }
  return q;
}

void forget(LbfgsState& state) { state.pairs = state.next = 0; }

// Adds the pair unless its curvature is not positive beyond rounding.
void remember(LbfgsState& state, const Vector& move, const Vector& change) {
  const double curvature = move.dot(change);
  if (!(curvature > std::numeric_limits<double>::epsilon() * change.squaredNorm())) return;
  const std::int64_t memory = state.moves.cols();
  state.moves.col(state.next) = move;
  state.changes.col(state.next) = change;
  state.next = (state.next + 1) % memory;
  state.pairs = std::min(state.pairs + 1, memory);
}

// Without pairs the length of the gradient says nothing about the distance: begin with a unit move.
double first_trial(const LbfgsState& state) {
  return state.pairs > 0 ? 1 : std::min(1.0, 1 / state.gradient.norm());
}

StopReason line_search_reason(const LbfgsState& state) {
  return {Outcome::stalled, "line-search", state.gradient.norm(), std::nullopt,
          "no step along the gradient decreases the value: rounding is reached, or the gradient is "
          "wrong"};
}

}  // namespace

void Lbfgs::Options::visit(OptionVisitor& visitor) {
  visitor.option("memory", memory, "pairs of moves and gradient changes held, 1 .. 1000");
  visitor.option("decrease", decrease,
                 "c1 of the Wolfe conditions, 0 < c1 < c2 (Nocedal & Wright, section 3.1)");
  visitor.option("curvature", curvature,
                 "c2 of the Wolfe conditions, c1 < c2 < 1 (Nocedal & Wright, section 3.1)");
  visitor.option("trials", trials, "evaluations allowed to one line search, 1 .. 1000");
}

void Lbfgs::Options::validate() const {
  OptionChecker checker("lbfgs");
  checker.require(memory >= 1 && memory <= 1000, "memory", "lie in 1 .. 1000",
                  static_cast<double>(memory));
  checker.require(decrease > 0 && decrease < curvature, "decrease", "lie in (0, curvature)",
                  decrease);
  checker.require(curvature > 0 && curvature < 1, "curvature", "lie in (0, 1)", curvature);
  checker.require(trials >= 1 && trials <= 1000, "trials", "lie in 1 .. 1000",
                  static_cast<double>(trials));
  checker.throw_if_any();
}

Lbfgs::Lbfgs(Options options) : options_(options) { options_.validate(); }

void Lbfgs::start(const Objective& problem, LbfgsState& state, Context&) const {
  measure(problem, state);
  state.moves = Matrix::Zero(state.x.size(), options_.memory);
  state.changes = state.moves;
  forget(state);
}

StepRecord Lbfgs::advance(const Objective& problem, LbfgsState& state, Context&) const {
  if (state.gradient.squaredNorm() == 0) return halted(state, zero_gradient_reason(), 0);
  const WolfeOptions wolfe{options_.decrease, options_.curvature, options_.trials};
  const auto search = [&](const Vector& direction) {
    return wolfe_line_search(problem, state.x, state.value, state.gradient, direction,
                             first_trial(state), wolfe);
  };

  Vector direction = quasi_newton_direction(state);
  WolfeResult line;
  if (direction.dot(state.gradient) < 0) line = search(direction);
  if (!line.found && state.pairs > 0) {  // begin again from the steepest descent, once
    forget(state);
    const std::int64_t earlier = line.evaluations;
    line = search(-state.gradient);
    line.evaluations += earlier;
  }
  if (!line.found) return halted(state, line_search_reason(state), line.evaluations);

  remember(state, line.point.x - state.x, line.point.gradient - state.gradient);
  const double distance = move_to(state, std::move(line.point));
  StepRecord record = record_of(state);
  record.step_norm = distance;
  record.stepsize = line.stepsize;
  record.evaluations = line.evaluations;
  return record;
}

StepRecord Lbfgs::describe(const Objective&, const LbfgsState& state) const {
  return record_of(state);
}

void Lbfgs::rebuild(const Objective&, LbfgsState& state, Context&) const {
  const Index n = state.x.size(), memory = options_.memory;
  require_whole(state.gradient.size() == n && state.moves.rows() == n &&
                    state.moves.cols() == memory && state.changes.rows() == n &&
                    state.changes.cols() == memory && state.pairs >= 0 && state.pairs <= memory &&
                    state.next >= 0 && state.next < memory,
                name());
}

}  // namespace thalweg
