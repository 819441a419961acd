// L-BFGS: limited-memory quasi-Newton with a strong Wolfe line search.
//
//   J. Nocedal: Updating quasi-Newton matrices with limited storage, Math. Comp. 35 (1980);
//   Nocedal & Wright: Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5, line
//   search 3.5, 3.6.
//
// Minimises f by
//
//     x+ = x + eta d,   d = -H g,   eta: f(x+) <= f(x) + c1 eta g'd  and  |g+'d| <= c2 |g'd|
//
// where H is the BFGS matrix of the last `memory` pairs  s = x+ - x,  y = g+ - g,  begun from
// (s'y / y'y) I, and applied by the two-loop recursion without being formed.
//
//   symbol   here                        shape        unit
//   x        state.x                     (n)          parameters
//   g        state.gradient              (n)          objective / parameter
//   s        columns of state.moves      (n, memory)  parameters
//   y        columns of state.changes    (n, memory)  objective / parameter
//   eta      record.stepsize                          1; 1 once the pairs describe f
//
// A pair with s'y <= 2^-52 y'y is left out, so H stays positive definite and d a descent direction.
// For uniformly convex f the values converge linearly (R-linearly); in practice much faster than gd
// where the conditioning is poor. Every kept point has been evaluated and satisfies the first
// condition (or, where it drowns in rounding, its approximate form by Hager & Zhang 2005, eq. 23).
#pragma once

#include "thalweg/method/first_order_state.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

/// Invariant: `pairs` pairs are held; the newest is in column (next - 1) mod memory, the one before
/// it in (next - 2) mod memory, and so on.
struct LbfgsState final : FirstOrderState {
  Matrix moves, changes;   ///< s and y by columns, (n, memory)
  std::int64_t pairs = 0;  ///< 0 .. memory
  std::int64_t next = 0;   ///< the column that the next pair goes to

  void visit(StateVisitor& visitor) override {
    FirstOrderState::visit(visitor);
    visitor.field("moves", moves);
    visitor.field("changes", changes);
    visitor.field("pairs", pairs);
    visitor.field("next", next);
  }
};

class Lbfgs final : public MethodFor<Objective, LbfgsState> {
 public:
  struct Options {
    std::int64_t memory = 10;  ///< pairs held, 1 .. 1000; default: the upper of the usual 3 .. 20
    double decrease = 1e-4;    ///< c1, 0 < c1 < c2; default from Nocedal & Wright, section 3.1
    double curvature = 0.9;    ///< c2, c1 < c2 < 1; default from Nocedal & Wright, section 3.1
    std::int64_t trials = 40;  ///< evaluations of one line search, 1 .. 1000

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Lbfgs() : Lbfgs(Options{}) {}
  explicit Lbfgs(Options options);

  std::string_view name() const override { return "lbfgs"; }
  const Options& options() const { return options_; }

 protected:
  void start(const Objective& problem, LbfgsState& state, Context& context) const override;
  StepRecord advance(const Objective& problem, LbfgsState& state, Context& context) const override;
  StepRecord describe(const Objective& problem, const LbfgsState& state) const override;
  void rebuild(const Objective& problem, LbfgsState& state, Context& context) const override;

 private:
  Options options_;
};

}  // namespace thalweg
