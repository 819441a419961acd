#include "thalweg/certify/plateau.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "certify/plateau_probe.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

constexpr double visible = 1e-3;  // of the gap: a gain that counts
constexpr double clearly = 2;     // times as much
constexpr double shorter = 0.75;  // of the length taken
// Of the fall, that noise takes back: where the values swing, the gradient at one point does too.
constexpr double noise_balance = 0.5, swinging_balance = 0.2;
constexpr double singular = 1e-6;        // of the largest curvature
constexpr double saddle_over_swing = 3;  // gain over the deviation of the values

// One diagnosis in the making.
class Diagnosing {
 public:
  Diagnosing(const Objective& problem, const ConstVectorRef& x, const PlateauContext& context)
      : context_(context), probe_(problem, x, context), x_norm_(x.norm()) {
    found_.first_step = context.plateau.first_step;
    found_.last_step = context.plateau.last_step;
    found_.at_end = !context.plateau.left;
    found_.value = context.plateau.value;
    found_.kind = "undecided";
  }

  PlateauDiagnosis run() {
    if (!probe_.finite()) {
      found_.because = "value or gradient is not finite at the point";
      return take();
    }
    note("gradient_norm", probe_.gradient_norm());
    note("gap", probe_.gap());
    if (context_.plateau.noisy) note("deviation", context_.plateau.deviation);
    down_ = probe_.along_gradient();
    note("gradient_gain", down_.gain);
    if (down_.length > 0) note("gradient_length", down_.length);
    measure_curvature();
    decide();
    return take();
  }

 private:
  void note(const char* name, double value) {
    if (std::isfinite(value)) found_.measured[name] = value;
  }
  void conclude(const char* kind, std::string advice) {
    found_.kind = kind;
    found_.advice = std::move(advice);
  }
  PlateauDiagnosis take() {
    note("gradients", probe_.spent());
    return std::move(found_);
  }

  bool counts(double gain) const { return gain > 0 && gain >= visible * probe_.gap(); }

  void measure_curvature() {
    curvature_ = probe_.curvature();
    if (!curvature_) return;
    note("smallest_curvature", curvature_->smallest);
    note("largest_curvature", curvature_->largest);
    note("curvature_bound", curvature_->lower);
    if (curvature_->smallest >= -curvature_->error) return;
    out_ = probe_.along(curvature_->vector);
    note("saddle_gain", out_.gain);
    note("saddle_length", out_.length);
  }

  void decide() {
    if (is_at_bound() || is_saddle() || is_noise_floor() || is_rank_loss() || is_step_floor() ||
        is_slow())
      return;
    name_minimum();
  }

  bool is_at_bound() {
    constexpr double rounding = 1e-12;  // relative: what sums over samples leave
    const double size = std::max(std::abs(context_.plateau.value), std::abs(context_.start_value));
    if (!(probe_.gap() <= rounding * size)) return false;
    conclude("minimum", "the value is at its lower bound to rounding: nothing is left to gain");
    return true;
  }

  bool is_saddle() {
    // Far along a tiny gradient it is the curvature that gains.
    const bool by_gradient =
        probe_.gradient_norm() > context_.eps && out_.gain < clearly * down_.gain;
    if (!counts(out_.gain) || by_gradient ||
        out_.gain < saddle_over_swing * context_.plateau.deviation)
      return false;
    conclude("saddle",
             fmt::format("a saddle: curvature {:.3g} along a direction that lowers the value by "
                         "{:.3g}; {}",
                         curvature_->smallest, out_.gain, way_out()));
    return true;
  }

  std::string way_out() const {
    return context_.leaves_saddles ? "give more steps, or a smaller eps (escape-eps)"
                                   : "leave it with --option escape=on";
  }

  bool is_noise_floor() {
    const auto noise = probe_.noise();
    if (!noise) return false;
    note("noise_deviation", noise->deviation);
    bool floor = probe_.gradient_norm() <= noise->deviation;
    if (noise->rise) {
      note("noise_rise", *noise->rise);
      note("gradient_fall", noise->fall);
      floor =
          *noise->rise > 0 &&
          *noise->rise >= (context_.plateau.noisy ? swinging_balance : noise_balance) * noise->fall;
    }
    if (!floor) return false;
    if (context_.plateau.stepsize) note("stepsize", *context_.plateau.stepsize);
    const char* const otherwise = context_.annealed
                                      ? "or more steps (--max-steps) for the schedule"
                                      : "--option schedule=cosine, or a smaller stepsize";
    conclude(
        "noise-floor",
        fmt::format("the noise of batches of {} undoes what the gradient gains: a larger batch "
                    "(--option batch={}), {}",
                    context_.batch, 4 * context_.batch, otherwise));
    return true;
  }

