// The function of H. H. Rosenbrock, Comput. J. 3 (1960), chained over n parameters.
#pragma once

#include "thalweg/problem/objective.hpp"

namespace thalweg {

/// f(x) = sum over i < n - 1 of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2; minimum 0 at (1, ..., 1).
class Rosenbrock : public Objective {
 public:
  explicit Rosenbrock(Index n) : n_(n) {}
  Index dimension() const override { return n_; }
  double value(const ConstVectorRef& x) const override {
    Vector g(n_);
    return value_and_gradient(x, g);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    double f = 0;
    g.setZero();
    for (Index i = 0; i + 1 < n_; ++i) {
      const double valley = x[i + 1] - x[i] * x[i], slope = 1 - x[i];
      f += 100 * valley * valley + slope * slope;
      g[i] += -400 * x[i] * valley - 2 * slope;
      g[i + 1] += 200 * valley;
    }
    return f;
  }

 private:
  Index n_;
};

}  // namespace thalweg
