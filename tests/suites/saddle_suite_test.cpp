// Leaving saddles: the numbers the project promises on the problems of self-bounding regularity.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "thalweg/certify/second_order.hpp"
#include "thalweg/method/gradient_descent.hpp"
#include "thalweg/method/negative_curvature.hpp"
#include "thalweg/method/perturbed.hpp"
#include "thalweg/method/tamed.hpp"
#include "thalweg/model/matrix_factorization.hpp"
#include "thalweg/model/phase_retrieval.hpp"
#include "thalweg/model/saddle_chain.hpp"
#include "thalweg/model/scalar_problems.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

Result run_for(const Objective& problem, const Method& method, const Vector& x0, std::int64_t steps,
               std::uint64_t seed = 0) {
  RunOptions options;
  options.stop = max_steps(steps) | divergence();
  options.context.seed = seed;
  return run(problem, method, x0, options);
}

Perturbed::Options perturbed_options(double eps, SaddlePreset preset = SaddlePreset::published) {
  Perturbed::Options options;
  options.eps = eps;
  options.failure_probability = 0.1;
  options.preset = preset;
  return options;
}

TEST(QuarticSaddle, GradientDescentStaysOnTheStableManifoldAndIsRefuted) {
  const StrictSaddleObjective problem({.dimension = 2});
  GradientDescent::Options options;
  options.stepsize = 0.1;
  Context context;
  const GradientDescent method(options);
  const auto state = method.init(problem, problem.start(), context);
  for (int t = 0; t < 100000; ++t) {
    method.step(problem, *state, context);
    ASSERT_EQ(state->x[0], 0) << t;
  }
  const Certificate certificate = certify_second_order(
      problem, state->x,
      {.eps = 1e-3, .hessian_lipschitz = problem.curvature_bound().third_derivative(0.25)});
  EXPECT_EQ(certificate.verdict, Verdict::refuted);
  EXPECT_EQ(certificate.kind, "saddle");
  EXPECT_NEAR(*certificate.measured, -1, 1e-6);
}

TEST(QuarticSaddle, PublishedConstantsLeaveItWithin700Steps) {
  const StrictSaddleObjective problem({.dimension = 2});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Result result =
        run_for(problem, Perturbed(perturbed_options(1e-3)), problem.start(), 700, seed);
    EXPECT_EQ(result.reason.criterion, "second-order") << seed;
    EXPECT_NEAR(std::abs(result.best[0]), 1, 1e-3);
    EXPECT_LT(result.value, 1e-6);
    EXPECT_LE(*result.trace.back().gradient_norm, 1e-3);
  }
}

TEST(QuarticSaddle, WithoutCertificateThePublishedWaitingTimeDecides) {
  const StrictSaddleObjective problem({.dimension = 2});
  Perturbed::Options options = perturbed_options(1e-3);
  options.certificate = false;
  const Result result = run_for(problem, Perturbed(options), problem.start(), 20000);
  EXPECT_EQ(result.reason.criterion, "waiting-time");
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_GT(result.steps, 3930);
  EXPECT_NEAR(std::abs(result.best[0]), 1, 1e-3);
}

TEST(QuarticSaddle, ALongStepDivergesAndTheSelfBoundingOneDescends) {
  const StrictSaddleObjective problem({.dimension = 2});
  const Vector far = (Vector(2) << 30, 1).finished();
  GradientDescent::Options constant;
  constant.stepsize = 0.5;
  EXPECT_EQ(run_for(problem, GradientDescent(constant), far, 1000).reason.outcome,
            Outcome::diverged);
  using Rule = GradientDescent::Rule;
  for (const Rule rule : {Rule::self_bounding, Rule::self_bounding_start}) {
    GradientDescent::Options bounded;
    bounded.rule = rule;
    const Result result = run_for(problem, GradientDescent(bounded), far, 1000);
    double largest_ratio = 0;
    for (std::size_t k = 1; k < result.trace.size(); ++k) {
      const StepRecord &before = result.trace[k - 1], &after = result.trace[k];
      if (before.value < 1e-20) break;
      // f falls by |g|^2 / (2 rho_1(F)) at least.
      const double promised = std::pow(*before.gradient_norm, 2) * *after.stepsize / 2;
      largest_ratio = std::max(largest_ratio, promised / (before.value - after.value));
    }
    EXPECT_LE(largest_ratio, 1 + 1e-9);
    EXPECT_GT(largest_ratio, 0);
  }
}

