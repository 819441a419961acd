// Diagnoses at points where what stands in the way is known in closed form.
#include "thalweg/certify/plateau.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>
#include <limits>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/scalar_problems.hpp"
#include "thalweg/model/strict_saddle.hpp"
#include "thalweg/problem/probed_rank.hpp"

namespace thalweg {
namespace {

constexpr double unbounded = -std::numeric_limits<double>::infinity();

PlateauContext context(double value, double lower_bound = 0) {
  PlateauContext context;
  context.plateau.first_step = 10;
  context.plateau.last_step = 500;
  context.plateau.value = value;
  context.lower_bound = lower_bound;
  context.start_value = value + 1;
  context.gradients = 200;
  return context;
}

// c + 1/2 sum_i a_i (x_i - b_i)^2.
class Quadratic final : public Objective {
 public:
  Quadratic(Vector a, Vector b, double c) : a_(std::move(a)), b_(std::move(b)), c_(c) {}
  Index dimension() const override { return a_.size(); }
  double value(const ConstVectorRef& x) const override {
    return c_ + 0.5 * a_.dot((x - b_).cwiseAbs2());
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = a_.cwiseProduct(x - b_);
    return value(x);
  }

 private:
  Vector a_, b_;
  double c_;
};

// 1 + (x y)^2 / 2.
class Valley final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override {
    return 1 + 0.5 * std::pow(x[0] * x[1], 2);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = x[0] * x[1] * x[1];
    g[1] = x[0] * x[0] * x[1];
    return value(x);
  }
};

TEST(DiagnosePlateau, ASaddleWithItsCurvatureAndWhatLeavingItGains) {
  // (x^2 - 1)^2 / 4 + |y|^2 / 2 at the origin: curvature -1, and 1/4 to gain at x = +-1.
  const StrictSaddleObjective problem({.dimension = 6, .least_curvature = 1});
  const auto found = diagnose_plateau(problem, Vector::Zero(6), context(0.25));
  EXPECT_EQ(found.kind, "saddle");
  EXPECT_NEAR(found.measured.at("smallest_curvature"), -1, 1e-6);
  EXPECT_EQ(found.measured.at("gradient_norm"), 0);
  EXPECT_GT(found.measured.at("saddle_gain"), 0.15);
  EXPECT_LE(found.measured.at("saddle_gain"), 0.25);
  EXPECT_NE(found.advice.find("escape=on"), std::string::npos);
  EXPECT_EQ(found.first_step, 10);
  EXPECT_EQ(found.last_step, 500);
}

TEST(DiagnosePlateau, ANetworkAtZeroHasLostRank) {
  RandomStream random(1, "rows");
  const Index samples = 30;
  Matrix inputs(samples, 3), targets(samples, 1);
  for (Index i = 0; i < samples; ++i) {
    inputs.row(i) = random.normal_vector(3).transpose();
    targets(i, 0) = std::sin(inputs(i, 0)) + inputs(i, 1);
  }
  targets.array() -= targets.mean();  // so that zero is stationary
  const Network network({.inputs = 3, .hidden = {8, 8}, .outputs = 1});
  const CompositeObjective problem(network.on(inputs), std::make_shared<SquaredLoss>(targets));
  const Vector zero = Vector::Zero(problem.dimension());
  const auto found = diagnose_plateau(problem, zero, context(problem.value(zero)));
  EXPECT_EQ(found.kind, "rank-loss");
  EXPECT_EQ(found.measured.at("rank"), 1);
  EXPECT_GE(found.measured.at("rank_nearby"), 4);
  // The probed rank against that of the explicit Jacobian.
  EXPECT_EQ(probe_rank(problem, zero, 0, "test").rank, 1);
  const Vector start = network.initial_parameters(3);
  const Matrix jacobian = problem.model().linearize(start)->jacobian();
  Eigen::FullPivLU<Matrix> lu(jacobian);
  EXPECT_GE(lu.rank(), 16);
  EXPECT_EQ(probe_rank(problem, start, 0, "test").rank, 16);
}

// Mean of 1/2 |x - c_i|^2 over samples: the Hessian is I and the noise that of the c_i, so that the
// noise of an update is eta^2 V / 2 with V = tr cov(c) (1 - b/N) N/(N-1) / b.
class Centers final : public Objective, public FiniteSum {
 public:
  Centers(Index samples, Index n) : centers_(n, samples) {
    RandomStream random(4, "centers");
    for (Index i = 0; i < samples; ++i) centers_.col(i) = random.normal_vector(n);
    mean_ = centers_.rowwise().mean();
  }
  Index dimension() const override { return centers_.rows(); }
  Index sample_count() const override { return centers_.cols(); }
  double value(const ConstVectorRef& x) const override {
    return 0.5 * (centers_.colwise() - x).colwise().squaredNorm().mean();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = x - mean_;
    return value(x);
  }
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override {
    g = x;
    double sum = 0;
    for (const Index i : batch) {
      g -= centers_.col(i) / static_cast<double>(batch.size());
      sum += 0.5 * (x - centers_.col(i)).squaredNorm();
    }
    return sum / static_cast<double>(batch.size());
  }
  const Vector& mean() const { return mean_; }
  double variance(Index batch) const {
    const auto samples = static_cast<double>(sample_count());
    const double one = (centers_.colwise() - mean_).colwise().squaredNorm().mean();
    const auto b = static_cast<double>(batch);
    return one / b * (samples - b) / (samples - 1);
  }

