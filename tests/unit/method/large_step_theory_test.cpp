#include "thalweg/method/large_step_theory.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "thalweg/core/random.hpp"
#include "thalweg/method/large_step.hpp"
#include "thalweg/method/large_step_adaptive.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

// The formulas as printed, on rows of norm 1, for arguments where nothing overflows.
TEST(LargeStepTheory, IsWhatThePaperPrints) {
  const double g = 0.07, g2 = g * g, eta = 37, t = 5000, n = 130;
  const SeparableRows rows{g, 1, 130};
  const double s = g2 * eta * t, ln = std::log(s);
  EXPECT_NEAR(std::exp(ln_average_loss_bound(rows, eta, t)), (1 + ln * ln + eta * eta / 4) / s,
              1e-12);
  EXPECT_NEAR(parameter_norm_bound(rows, eta, t), (std::sqrt(2.0) + 2 * ln + eta) / g, 1e-10);
  EXPECT_NEAR(std::exp(ln_average_potential_bound(rows, eta, t)),
              (std::sqrt(2.0) + 2 * ln + eta) / s, 1e-12);
  EXPECT_NEAR(std::exp(ln_stable_loss_bound(rows, eta, t, 0.01)), (0.02 + ln * ln) / s, 1e-12);
  EXPECT_NEAR(
      transition_steps(rows, eta),
      60 / g2 * std::max({eta, n, std::numbers::e, (eta + n) / eta * std::log((eta + n) / eta)}),
      1e-6);
  EXPECT_NEAR(
      std::exp(ln_sgd_loss_bound(rows, eta, t, 0.05)),
      (2 + 2 * ln * ln + eta * eta / 2) / s + (3 + 2 * ln + eta) / g * 18 * std::log(20.0) / t,
      1e-10);
  EXPECT_NEAR(sgd_error_bound(rows, eta, t, 0.05),
              4 * (std::sqrt(2.0) + 2 * ln + eta) / s + 36 * std::log(20.0) / t, 1e-12);
  const double radius =
      6 * (std::sqrt(1 + ln * ln) + 1 + std::sqrt(2 * std::log(2 * n / 0.05)) + eta) / g;
  EXPECT_NEAR(tangent_radius(rows, eta, t, 0.05), radius, 1e-9 * radius);
  const double width =
      std::pow((30 * std::cbrt(radius) + 10 * std::pow(std::log(n / 0.05), 0.25)) / g, 6);
  EXPECT_NEAR(ln_tangent_width(rows, eta, t, 0.05), std::log(width), 1e-12 * std::log(width));
}

// Gradient descent on z with eta is gradient descent on z / R with eta R^2.
RC_GTEST_PROP(LargeStepTheory, DependsOnEtaAndRowNormThroughTheirProductAlone, ()) {
  const double exponent = *rc::gen::inRange(-300, 300) / 100.0;
  const double norm = std::pow(10, exponent), eta = 3, t = 4000;
  const SeparableRows unit{0.1, 1, 50}, scaled{0.1, norm, 50};
  const double same = eta / (norm * norm);
  const auto near = [](double a, double b) {
    RC_ASSERT(std::abs(a - b) <= 1e-10 * (1 + std::abs(b)));
  };
  near(ln_average_loss_bound(scaled, same, t), ln_average_loss_bound(unit, eta, t));
  near(norm * parameter_norm_bound(scaled, same, t), parameter_norm_bound(unit, eta, t));
  near(transition_steps(scaled, same), transition_steps(unit, eta));
  near(ln_best_loss_bound(scaled, same, t), ln_best_loss_bound(unit, eta, t));
  near(ln_adaptive_loss_bound(scaled, 3, same, t), ln_adaptive_loss_bound(unit, 3, eta, t));
  near(norm * norm * proved_stepsize(scaled, t), proved_stepsize(unit, t));
  near(norm * norm * ridge_stepsize(scaled, 1e-3 * norm * norm), ridge_stepsize(unit, 1e-3));
  near(ln_tangent_width(scaled, same, t, 0.1), ln_tangent_width(unit, eta, t, 0.1));
}

// The bound of the smallest loss never rises with the budget and is never above ln 2.
TEST(LargeStepTheory, TheBestLossBoundFallsWithTheBudget) {
  for (const double eta : {0.01, 1.0, 100.0, 1e6})
    for (const Index samples : {1, 4, 1000}) {
      const SeparableRows rows{0.1, 2, samples};
      double before = std::log(std::numbers::ln2);
      EXPECT_EQ(ln_best_loss_bound(rows, eta, 0), before);
      for (double t = 1; t < 1e12; t *= 1.7) {
        const double bound = ln_best_loss_bound(rows, eta, t);
        // Where the average bound leads it has a rise of its own, in ln^2 s / s before s = e^2.
        EXPECT_LE(bound, before + 0.2) << "eta " << eta << " n " << samples << " t " << t;
        before = std::min(before, bound);
      }
      EXPECT_LT(before, -10);
    }
}