TEST(MatrixFactorization, FromZeroToTheGlobalOptimumForEverySeed) {
  const MatrixFactorizationObjective problem(factorization_matrix(20, 3, 0), 3);
  const Vector zero = Vector::Zero(problem.dimension());
  const double rho = problem.curvature_bound().third_derivative(problem.value(zero));
  const Certificate at_zero =
      certify_second_order(problem, zero, {.eps = 1e-3, .hessian_lipschitz = rho});
  EXPECT_EQ(at_zero.kind, "saddle");
  const double largest = problem.eigenvalues().maxCoeff();
  EXPECT_NEAR(*at_zero.measured / -largest, 1, 1e-6);
  int reached = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Result result = run_for(problem, Perturbed(perturbed_options(1e-3)), zero, 20000, seed);
    reached += result.value <= (1 + 1e-4) * problem.optimum();
  }
  EXPECT_EQ(reached, 20);
}

TEST(MatrixFactorization, WrongEigenvectorsAreRefuted) {
  const MatrixFactorizationObjective problem(factorization_matrix(20, 3, 0), 3);
  const Vector& values = problem.eigenvalues();
  for (const std::vector<Index>& chosen :
       {std::vector<Index>{0, 1, 3}, {0, 2, 3}, {1, 2, 4}, {0, 1, 9}}) {
    const Vector x = problem.stationary_point(chosen);
    const double rho = problem.curvature_bound().third_derivative(problem.value(x));
    const Certificate certificate =
        certify_second_order(problem, x, {.eps = 1e-6, .hessian_lipschitz = rho});
    EXPECT_EQ(certificate.kind, "saddle");
    // The largest eigenvalue left out against the smallest taken in.
    Index left_out = 0;
    while (std::ranges::find(chosen, left_out) != chosen.end()) ++left_out;
    Vector sorted = values;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    EXPECT_NEAR(*certificate.measured, sorted[chosen.back()] - sorted[left_out],
                1e-6 * sorted[left_out]);
  }
}

// Steps between one saddle and the next.
std::vector<double> passing_times(const SaddleChainObjective& problem, const Method& method,
                                  std::uint64_t seed, std::int64_t steps) {
  Context context;
  context.seed = seed;
  const auto state = method.init(problem, problem.start(seed), context);
  std::vector<double> times;
  Index passed = 0;
  std::int64_t last = 0;
  for (std::int64_t t = 1; t <= steps; ++t) {
    const StepRecord record = method.step(problem, *state, context);
    if (const Index now = problem.passed(state->x); now > passed) {
      times.insert(times.end(), static_cast<std::size_t>(now - passed),
                   static_cast<double>(t - last) / static_cast<double>(now - passed));
      passed = now;
      last = t;
    }
    if (record.halt) break;
  }
  return times;
}

TEST(SaddleChain, PerturbedPassesAllInEvenTimeAndGradientDescentSlowsDownGeometrically) {
  const SaddleChainObjective problem({.dimension = 8});
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto times = passing_times(problem, Perturbed(perturbed_options(1e-3)), seed, 20000);
    ASSERT_EQ(times.size(), 8u) << seed;
    // The start lies beside the first two, which need no perturbation.
    const auto [least, most] = std::minmax_element(times.begin() + 2, times.end());
    EXPECT_LE(*most / *least, 3);
    EXPECT_LE(std::max(times[0], times[1]), *most);

    GradientDescent::Options options;
    options.stepsize = problem.stepsize();
    const auto slow = passing_times(problem, GradientDescent(options), seed, 20000);
    ASSERT_GE(slow.size(), 4u);
    ASSERT_LT(slow.size(), 8u);
    for (std::size_t k = 1; k < slow.size(); ++k) EXPECT_GE(slow[k] / slow[k - 1], 2.5);
  }
}