 private:
  Matrix centers_;
  Vector mean_;
};

PlateauContext sampled_context(const Centers& problem, const Vector& x, double eta) {
  PlateauContext sampled = context(problem.value(x));
  sampled.batch = 8;
  sampled.plain_steps = true;
  sampled.plateau.stepsize = eta;
  sampled.plateau.noisy = true;
  return sampled;
}

TEST(DiagnosePlateau, TheNoiseOfBatchesAgainstItsClosedForm) {
  const Centers problem(400, 50);
  const double eta = 0.2;
  // Where eta |g|^2 - eta^2 |g|^2 / 2 = eta^2 V / 2.
  const double variance = problem.variance(8);
  const double norm = std::sqrt(eta * variance / (2 - eta));
  Vector x = problem.mean();
  x[7] += norm;
  const auto found = diagnose_plateau(problem, x, sampled_context(problem, x, eta));
  EXPECT_EQ(found.kind, "noise-floor");
  EXPECT_NEAR(found.measured.at("gradient_norm") / norm, 1, 1e-9);
  // From 8 batches of 50 numbers: relative error of some 2 / sqrt(400) for the root.
  EXPECT_NEAR(found.measured.at("noise_deviation") / std::sqrt(variance), 1, 0.2);
  EXPECT_NEAR(found.measured.at("noise_rise") / (eta * eta * variance / 2), 1, 0.5);
  EXPECT_NEAR(found.measured.at("gradient_fall") / (eta * eta * variance / 2), 1, 1e-6);
  EXPECT_NE(found.advice.find("batch=32"), std::string::npos);
}

TEST(DiagnosePlateau, NoiseBelowTheGradientIsNoFloor) {
  const Centers problem(400, 50);
  const double eta = 1e-3;
  Vector x = problem.mean();
  x[0] += 20;
  const auto found = diagnose_plateau(problem, x, sampled_context(problem, x, eta));
  EXPECT_EQ(found.kind, "slow-progress");
  EXPECT_LT(found.measured.at("noise_rise"), 0.1 * found.measured.at("gradient_fall"));
}

TEST(DiagnosePlateau, StepsThatJumpOverTheMinimum) {
  const PowerObjective problem(4);
  const double step = 0.1;  // between -0.05 and 0.05
  PlateauContext fixed = context(std::pow(step / 2, 4));
  fixed.plateau.first_step_norm = fixed.plateau.last_step_norm = step;
  fixed.step_floor = 1e-4;
  const auto found = diagnose_plateau(problem, Vector::Constant(1, step / 2), fixed);
  EXPECT_EQ(found.kind, "step-floor");
  EXPECT_EQ(found.measured.at("step_norm"), step);
  EXPECT_LT(found.measured.at("gradient_length"), 0.75 * step);
  EXPECT_GT(found.measured.at("gradient_gain"), 0.5 * std::pow(step / 2, 4));
  EXPECT_EQ(found.measured.at("step_floor"), 1e-4);
}

TEST(DiagnosePlateau, StepsThatAreTooShort) {
  const Quadratic problem(Vector::Constant(3, 1.0), Vector::Zero(3), 0);
  PlateauContext slow = context(1.5);
  slow.plain_steps = true;
  slow.plateau.stepsize = 1e-7;
  slow.plateau.last_step_norm = 1e-7 * std::sqrt(3.0);
  const auto found = diagnose_plateau(problem, Vector::Constant(3, 1), slow);
  EXPECT_EQ(found.kind, "slow-progress");
  EXPECT_GT(found.measured.at("gradient_length"), 1e3 * found.measured.at("step_norm"));
}

TEST(DiagnosePlateau, CurvaturesThatDifferTooMuch) {
  // On the floor of a valley: g along the flat direction is tiny in effect, |g| above eps.
  Vector a(2), b = Vector::Zero(2), x(2);
  a << 1e8, 1;
  x << 1e-9, 1;  // g = (0.1, 1): a step along -g is cut short by the first
  const Quadratic problem(a, b, 0);
  PlateauContext verified = context(problem.value(x));
  verified.steps_verified = true;
  const auto found = diagnose_plateau(problem, x, verified);
  EXPECT_EQ(found.kind, "slow-progress");
  EXPECT_LT(found.measured.at("gradient_gain"), 1e-3 * 0.5);
}

TEST(DiagnosePlateau, MinimaFlatAndCurved) {
  Vector x(2);
  x << 1, 0;
  const auto flat = diagnose_plateau(Valley(), x, context(1));
  EXPECT_EQ(flat.kind, "flat-minimum");
  EXPECT_NEAR(flat.measured.at("largest_curvature"), 1, 1e-4);
  EXPECT_NEAR(flat.measured.at("smallest_curvature"), 0, 1e-4);

  const Quadratic curved(Vector::LinSpaced(5, 1, 3), Vector::Ones(5), 1);
  const auto minimum = diagnose_plateau(curved, Vector::Ones(5), context(1));
  EXPECT_EQ(minimum.kind, "minimum");
  EXPECT_NEAR(minimum.measured.at("smallest_curvature"), 1, 1e-4);
  EXPECT_NEAR(minimum.measured.at("largest_curvature"), 3, 1e-4);

  // The same with curvatures that no step of the run has felt.
  const Quadratic weak(Vector::Constant(5, 1e-7), Vector::Ones(5), 1);
  EXPECT_EQ(diagnose_plateau(weak, Vector::Ones(5), context(1, unbounded)).kind, "flat-minimum");
}

TEST(DiagnosePlateau, WhatCannotBeMeasuredIsUndecided) {
  const StrictSaddleObjective problem({.dimension = 6, .least_curvature = 1});
  PlateauContext poor = context(0.25);
  poor.gradients = least_plateau_gradients - 1;
  EXPECT_EQ(diagnose_plateau(problem, Vector::Zero(6), poor).kind, "undecided");
  poor.gradients = least_plateau_gradients;
  const auto partly = diagnose_plateau(problem, Vector::Zero(6), poor);
  EXPECT_EQ(partly.kind, "undecided");
  EXPECT_FALSE(partly.because.empty());
  EXPECT_EQ(partly.measured.at("gradient_norm"), 0);
  const auto lost = diagnose_plateau(
      problem, Vector::Constant(6, std::numeric_limits<double>::quiet_NaN()), context(0.25));
  EXPECT_EQ(lost.kind, "undecided");
  EXPECT_THROW(diagnose_plateau(problem, Vector::Zero(3), context(0.25)), UsageError);
}

TEST(DiagnosePlateau, KeepsToItsBudget) {
  const StrictSaddleObjective problem({.dimension = 200, .least_curvature = 0.01});
  for (const double budget : {8.0, 20.0, 50.0, 100.0, 400.0}) {
    PlateauContext bounded = context(0.25);
    bounded.gradients = budget;
    const auto found = diagnose_plateau(problem, Vector::Constant(200, 1e-3), bounded);
    EXPECT_LE(found.measured.at("gradients"), budget + 8) << budget;
  }
}

// Where the gap is rounding no step gains anything that counts, whatever the gradient says.
TEST(DiagnosePlateau, AValueAtItsLowerBoundIsAMinimum) {
  const Quadratic bowl(Vector::LinSpaced(3, 1, 3), Vector::Zero(3), 2);
  const Vector x = Vector::Constant(3, 1e-9);
  const PlateauDiagnosis found = diagnose_plateau(bowl, x, context(bowl.value(x), 2));
  EXPECT_EQ(found.kind, "minimum");
  EXPECT_NE(found.advice.find("nothing is left to gain"), std::string::npos);
}

}  // namespace
}  // namespace thalweg
