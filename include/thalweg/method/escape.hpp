// Any method, made to leave stationary points that are no minima: --option escape=on.
//
// The method runs as it is. Where it comes to a stationary point (its gradient is at most eps, it
// halts there, or the value has not moved for `escape-plateau` steps) the Hessian is asked, by
// Lanczos with a failure probability, whether lambda_min >= -sqrt(rho eps):
//
//   no            a strict saddle (or undecided, with a negative Ritz value): one step along the
//                 direction of negative curvature, of the length 2 c / rho
//                 (method/saddle_theory.hpp), shortened until f falls, and the method starts again
//   yes, and J    a degenerate plateau, such as the all-zero start of a network with two hidden
//   lost rank     layers, where the Hessian is positive semidefinite: no theory sets a radius. A
//                 perturbation of the published radius is doubled until the rank changes, at most
//                 to the norm that a start has; where the value does not follow, it is doubled
//                 further
//   yes, else     a second-order stationary point: the method's own end stands
//
// Rank loss is seen from J times 16 random vectors (fewer where min(m, n) is): their images have a
// rank below that only if J has.
//
// Guarantee: f never rises at a step along curvature; no run ends at a strict saddle that Lanczos
// finds. The heuristic radius has none, and the report says so. Curvature bounds are those the
// problem states, else measured at the point.
#pragma once

#include "thalweg/method/curvature_check.hpp"
#include "thalweg/run/option_visitor.hpp"

namespace thalweg {

struct EscapeState final : State {
  std::unique_ptr<State> inner;
  double eps = 0, scale = 0;  ///< in force
  std::int64_t escapes = 0;
  std::int64_t check_position = 0, noise_position = 0;  ///< of the random streams
  CheckSchedule checks;
  // Since when the value has not moved.
  double plateau_value = 0;
  std::int64_t plateau_steps = 0;
  // Steps along curvature since the value last fell by a millionth.
  double moves_value = 0;
  std::int64_t moves = 0;
  // The degenerate point that was left last, and the radius tried there; 0: none.
  Vector degenerate;
  double degenerate_value = 0, radius = 0;

  void visit(StateVisitor& visitor) override;
};

class Escaping final : public Method {
 public:
  struct Options {
    enum class Switch { off, on };
    Switch escape = Switch::off;
    double eps = 0;             ///< of |g|; 0: 1e-3 max(1, |g(x0)|)
    std::int64_t plateau = 20;  ///< steps without a change of the value, >= 1
    double scale = 0;           ///< largest heuristic radius; 0: the norm that a start has

    void visit(OptionVisitor& visitor);
    void validate() const;  ///< throws UsageError naming every violated range at once
  };

  Escaping(std::unique_ptr<Method> method, Options options);

  std::string_view name() const override { return method_->name(); }
  std::unique_ptr<State> init(const Objective& problem, const ConstVectorRef& x0,
                              Context& context) const override;
  StepRecord start_record(const Objective& problem, const State& state) const override;
  StepRecord step(const Objective& problem, State& state, Context& context) const override;
  std::unique_ptr<State> blank_state() const override;
  void restore(const Objective& problem, State& state, Context& context) const override;

 private:
  bool is_stationary(EscapeState& state, const StepRecord& record) const;
  bool leave(const Objective& problem, EscapeState& state, StepRecord& record,
             Context& context) const;
  bool follow_curvature(const Objective& problem, EscapeState& state, const CurvatureAnswer& answer,
                        double length, StepRecord& record, Context& context) const;
  bool perturb(const Objective& problem, EscapeState& state, double first_radius,
               StepRecord& record, Context& context) const;
  void move_to(const Objective& problem, EscapeState& state, const ConstVectorRef& x,
               StepRecord& record, Context& context) const;

  std::unique_ptr<Method> method_;
  Options options_;
};

}  // namespace thalweg
