#include "thalweg/method/tamed.hpp"

#include <algorithm>
#include <cmath>

namespace thalweg {
namespace {

// Before the base is made.
Tamed::Options validated(Tamed::Options options) {
  options.validate();
  return options;
}

}  // namespace

double tamed_length(Tamed::Kernel kernel, double s) {
  switch (kernel) {
    case Tamed::Kernel::logarithmic: return s / (1 + s);
    case Tamed::Kernel::exponential: return std::log1p(s);
    case Tamed::Kernel::cosh: return std::asinh(s);
    case Tamed::Kernel::hard: break;
  }
  return std::min(s, 1.0);
}

void Tamed::Options::visit(OptionVisitor& visitor) {
  visitor.option("kernel", kernel, {"logarithmic", "exponential", "cosh", "hard"},
                 "how the length of a step grows with the gradient");
  visitor.option("stepsize", stepsize,
                 "gamma lambda, the multiplier of small gradients; 0: 1 / L0, from the curvature "
                 "bound");
  visitor.option("scale", scale,
                 "lambda: gradients well above 1 / lambda are tamed; 0: 1 / |gradient at start|");
  visitor.option("perturbed", perturbed,
                 "perturb at stationary points, and ask for second order there");
  PerturbationOptions::visit(visitor);
}

void Tamed::Options::validate() const {
  OptionChecker checker("tamed");
  check(checker);
  require_not_negative(checker, "stepsize", stepsize);
  require_not_negative(checker, "scale", scale);
  checker.throw_if_any();
}

Tamed::Tamed(Options options)
    : PerturbedDescent(validated(options), options.perturbed), options_(options) {}

double Tamed::multiplier(const PerturbedState& state, double gradient_norm) const {
  const double s = state.scale * gradient_norm;
  return s > 0 ? state.stepsize * tamed_length(options_.kernel, s) / s : state.stepsize;
}

void Tamed::choose_step(PerturbedState& state) const {
  state.stepsize = options_.stepsize > 0 ? options_.stepsize : 1 / state.smoothness;
  const double norm = state.gradient.stableNorm();
  // A gradient below eps is no scale, since it may be rounding: then what the level allows.
  const double typical =
      norm > options_.eps ? norm : state.curvature.bound().gradient_norm(state.value);
  const bool known = typical > 0 && std::isfinite(typical);
  state.scale = options_.scale > 0 ? options_.scale : (known ? 1 / typical : 1);
}

}  // namespace thalweg