  bool is_rank_loss() {
    if (counts(down_.gain)) return false;
    const auto rank = probe_.lost_rank();
    if (!rank) return false;
    note("rank", static_cast<double>(rank->here));
    note("rank_nearby", static_cast<double>(rank->nearby));
    note("rank_probes", static_cast<double>(rank->probes));
    conclude("rank-loss",
             fmt::format("the Jacobian has lost rank here ({}, and at least {} nearby): {}, or "
                         "start elsewhere (--seed)",
                         rank->here, rank->nearby,
                         context_.leaves_saddles ? "give more steps" : "--option escape=on"));
    return true;
  }

  // The length of the steps taken, where they are the method's own choice.
  double step_taken() const {
    const Plateau& plateau = context_.plateau;
    if (context_.steps_verified) return 0;
    if (plateau.last_step_norm) return *plateau.last_step_norm;
    return context_.plain_steps ? plateau.stepsize.value_or(0) * probe_.gradient_norm() : 0;
  }

  bool is_step_floor() {
    const double taken = step_taken();
    if (taken > 0) note("step_norm", taken);
    if (!counts(down_.gain) || !(down_.length <= shorter * taken)) return false;
    if (context_.step_floor) note("step_floor", *context_.step_floor);
    conclude("step-floor",
             fmt::format("steps of length {:.3g} do not lower the value, and one of {:.3g} lowers "
                         "it by {:.3g}: a smaller stepsize, or --method lbfgs, which verifies its "
                         "steps",
                         taken, down_.length, down_.gain));
    return true;
  }

  bool is_slow() {
    const double taken = step_taken();
    if (counts(down_.gain)) {
      conclude(
          "slow-progress",
          taken > 0
              ? fmt::format("steps of length {:.3g} are too short, one of {:.3g} lowers the "
                            "value by {:.3g}: a larger stepsize, or --method lbfgs",
                            taken, down_.length, down_.gain)
              : fmt::format("a step along the gradient lowers the value by {:.3g}: more steps, "
                            "or another method",
                            down_.gain));
      return true;
    }
    if (probe_.gradient_norm() <= context_.eps) return false;
    conclude("slow-progress",
             "the gradient is not zero, but no step along it gains: curvatures differ too much for "
             "a gradient method; --method levenberg-marquardt, newton or lbfgs");
    return true;
  }

  void name_minimum() {
    if (!curvature_) {
      found_.because =
          "the curvature would take more than the share of the run's work that is "
          "given to it; thalweg certify measures it";
      return;
    }
    note("effective_dimension", curvature_->effective_dimension);
    const double floor = std::max(singular * std::abs(curvature_->largest), curvature_->error);
    // Curvature that changes the value by nothing visible over the whole way so far is none.
    const double way = std::max(x_norm_, context_.distance);
    const bool weak = curvature_->largest * way * way / 2 <= visible * probe_.gap();
    if (curvature_->smallest > floor && !weak) {
      conclude("minimum",
               "a minimum as far as second derivatives tell: to go lower takes another "
               "start (--seed), a larger model or other data");
      return;
    }
    conclude(
        "flat-minimum",
        fmt::format("a flat minimum: about {:.2g} directions have curvature, and none that was "
                    "found goes down; to go lower takes another start (--seed), a larger "
                    "model or other data",
                    std::max(1.0, curvature_->effective_dimension)));
  }

  const PlateauContext& context_;
  PlateauProbe probe_;
  double x_norm_;
  PlateauDiagnosis found_;
  LineGain down_, out_;
  std::optional<ProbedCurvature> curvature_;
};

}  // namespace

PlateauDiagnosis diagnose_plateau(const Objective& problem, const ConstVectorRef& x,
                                  const PlateauContext& context) {
  if (x.size() != problem.dimension())
    throw UsageError(fmt::format("the point of a plateau has {} numbers where the problem has {}",
                                 x.size(), problem.dimension()));
  if (context.gradients < least_plateau_gradients) {
    PlateauDiagnosis undecided;
    undecided.first_step = context.plateau.first_step;
    undecided.last_step = context.plateau.last_step;
    undecided.at_end = !context.plateau.left;
    undecided.value = context.plateau.value;
    undecided.kind = "undecided";
    undecided.because = "a diagnosis would take more than its share of the run's work";
    return undecided;
  }
  return Diagnosing(problem, x, context).run();
}

}  // namespace thalweg
