// Perturbed, tamed, restarted and negative-curvature descent: the parts that the suite of saddles
// does not show.
#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/method/curvature_check.hpp"
#include "thalweg/method/curvature_watch.hpp"
#include "thalweg/method/gradient_descent.hpp"
#include "thalweg/method/negative_curvature.hpp"
#include "thalweg/method/perturbed.hpp"
#include "thalweg/method/restarted.hpp"
#include "thalweg/method/tamed.hpp"
#include "thalweg/model/scalar_problems.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

Result run_for(const Objective& problem, const Method& method, const Vector& x0,
               std::int64_t steps) {
  RunOptions options;
  options.stop = max_steps(steps) | divergence();
  return run(problem, method, x0, options);
}

// The quartic saddle without its bound: everything has to be measured.
class Unstated final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override {
    return std::pow(x[0] * x[0] - 1, 2) / 4 + x[1] * x[1] / 2;
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = x[0] * (x[0] * x[0] - 1);
    g[1] = x[1];
    return value(x);
  }
  double lower_bound() const override { return 0; }
};

const Vector on_the_manifold = (Vector(2) << 0, 2).finished();

TEST(UniformInBall, FillsTheBallEvenly) {
  RandomStream random(4, "ball");
  const Index n = 3;
  const int draws = 20000;
  int inner = 0;
  Vector mean = Vector::Zero(n);
  for (int k = 0; k < draws; ++k) {
    const Vector v = uniform_in_ball(n, 2, random);
    ASSERT_LE(v.norm(), 2);
    inner += v.norm() < 1;
    mean += v / draws;
  }
  EXPECT_NEAR(inner, draws / 8.0, 4 * std::sqrt(draws * 7.0 / 64));
  EXPECT_LT(mean.norm(), 0.05);
}

TEST(CurvatureWatch, AMeasuredBoundIsRefutedAndRefitted) {
  const Unstated problem;
  CurvatureWatch watch;
  Vector x = Vector::Zero(2), g(2);
  const double value = problem.value_and_gradient(x, g);
  EXPECT_GT(watch.start(problem, {}, x, value, g, 1), 0);
  EXPECT_FALSE(watch.stated());
  const double l = watch.bound().hessian_norm(value);
  EXPECT_NEAR(l, 1.5, 0.05);  // |H(0)| = 1, times the safety
  // Along a step of eta = 1 with |g|^2 = 1 a curvature of 4 was met.
  EXPECT_TRUE(watch.refuted_by(value, value - 1 + 2, 1, 1, -10));
  EXPECT_NEAR(watch.bound().hessian_norm(value), 6, 1e-9);
  EXPECT_FALSE(watch.refuted_by(value, value - 1 + 2, 1, 1, -10));
  EXPECT_TRUE(watch.refuted_by(value, NAN, 1, 1, -10));
  EXPECT_EQ(watch.refutations(), 2);
}

TEST(CurvatureWatch, AStatedBoundIsNotMeasuredAndGivenConstantsAreWatched) {
  const StrictSaddleObjective problem({.dimension = 2});
  Vector g(2);
  const double value = problem.value_and_gradient(on_the_manifold, g);
  CurvatureWatch stated, given;
  EXPECT_EQ(stated.start(problem, {}, on_the_manifold, value, g, 1), 0);
  EXPECT_TRUE(stated.stated());
  EXPECT_FALSE(stated.refuted_by(value, value + 1, 1, 1, -10));
  EXPECT_EQ(
      given.start(problem, {.smoothness = 3, .hessian_lipschitz = 2}, on_the_manifold, value, g, 1),
      0);
  EXPECT_EQ(given.bound().hessian_norm(value), 3);
  EXPECT_TRUE(given.refuted_by(value, value + 1, 1, 1, -10));
  EXPECT_GT(given.bound().hessian_norm(value), 3);
}

TEST(CheckSchedule, WaitsWithinTheBallOfASaddleAndElseAtDoublingIntervals) {
  CheckSchedule schedule;
  const CurvatureQuestion question{.threshold = 0.1, .hessian_lipschitz = 2};
  Vector x = Vector::Zero(1);
  ASSERT_TRUE(schedule.due(x));
  CurvatureAnswer saddle;
  saddle.kept = false;
  saddle.value = -1;
  schedule.note(saddle, question, x);
  x[0] = 0.44;  // the negative curvature lasts for 0.9 / 2
  for (int k = 0; k < 10; ++k) EXPECT_FALSE(schedule.due(x));
  x[0] = 0.46;
  int waited = 0;
  while (!schedule.due(x)) ++waited;
  EXPECT_EQ(waited, 1);
  CurvatureAnswer undecided;
  schedule.note(undecided, question, x);
  waited = 0;
  while (!schedule.due(x)) ++waited;
  EXPECT_EQ(waited, 2);
}

