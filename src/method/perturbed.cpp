#include "thalweg/method/perturbed.hpp"

namespace thalweg {

void Perturbed::Options::visit(OptionVisitor& visitor) {
  PerturbationOptions::visit(visitor);
  visitor.option("stepsize", stepsize, "eta; 0: 1 / l");
}

void Perturbed::Options::validate() const {
  OptionChecker checker("perturbed");
  check(checker);
  require_not_negative(checker, "stepsize", stepsize);
  checker.throw_if_any();
}

namespace {

// Before the base is made.
Perturbed::Options validated(Perturbed::Options options) {
  options.validate();
  return options;
}

}  // namespace

Perturbed::Perturbed(Options options)
    : PerturbedDescent(validated(options), true), options_(options) {}

double Perturbed::multiplier(const PerturbedState& state, double) const { return state.stepsize; }

void Perturbed::choose_step(PerturbedState& state) const {
  state.stepsize = options_.stepsize > 0 ? options_.stepsize : 1 / state.smoothness;
}

}  // namespace thalweg