TEST(LargeStepTheory, TheProvedStepsizePassesTheTransitionByHalfTheBudget) {
  for (const double margin : {0.3, 0.05, 0.01})
    for (const Index samples : {2, 100, 5000}) {
      const SeparableRows rows{margin, 3, samples};
      const double least = std::max(std::numbers::e, static_cast<double>(samples));
      const double steps = 120 * least / (margin * margin);
      for (const double budget : {steps, 10 * steps}) {
        const double eta = proved_stepsize(rows, budget);
        EXPECT_LE(transition_steps(rows, eta), budget / 2 * (1 + 1e-12));
        const double corollary = 480 *
                                 std::pow(std::log(std::pow(margin, 4) * budget * budget), 2) /
                                 (std::pow(margin, 4) * budget * budget);
        EXPECT_LE(std::exp(ln_best_loss_bound(rows, eta, budget)), corollary);
      }
      EXPECT_NEAR(practical_stepsize(rows, steps) / proved_stepsize(rows, steps), 30, 1e-12);
    }
}

TEST(LargeStepTheory, AdaptiveStepsInvertTheirBound) {
  const SeparableRows rows{0.05, 2, 100};
  for (const int classes : {2, 3, 10})
    for (const double eta : {0.1, 10.0, 1e5})
      for (const double target : {-1e-3, -1.0, -50.0, -1e5, 5.0}) {
        const double steps = adaptive_steps(rows, classes, eta, target);
        if (!(steps > 0 && std::isfinite(steps))) continue;
        EXPECT_NEAR(ln_adaptive_loss_bound(rows, classes, eta, steps), target,
                    1e-9 * (1 + std::abs(target) + eta))
            << classes << " classes, eta " << eta;
      }
}

TEST(LargeStepTheory, WithoutAMarginNothingIsPromised) {
  const SeparableRows rows{0, 1, 10};
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(ln_average_loss_bound(rows, 1, 100), infinity);
  EXPECT_EQ(transition_steps(rows, 1), infinity);
  EXPECT_EQ(ln_best_loss_bound(rows, 1, 100), std::log(std::numbers::ln2));
  EXPECT_EQ(ln_adaptive_loss_bound(rows, 2, 1, 100), infinity);
  EXPECT_EQ(adaptive_steps(rows, 2, 1, -1), infinity);
}

TEST(LargeStepTheory, SurvivesExtremeStepsizes) {
  const SeparableRows rows{1e-4, 30, 100000};
  for (const double eta : {1e-200, 1e-10, 1.0, 1e10, 1e100})
    for (const double t : {1.0, 1e6, 1e15}) {
      EXPECT_FALSE(std::isnan(ln_average_loss_bound(rows, eta, t)));
      EXPECT_FALSE(std::isnan(ln_best_loss_bound(rows, eta, t)));
      EXPECT_FALSE(std::isnan(ln_adaptive_loss_bound(rows, 2, eta, t)));
      EXPECT_FALSE(std::isnan(ln_tangent_width(rows, eta, t, 1e-3)));
    }
}

// Planted separable rows with their planted margin, scaled so that the largest norm is R.
struct Planted {
  std::shared_ptr<const LinearObjective> objective;
  SeparableRows rows;
};

Planted planted(std::uint64_t seed, Index samples, Index inputs, double margin, double norm) {
  RandomStream random(seed, "planted");
  const Vector direction = random.normal_vector(inputs).normalized();
  Matrix rows(samples, inputs);
  std::vector<int> labels;
  for (Index i = 0; i < samples; ++i) {
    const double sign = random.uniform() < 0.5 ? -1 : 1;
    Vector side = random.normal_vector(inputs);
    side -= side.dot(direction) * direction;
    const double along = margin * (1 + random.uniform());
    side *= std::sqrt(1 - along * along) / side.norm() * std::pow(random.uniform(), 0.3);
    rows.row(i) = sign * norm * (along * direction + side);
    labels.push_back(sign > 0 ? 1 : 0);
  }
  return {std::make_shared<LinearObjective>(
              std::make_shared<LinearModel>(rows, LinearModel::Options{.intercept = false}),
              std::make_shared<CrossEntropyLoss>(labels, 2)),
          {margin, norm, samples}};
}

double mean_exponential(const LinearObjective& f, const Vector& x) {
  const auto& loss = dynamic_cast<const MarginLoss&>(f.loss());
  Vector y(f.output_count()), gy(f.output_count());
  f.model().outputs(x, y);
  return std::exp(loss.log_exponential(y, gy));
}