TEST(SaddleMethods, LeaveASaddleWhoseBoundIsMeasured) {
  const Unstated problem;
  Perturbed::Options perturbed;
  perturbed.eps = 1e-3;
  NegativeCurvature::Options negative;
  negative.eps = 1e-3;
  const Perturbed a(perturbed);
  const NegativeCurvature b(negative);
  for (const Method* method : {static_cast<const Method*>(&a), static_cast<const Method*>(&b)}) {
    const Result result = run_for(problem, *method, on_the_manifold, 5000);
    EXPECT_EQ(result.reason.criterion, "second-order") << method->name();
    EXPECT_NEAR(std::abs(result.best[0]), 1, 1e-3) << method->name();
    for (std::size_t k = 1; k < result.trace.size(); ++k) {
      // Perturbations aside, which move by 1e-11, f falls at every step.
      EXPECT_LE(result.trace[k].value, result.trace[k - 1].value + 1e-10) << method->name();
    }
  }
}

TEST(SaddleMethods, ConstantsTooSmallAreRefutedNotFollowed) {
  const Unstated problem;
  Perturbed::Options options;
  options.eps = 1e-3;
  options.smoothness = 0.1;
  options.hessian_lipschitz = 10;
  Vector far(2);
  far << 5, 1;
  const Result result = run_for(problem, Perturbed(options), far, 5000);
  EXPECT_EQ(result.reason.criterion, "second-order");
  EXPECT_LT(result.value, 1e-5);
}

TEST(SaddleMethods, EndAtOnceWhereTheStartIsOfSecondOrder) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Vector minimum = (Vector(2) << 1, 0).finished();
  const Perturbed perturbed;
  const NegativeCurvature negative;
  for (const Method* method :
       {static_cast<const Method*>(&perturbed), static_cast<const Method*>(&negative)}) {
    const Result result = run_for(problem, *method, minimum, 100);
    EXPECT_EQ(result.reason.criterion, "second-order");
    EXPECT_EQ(result.steps, 1);
  }
}

TEST(SaddleMethods, TheStepAlongCurvatureHasThePromisedLengthAndGain) {
  const StrictSaddleObjective problem({.dimension = 2});
  NegativeCurvature::Options options;
  options.eps = 1e-3;
  const NegativeCurvature method(options);
  Context context;
  const auto state = method.init(problem, Vector::Zero(2), context);
  const StepRecord record = method.step(problem, *state, context);
  const double rho = problem.curvature_bound().near(0.25).third_derivative;
  EXPECT_NEAR(*record.step_norm, curvature_step(1, rho), 1e-6);
  EXPECT_GE(0.25 - record.value, curvature_gain(1, rho));
  EXPECT_EQ(*record.escapes, 1);
  EXPECT_NEAR(*record.smallest_curvature, -1, 1e-6);
}

TEST(SelfBoundingDescent, TakesLongerStepsAsTheValueFalls) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Vector far = (Vector(2) << 30, 1).finished();
  using Rule = GradientDescent::Rule;
  const auto steps_to = [&](Rule rule) {
    GradientDescent::Options options;
    options.rule = rule;
    RunOptions how;
    how.stop = gradient_tolerance(1e-6) | max_steps(1000000);
    return run(problem, GradientDescent(options), far, how).steps;
  };
  EXPECT_LT(20 * steps_to(Rule::self_bounding), steps_to(Rule::self_bounding_start));
}

// All steps asked for are taken, also where they end at the smallest numbers.
TEST(SelfBoundingDescent, AConstantStepStaysOnTheStableManifoldAsLongAsAsked) {
  const StrictSaddleObjective problem({.dimension = 2});
  GradientDescent::Options options;
  options.stepsize = 0.1;
  const Result result = run_for(problem, GradientDescent(options), problem.start(), 100000);
  EXPECT_EQ(result.steps, 100000);
  EXPECT_EQ(result.last[0], 0);
}

TEST(SelfBoundingDescent, ZeroGradientsThatUnderflowWhenSquaredAreNoZeros) {
  const PowerObjective bowl(2);
  GradientDescent::Options options;
  options.stepsize = 0.25;
  const Result result = run_for(bowl, GradientDescent(options), Vector::Constant(1, 1e-170), 5);
  EXPECT_EQ(result.steps, 5);
}

TEST(SaddleMethods, NameEveryViolatedRangeAtOnce) {
  Perturbed::Options perturbed;
  perturbed.eps = 0;
  perturbed.radius = -1;
  try {
    const Perturbed method(perturbed);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("eps"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("radius"), std::string::npos);
  }
  Restarted::Options restarted;
  restarted.failure_probability = 1;
  EXPECT_THROW(Restarted{restarted}, UsageError);
  Tamed::Options tamed;
  tamed.scale = -1;
  EXPECT_THROW(Tamed{tamed}, UsageError);
}

