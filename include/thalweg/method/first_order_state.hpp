// The state that the methods share which see a problem through its value and gradient alone.
#pragma once

#include "thalweg/run/method.hpp"

namespace thalweg {

/// Invariant: value and gradient are measured at x.
struct FirstOrderState : State {
  Vector gradient;  ///< g(x), (n)

  void visit(StateVisitor& visitor) override {
    State::visit(visitor);
    visitor.field("gradient", gradient);
  }
};

}  // namespace thalweg
