// Minimises Rosenbrock's function with the three gradient methods: an objective of one's own, a
// method by its name, a run with its stop reason.
#include <cstdio>

#include "thalweg/method/registry.hpp"
#include "thalweg/run/run.hpp"

using namespace thalweg;

// f(x) = 100 (x2 - x1^2)^2 + (1 - x1)^2, with its minimum 0 at (1, 1).
class Rosenbrock final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override {
    const double valley = x[1] - x[0] * x[0], slope = 1 - x[0];
    return 100 * valley * valley + slope * slope;
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    const double valley = x[1] - x[0] * x[0], slope = 1 - x[0];
    g[0] = -400 * x[0] * valley - 2 * slope;
    g[1] = 200 * valley;
    return value(x);
  }
};

int main() {
  const Rosenbrock objective;
  Vector start(2);
  start << -1.2, 1;
  RunOptions options;
  options.stop = gradient_tolerance(1e-6) | max_steps(50000) | divergence();

  std::printf("method   outcome      steps  evaluations  value\n");
  for (const char* name : {"gd", "adam", "lbfgs"}) {
    const auto method = find_method(name).make({});
    const Result result = run(objective, *method, start, options);
    std::printf("%-7s  %-9s  %7lld  %11lld  %.0e\n", name, to_string(result.reason.outcome),
                static_cast<long long>(result.steps), static_cast<long long>(result.evaluations),
                result.value);
  }
}
