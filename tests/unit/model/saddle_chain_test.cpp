#include "thalweg/model/saddle_chain.hpp"

#include "self_bounding.hpp"
#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

using namespace testing;

const double tau = SaddleChainObjective::tau();

// The published pieces, straight from their definition.
double published(const Vector& x, double l, double gamma) {
  const double bend = 4 * l - 2 * gamma, nu = (6 * l + 2 * gamma) * tau * tau;
  double f = 0;
  Index i = 0;
  for (; i < x.size() && std::abs(x[i]) >= 2 * tau; ++i)
    f += l * std::pow(std::abs(x[i]) - 4 * tau, 2) - nu;
  if (i == x.size()) return f;
  const double r = std::abs(x[i]), u = r / tau - 1;
  double next = l;
  if (r <= tau) {
    f -= gamma * r * r;
  } else {
    f += -gamma * tau * tau - 2 * gamma * tau * (r - tau) - bend / 2 * (r - tau) * (r - tau);
    next = l - (gamma + l) * (3 * u * u - 2 * u * u * u);
  }
  for (Index j = i + 1; j < x.size(); ++j) f += (j == i + 1 ? next : l) * x[j] * x[j];
  return f;
}

// A point on the way of a descent: `passed` coordinates beyond 2 tau, one at r, small ones after
// it.
Vector on_the_way(RandomStream& random, Index n, Index passed, double r) {
  Vector x(n);
  for (Index i = 0; i < n; ++i) {
    const double sign = random.uniform() < 0.5 ? -1 : 1;
    x[i] = sign * (i < passed ? tau * (2 + 4 * random.uniform())
                              : (i == passed ? r : tau * random.uniform()));
  }
  return x;
}

TEST(SaddleChain, IsThePublishedFunctionWhereItsPiecesFit) {
  RandomStream random(1, "chain");
  const Index n = 5;
  for (const double l : {1.0, 2.0, 3.0}) {
    const SaddleChainObjective problem({.dimension = n, .smoothness = l, .escape = 1});
    for (int k = 0; k < 300; ++k) {
      const auto passed = static_cast<Index>(random.below(n + 1));
      const Vector x = on_the_way(random, n, passed, 2 * tau * random.uniform());
      const double expected = published(x, l, 1);
      EXPECT_NEAR(problem.value(x), expected, 1e-12 * (1 + std::abs(expected)) * l * n);
      EXPECT_EQ(problem.passed(x), passed);
    }
  }
}

// C^1 also where pieces meet, and everywhere else: the remainder of value and gradient is quadratic
// across, so that no slope jumps.
TEST(SaddleChain, IsContinuouslyDifferentiableEverywhere) {
  RandomStream random(2, "chain");
  const SaddleChainObjective problem({.dimension = 4});
  Vector g(4);
  for (const double r : {0.0, tau, 2 * tau}) {
    for (int k = 0; k < 40; ++k) {
      Vector x = 3 * tau * random.normal_vector(4);
      x[static_cast<Index>(random.below(4))] = random.uniform() < 0.5 ? -r : r;
      const Vector v = random.normal_vector(4).normalized();
      const double value = problem.value_and_gradient(x, g);
      for (const double sign : {-1.0, 1.0}) {
        const TaylorSlope slope = taylor_slope(
            [&](double t) {
              return std::abs(problem.value(x + sign * t * v) - value - sign * t * g.dot(v));
            },
            0.1, 1e-13 * (1 + std::abs(value)));
        EXPECT_NEAR(slope.slope.value_or(2), 2, 0.2) << x.transpose();
      }
    }
  }
}

TEST(SaddleChain, DerivativesAreExactWithinPieces) {
  RandomStream random(3, "chain");
  const SaddleChainObjective problem({.dimension = 5});
  int checked = 0;
  for (int k = 0; k < 200; ++k) {
    const Vector x = 1.5 * tau * random.normal_vector(5);
    // Steps up to 0.02 stay on one side.
    const auto near = [](double r) {
      return std::min(std::abs(r - tau), std::abs(r - 2 * tau)) < 0.05;
    };
    if (std::any_of(x.begin(), x.end(), [&](double c) { return near(std::abs(c)); })) continue;
    expect_derivatives(problem, x, 0.2);
    ++checked;
  }
  EXPECT_GT(checked, 100);
}

TEST(SaddleChain, KnowsItsMinimumAndItsSaddles) {
  for (const Index n : {1, 4}) {
    const SaddleChainObjective problem({.dimension = n});
    const double nu = 14 * tau * tau;
    EXPECT_DOUBLE_EQ(problem.lower_bound(), -nu * static_cast<double>(n));
    Vector x = Vector::Constant(n, 4 * tau), g(n);
    for (Index k = n; k >= 0; --k) {  // k passed
      if (k < n) x[k] = 0;
      EXPECT_NEAR(problem.value_and_gradient(x, g), -nu * static_cast<double>(k), 1e-11);
      EXPECT_EQ(g.norm(), 0);
      EXPECT_EQ(smallest_eigenvalue(problem, x), k < n ? -2 : 4);
    }
    for (const Vector& point : points_of_all_sizes(n, 1000, -1, 2, "chain"))
      EXPECT_GE(problem.value(point), problem.lower_bound());
  }
}

// Known of a start in [.1, 1]: steps 17, 74, 279, 986, 3405 to pass the saddles, each longer by
// nearly 1 + kappa.
TEST(SaddleChain, HoldsGradientDescentLongerAtEverySaddle) {
  const SaddleChainObjective problem({.dimension = 8});
  EXPECT_EQ(problem.stepsize(), 1.0 / 16);
  Vector x = problem.start(0), g(8);
  EXPECT_EQ(x, problem.start(0));
  EXPECT_NE(x, problem.start(1));
  EXPECT_GE(x.minCoeff(), 0.1);
  EXPECT_LE(x.maxCoeff(), 1);
  std::vector<double> times;
  for (int step = 1; step <= 3000; ++step) {
    problem.value_and_gradient(x, g);
    x -= problem.stepsize() * g;
    if (problem.passed(x) > static_cast<Index>(times.size())) times.push_back(step);
  }
  ASSERT_EQ(times.size(), 4);
  for (std::size_t k = 2; k < times.size(); ++k) {
    const double ratio = (times[k] - times[k - 1]) / (times[k - 1] - times[k - 2]);
    EXPECT_GT(ratio, 2.5);
    EXPECT_LT(ratio, 4.5);
  }
}

TEST(SaddleChain, RefusesImpossibleOptions) {
  EXPECT_THROW(SaddleChainObjective({.dimension = 0}), UsageError);
  EXPECT_THROW(SaddleChainObjective({.smoothness = 0}), UsageError);
  EXPECT_THROW(SaddleChainObjective({.escape = -1}), UsageError);
}

}  // namespace
}  // namespace thalweg