double median_escape(Index dimension, SaddlePreset preset) {
  const StrictSaddleObjective problem({.dimension = dimension, .least_curvature = 0.1});
  std::vector<double> steps;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Result result =
        run_for(problem, Perturbed(perturbed_options(1e-3, preset)), problem.start(), 5000, seed);
    EXPECT_EQ(result.reason.criterion, "second-order");
    const auto left = std::ranges::find_if(
        result.trace, [](const StepRecord& r) { return r.escapes.value_or(0) > 0; });
    steps.push_back(static_cast<double>(result.steps - left->iteration));
  }
  std::ranges::sort(steps);
  return steps[steps.size() / 2];
}

TEST(StrictSaddle, EscapeTimeGrowsWithTheLogarithmOfTheDimension) {
  std::vector<double> steps;
  for (const Index d : {10, 100, 1000, 10000, 100000})
    steps.push_back(median_escape(d, SaddlePreset::published));
  // r is in the ball of d dimensions, of which one entry is about r / sqrt(d): each factor 10 of d
  // takes ln(10)/2 / ln(1 + eta) steps more, and chi grows a little.
  const double first = steps[1] - steps[0];
  for (std::size_t k = 1; k < steps.size(); ++k) {
    EXPECT_GT(steps[k], steps[k - 1]);
    EXPECT_LT(steps[k] - steps[k - 1], 3 * first + 10);
  }
  EXPECT_LT(steps.back(), 1.5 * steps.front());
}

TEST(StrictSaddle, ThePracticalPresetIsFaster) {
  EXPECT_LT(1.3 * median_escape(1000, SaddlePreset::practical),
            median_escape(1000, SaddlePreset::published));
}

TEST(PhaseRetrieval, FromZeroToASecondOrderPoint) {
  PhaseRetrievalOptions data;
  data.samples = 400;
  data.dimension = 10;
  data.noise = 0;
  data.start_scale = 0;
  const PhaseRetrieval made = phase_retrieval(data);
  ASSERT_TRUE(made.start.isZero(0));
  NegativeCurvature::Options options;
  options.eps = 1e-3;
  const Result result = run_for(*made.objective, NegativeCurvature(options), made.start, 20000);
  EXPECT_EQ(result.reason.criterion, "second-order");
  EXPECT_GE(*result.trace.back().escapes, 1);
  EXPECT_LT(result.value, 1e-3 * made.objective->value(made.start));
}

TEST(Tamed, EveryKernelDescendsFromFarAwayAndLeavesTheSaddleWhenPerturbed) {
  const StrictSaddleObjective problem({.dimension = 2});
  using Kernel = Tamed::Kernel;
  for (const Kernel kernel :
       {Kernel::logarithmic, Kernel::exponential, Kernel::cosh, Kernel::hard}) {
    Tamed::Options options;
    options.kernel = kernel;
    const Vector far = (Vector(2) << 30, 1).finished();
    const Result result = run_for(problem, Tamed(options), far, 300);
    for (std::size_t k = 1; k < result.trace.size(); ++k)
      ASSERT_LE(result.trace[k].value, result.trace[k - 1].value);
    options.perturbed = true;
    options.eps = 1e-3;
    const Result left = run_for(problem, Tamed(options), problem.start(), 5000);
    EXPECT_EQ(left.reason.criterion, "second-order");
    EXPECT_NEAR(std::abs(left.best[0]), 1, 1e-3);
  }
}

// gamma = 1 / L1, lambda = L1 / L0: the logarithmic kernel is g / (L0 + L1 |g|).
TEST(Tamed, TheLogarithmicKernelIsTheGeneralizedSmoothStep) {
  const CoshObjective problem;
  constexpr double l0 = 2, l1 = 1;
  Tamed::Options options;
  options.stepsize = 1 / l0;
  options.scale = l1 / l0;
  options.smoothness = 1e5;  // above the curvature at the start, 2.2e4: nothing is refuted
  options.hessian_lipschitz = 100;
  Context context;
  const Tamed method(options);
  const auto state = method.init(problem, CoshObjective::start(), context);
  Vector x = CoshObjective::start(), g(1);
  for (int t = 0; t < 50; ++t) {
    problem.value_and_gradient(x, g);
    x -= g / (l0 + l1 * g.norm());
    method.step(problem, *state, context);
    ASSERT_NEAR(state->x[0], x[0], 1e-12 * (1 + std::abs(x[0])));
  }
}

}  // namespace
}  // namespace thalweg