// Every statement of theorem 1 along measured runs.
TEST(LargeStepTheory, BoundsHoldAlongMeasuredRuns) {
  double tightest = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed)
    for (const double unit_eta : {0.1, 4.0, 64.0, 4096.0}) {
      const double norm = seed % 2 ? 1 : 7.5;
      const auto [f, rows] = planted(seed, 20 * seed, 2 + 3 * (seed % 3), 0.05 * seed, norm);
      const double eta = unit_eta / (norm * norm);
      const LargeStep method({.eta = eta});
      Context context;
      const auto state = method.init(*f, Vector::Zero(f->dimension()), context);
      double sum = 0, best = state->value, transition = -1, potential = 0;
      for (int t = 1; t <= 3000; ++t) {
        sum += state->value;
        method.step(*f, *state, context);
        best = std::min(best, state->value);
        tightest = std::max(tightest, sum / t / std::exp(ln_average_loss_bound(rows, eta, t)));
        ASSERT_LE(sum / t, std::exp(ln_average_loss_bound(rows, eta, t)));
        ASSERT_LE(state->x.norm(), parameter_norm_bound(rows, eta, t));
        ASSERT_LE(std::log(best), ln_best_loss_bound(rows, eta, t));
        if (transition >= 0) {
          ASSERT_LE(std::log(state->value),
                    ln_stable_loss_bound(rows, eta, t - transition, potential));
        } else if (state->value <= stable_loss(rows, eta)) {
          transition = t;
          potential = mean_exponential(*f, state->x);
          ASSERT_LE(t, transition_steps(rows, eta));
        }
      }
    }
  EXPECT_GT(tightest, 0.05) << "the runs never came near the bound: they test nothing";
}

// The bound with ln(K - 1) and 2 R^2 for K > 2 classes, on planted class weights.
TEST(LargeStepTheory, TheAdaptiveBoundHoldsForSeveralClasses) {
  for (const int classes : {3, 5}) {
    constexpr Index samples = 60, inputs = 6;
    RandomStream random(static_cast<std::uint64_t>(classes), "classes");
    Matrix weights = random.normal_vector(classes * inputs).reshaped(classes, inputs);
    weights /= weights.norm();
    Matrix table(samples, inputs);
    std::vector<int> labels;
    double margin = 1;
    for (Index i = 0; i < samples;) {
      const Vector row = random.normal_vector(inputs).normalized();
      Vector scores = weights * row;
      Index label = 0;
      const double top = scores.maxCoeff(&label);
      scores[label] = -1;
      if (top - scores.maxCoeff() < 0.1) continue;
      margin = std::min(margin, top - scores.maxCoeff());
      table.row(i++) = 3 * row;
      labels.push_back(static_cast<int>(label));
    }
    const LinearObjective f(
        std::make_shared<LinearModel>(table, LinearModel::Options{classes, false}),
        std::make_shared<CrossEntropyLoss>(labels, classes));
    const SeparableRows rows{margin, 3, samples};
    for (const double eta : {0.01, 1.0, 100.0}) {
      RunOptions options;
      options.stop = max_steps(2000);
      const Result result = run(f, LargeStepAdaptive({.eta = eta, .margin = margin}),
                                Vector::Zero(f.dimension()), options);
      for (const StepRecord& record : result.trace) {
        if (record.iteration == 0) continue;
        const double bound =
            ln_adaptive_loss_bound(rows, classes, eta, static_cast<double>(record.iteration));
        ASSERT_NEAR(*record.bound_log_value, bound, 1e-9 * (1 + std::abs(bound)));
        ASSERT_LE(*record.average_log_value, bound) << "step " << record.iteration;
      }
    }
  }
}

// min (1/n) sum ln(1 + exp(-z'w)) + lambda/2 |w|^2: the rule converges, and within its forecast.
TEST(LargeStepTheory, RidgeStepsizesConvergeFasterThanTheClassicalOne) {
  const auto [plain, rows] = planted(3, 40, 5, 0.2, 1);
  const double lambda = 1e-5;
  const auto& linear = plain->linear_model();
  const auto& loss = dynamic_cast<const CrossEntropyLoss&>(plain->loss());
  const std::shared_ptr<const LinearModel> model(&linear, [](const LinearModel*) {});
  const LinearObjective f(model, std::make_shared<CrossEntropyLoss>(loss.labels(), 2), lambda);
  const auto steps_to = [&](double eta) {
    RunOptions options;
    options.stop = gradient_tolerance(1e-8) | max_steps(200000);
    const Result result = run(f, LargeStep({.eta = eta}), Vector::Zero(f.dimension()), options);
    EXPECT_EQ(result.reason.criterion, "gradient-tolerance") << "eta " << eta;
    EXPECT_FALSE(result.trace.back().stepsize.value_or(0) < eta) << "fell back";
    return result.steps;
  };
  const double eta = ridge_stepsize(rows, lambda);
  EXPECT_NEAR(eta, rows.margin / std::sqrt(lambda), 1e-9 * eta);
  const auto needed = steps_to(eta), classical = steps_to(1 / (0.25 + lambda));
  EXPECT_LT(10 * needed, classical);
  EXPECT_LT(static_cast<double>(needed), ridge_steps(rows, lambda, eta, 1e-10));
}

}  // namespace
}  // namespace thalweg