// h*' of each kernel against a numerical Legendre transform: h*'(s) maximises s t - h(t).
TEST(TamedKernels, AreDerivativesOfConjugates) {
  using Kernel = Tamed::Kernel;
  const auto h = [](Kernel kernel, double t) {
    switch (kernel) {
      case Kernel::logarithmic: return t < 1 ? -t - std::log1p(-t) : HUGE_VAL;
      case Kernel::exponential: return std::exp(t) - t - 1;
      case Kernel::cosh: return std::cosh(t) - 1;
      case Kernel::hard: break;
    }
    return t <= 1 ? t * t / 2 : HUGE_VAL;
  };
  for (const Kernel kernel : {Kernel::logarithmic, Kernel::exponential, Kernel::cosh, Kernel::hard})
    for (const double s : {0.01, 0.5, 1.5, 4.0}) {
      double best = 0, at = 0;
      for (int k = 0; k <= 300000; ++k) {
        const double t = 3e-5 * k / 3, value = s * t - h(kernel, t);
        if (value > best) best = value, at = t;
      }
      EXPECT_NEAR(tamed_length(kernel, s), at, 2e-4) << static_cast<int>(kernel) << " " << s;
      EXPECT_LE(tamed_length(kernel, s), s);
    }
}

// A function of one number by its value and derivative, nothing stated.
class Plain final : public Objective {
 public:
  using Function = double (*)(double);
  Plain(Function f, Function g, double lower_bound) : f_(f), g_(g), lower_bound_(lower_bound) {}
  Index dimension() const override { return 1; }
  double value(const ConstVectorRef& x) const override { return f_(x[0]); }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = g_(x[0]);
    return f_(x[0]);
  }
  double lower_bound() const override { return lower_bound_; }

 private:
  Function f_, g_;
  double lower_bound_;
};

// Every step returns, whatever the curvature measured at the start is: zero, not finite, or of a
// gradient whose square overflows.
TEST(SaddleMethods, NoMeasurementMakesAStepEndless) {
  const Plain kink([](double x) { return std::abs(x); },
                   [](double x) { return x > 0 ? 1.0 : -1.0; }, 0);
  const Plain edge([](double x) { return x > 0 ? x - std::log(x) : NAN; },
                   [](double x) { return x > 0 ? 1 - 1 / x : NAN; }, 1);
  const Plain steep([](double x) { return 2 * std::cosh(x) - 2; },
                    [](double x) { return 2 * std::sinh(x); }, 0);
  GradientDescent::Options bounded;
  bounded.rule = GradientDescent::Rule::self_bounding;
  const GradientDescent gd(bounded);
  const Perturbed perturbed;
  const Tamed tamed;
  const NegativeCurvature negative;
  for (const Method* method :
       {static_cast<const Method*>(&gd), static_cast<const Method*>(&perturbed),
        static_cast<const Method*>(&tamed), static_cast<const Method*>(&negative)}) {
    EXPECT_LE(run_for(kink, *method, Vector::Constant(1, 5), 200).value, 5) << method->name();
    EXPECT_LE(run_for(edge, *method, Vector::Constant(1, 1e-3), 200).value,
              edge.value(Vector::Constant(1, 1e-3)))
        << method->name();
    EXPECT_LE(run_for(steep, *method, Vector::Constant(1, 360), 200).value,
              steep.value(Vector::Constant(1, 360)))
        << method->name();
  }
}

// Digits lost by cancellation are no curvature: the stepsize stays.
TEST(SaddleMethods, RoundingOfTheValueRefutesNothing) {
  class Offset final : public Objective {
   public:
    Index dimension() const override { return 2; }
    double value(const ConstVectorRef& x) const override {
      return (1e6 + x[0] * x[0] / 2 + 0.005 * x[1] * x[1]) - 1e6;
    }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g[0] = x[0];
      g[1] = 0.01 * x[1];
      return value(x);
    }
    double lower_bound() const override { return 0; }
  };
  GradientDescent::Options options;
  options.rule = GradientDescent::Rule::self_bounding;
  const Result result = run_for(Offset(), GradientDescent(options), Vector::Ones(2), 4000);
  EXPECT_LT(*result.trace.back().gradient_norm, 1e-10);
}

// Where second derivatives do not exist nothing is claimed of them.
TEST(CurvatureCheck, NumbersThatAreNotFiniteDecideNothing) {
  const Plain edge([](double x) { return std::abs(x) < 1e-9 ? -x * x : NAN; },
                   [](double x) { return std::abs(x) < 1e-9 ? -2 * x : NAN; }, -1);
  std::int64_t position = 0;
  const Vector zero = Vector::Zero(1);
  const CurvatureAnswer answer = check_curvature(
      edge, zero, zero, {.threshold = 0.1, .hessian_lipschitz = 1, .smoothness = 1}, 0, position);
  EXPECT_FALSE(answer.kept);
  EXPECT_FALSE(answer.downhill());
  const CurvatureAnswer unbounded = check_curvature(
      edge, zero, zero,
      {.threshold = HUGE_VAL, .hessian_lipschitz = HUGE_VAL, .smoothness = HUGE_VAL}, 0, position);
  EXPECT_FALSE(unbounded.kept);
}

}  // namespace
}  // namespace thalweg
