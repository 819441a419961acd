#include "thalweg/method/adam.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

// f(x) = scale * sum (x_k^4 / 4 - k x_k), k = 1, 2, ...
class Quartic final : public Objective {
 public:
  explicit Quartic(double scale = 1) : scale_(scale) {}
  Index dimension() const override { return 3; }
  double value(const ConstVectorRef& x) const override {
    return scale_ * (0.25 * x.array().pow(4).sum() - Vector::LinSpaced(3, 1, 3).dot(x));
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = scale_ * (x.array().cube() - Vector::LinSpaced(3, 1, 3).array());
    return value(x);
  }

 private:
  double scale_;
};

Vector point_after(const Objective& problem, const Adam& method, std::int64_t steps) {
  RunOptions options;
  options.stop = max_steps(steps);
  return run(problem, method, Vector::Constant(3, 0.2), options).last;
}

TEST(Adam, TheFirstMoveIsTheStepsizeAgainstTheSignOfTheGradient) {
  const Adam method({.stepsize = 0.01});
  const Vector moved = point_after(Quartic(), method, 1) - Vector::Constant(3, 0.2);
  for (const double move : moved) EXPECT_NEAR(move, 0.01, 1e-9);  // g < 0; eps = 1e-8 of |g| > 0.9
}

// The moments as explicit weighted sums over all gradients met, not by their recurrences.
TEST(Adam, MomentsAreExponentialAveragesOfAllGradients) {
  const double eta = 0.05, beta1 = 0.8, beta2 = 0.95, epsilon = 1e-6;
  const Adam method({.stepsize = eta, .beta1 = beta1, .beta2 = beta2, .epsilon = epsilon});
  const Quartic problem;
  std::vector<Vector> gradients;
  Vector x = Vector::Constant(3, 0.2), g(3);
  for (int t = 1; t <= 20; ++t) {
    problem.value_and_gradient(x, g);
    gradients.push_back(g);
    Vector mean = Vector::Zero(3), square = Vector::Zero(3);
    double mean_weight = 0, square_weight = 0;
    for (int i = 1; i <= t; ++i) {
      const Vector& gi = gradients[static_cast<std::size_t>(i - 1)];
      mean += std::pow(beta1, t - i) * gi;
      square += std::pow(beta2, t - i) * gi.cwiseAbs2();
      mean_weight += std::pow(beta1, t - i);
      square_weight += std::pow(beta2, t - i);
    }
    mean /= mean_weight;
    square /= square_weight;
    for (Index k = 0; k < 3; ++k) x[k] -= eta * mean[k] / (std::sqrt(square[k]) + epsilon);
    EXPECT_LT((point_after(problem, method, t) - x).norm(), 1e-13) << "step " << t;
  }
}

TEST(Adam, TheMoveDoesNotChangeWithTheScaleOfTheValue) {
  const Adam method({.stepsize = 0.02, .epsilon = 1e-300});
  const Vector plain = point_after(Quartic(1), method, 30);
  const Vector scaled = point_after(Quartic(0x1p20), method, 30);
  EXPECT_LT((plain - scaled).norm(), 1e-13);
}

TEST(Adam, ComesToWithinItsStepsizeOfTheMinimiser) {
  const Adam method({.stepsize = 0.01});
  const Vector minimiser = Vector::LinSpaced(3, 1, 3).array().pow(1 / 3.0);
  EXPECT_LT((point_after(Quartic(), method, 2000) - minimiser).cwiseAbs().maxCoeff(), 0.01);
}

}  // namespace
}  // namespace thalweg
