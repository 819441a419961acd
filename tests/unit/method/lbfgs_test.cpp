#include "thalweg/method/lbfgs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "rosenbrock.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

Vector rosenbrock_start(Index n) {
  Vector x = Vector::Ones(n);
  for (Index i = 0; i < n; i += 2) x[i] = -1.2;
  return x;
}

// The points and gradients of a run, with its records.
struct Path {
  std::vector<Vector> x, g;
  std::vector<StepRecord> records;
};

Path walk(const Objective& problem, const Lbfgs& method, const Vector& x0, int steps) {
  Context context;
  const auto state = method.init(problem, x0, context);
  Path path;
  const auto note = [&](StepRecord record) {
    Vector g(x0.size());
    problem.value_and_gradient(state->x, g);
    path.x.push_back(state->x);
    path.g.push_back(g);
    path.records.push_back(std::move(record));
  };
  note(method.start_record(problem, *state));
  for (int k = 0; k < steps && !path.records.back().halt; ++k)
    note(method.step(problem, *state, context));
  return path;
}

// H of the last `memory` pairs as an explicit matrix, by the BFGS update (Nocedal & Wright, 6.17).
Matrix explicit_inverse_hessian(const Path& path, std::size_t step, std::size_t memory) {
  const Index n = path.x[0].size();
  const auto move = [&](std::size_t i) -> Vector { return path.x[i + 1] - path.x[i]; };
  const auto change = [&](std::size_t i) -> Vector { return path.g[i + 1] - path.g[i]; };
  const Vector s = move(step - 1), y = change(step - 1);
  Matrix h = Matrix::Identity(n, n) * (s.dot(y) / y.dot(y));
  for (std::size_t i = step > memory ? step - memory : 0; i < step; ++i) {
    const Vector si = move(i), yi = change(i);
    const double rho = 1 / yi.dot(si);
    const Matrix v = Matrix::Identity(n, n) - rho * yi * si.transpose();
    h = (v.transpose() * h * v + rho * si * si.transpose()).eval();
  }
  return h;
}

TEST(Lbfgs, StepsAlongTheExplicitBfgsMatrix) {
  for (const std::int64_t memory : {1, 3, 10}) {
    const Lbfgs method({.memory = memory});
    const Path path = walk(Rosenbrock(6), method, rosenbrock_start(6), 25);
    for (std::size_t k = 1; k + 1 < path.x.size(); ++k) {
      const Matrix h = explicit_inverse_hessian(path, k, static_cast<std::size_t>(memory));
      const Vector expected = *path.records[k + 1].stepsize * (-h * path.g[k]);
      const Vector moved = path.x[k + 1] - path.x[k];
      EXPECT_LT((moved - expected).norm(), 1e-9 * moved.norm()) << memory << " pairs, step " << k;
    }
  }
}

TEST(Lbfgs, StrongWolfeConditionsHoldAtEveryStep) {
  const double c1 = 1e-4, c2 = 0.9;
  const Path path = walk(Rosenbrock(10), Lbfgs(), rosenbrock_start(10), 60);
  for (std::size_t k = 0; k + 1 < path.x.size(); ++k) {
    const Vector moved = path.x[k + 1] - path.x[k];  // eta d
    const double slope = path.g[k].dot(moved), next_slope = path.g[k + 1].dot(moved);
    EXPECT_LE(path.records[k + 1].value, path.records[k].value + c1 * slope) << k;
    EXPECT_LE(std::abs(next_slope), c2 * std::abs(slope) * (1 + 1e-9)) << k;
  }
}

TEST(Lbfgs, ReachesTheMinimiserOfRosenbrock) {
  for (const Index n : {2, 10, 100}) {
    RunOptions options;
    options.stop = gradient_tolerance(1e-8) | max_steps(1000);
    const Result result = run(Rosenbrock(n), Lbfgs(), rosenbrock_start(n), options);
    EXPECT_EQ(result.reason.outcome, Outcome::converged) << n;
    // For n > 3 there is a second local minimum, with the value 3.98 and near x1 = -1.
    if (result.best[0] > 0) {
      EXPECT_LT((result.best - Vector::Ones(n)).cwiseAbs().maxCoeff(), 1e-6) << n;
    } else {
      EXPECT_NEAR(result.value, 3.9866, 1e-3) << n;
    }
  }
}

// 1/2 x'Ax + 1 with condition 1e3: the values end at 1, where a decrease drowns in rounding long
// before the gradient is small.
TEST(Lbfgs, GoesOnBelowTheRoundingOfTheValue) {
  class Bowl final : public Objective {
   public:
    Index dimension() const override { return 12; }
    double value(const ConstVectorRef& x) const override {
      return 1 + 0.5 * scale().dot(x.cwiseAbs2());
    }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g = scale().cwiseProduct(x);
      return value(x);
    }
    static Vector scale() { return Eigen::pow(10, -Vector::LinSpaced(12, 0, 3).array()); }
  };
  RunOptions options;
  options.stop = gradient_tolerance(1e-12) | max_steps(2000);
  const Result result = run(Bowl(), Lbfgs(), Vector::Ones(12), options);
  EXPECT_EQ(result.reason.outcome, Outcome::converged) << result.reason.criterion;
  EXPECT_LE(*result.trace.back().gradient_norm, 1e-12);
}

TEST(Lbfgs, StallsWhereTheGradientIsWrong) {
  class Wrong final : public Objective {
   public:
    Index dimension() const override { return 2; }
    double value(const ConstVectorRef& x) const override { return x.squaredNorm(); }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g = -2 * x;
      return value(x);
    }
  };
  RunOptions options;
  options.stop = max_steps(50);
  const Result result = run(Wrong(), Lbfgs(), Vector::Ones(2), options);
  EXPECT_EQ(result.reason.outcome, Outcome::stalled);
  EXPECT_EQ(result.last, Vector::Ones(2));
}

TEST(Lbfgs, NamesEveryViolatedRangeAtOnce) {
  try {
    Lbfgs({.memory = 0, .decrease = 0.95, .curvature = 0.9, .trials = 0});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    for (const char* name : {"memory", "decrease", "trials"})
      EXPECT_NE(error.problem().find(name), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace thalweg
