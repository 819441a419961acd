// Claims of large-step runs: separation, bounds on the loss, drift of the tangent kernel.
#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/certify/certificate.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/logistic_toy.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"

namespace thalweg {
namespace {

TEST(CertifySeparates, MeasuresTheNormalizedMargin) {
  const auto toy = logistic_toy();
  const Vector up = Vector::Unit(2, 1), right = Vector::Unit(2, 0);
  const double largest_row = std::hypot(2, 0.2);
  for (const double scale : {1e-200, 1.0, 1e200}) {
    const Certificate good = certify_separates(*toy, scale * up);
    EXPECT_EQ(good.verdict, Verdict::holds);
    EXPECT_NEAR(*good.measured, 0.2 / largest_row, 1e-15) << "the scale of x does not matter";
  }
  const Certificate bad = certify_separates(*toy, right);
  EXPECT_EQ(bad.verdict, Verdict::refuted);
  EXPECT_NEAR(*bad.measured, -2 / largest_row, 1e-15);
}

TEST(CertifySeparates, IsUndecidedWhereThereIsNothingToMeasure) {
  EXPECT_EQ(certify_separates(*logistic_toy(), Vector::Zero(2)).verdict, Verdict::undecided);
  const Network network({.inputs = 2, .hidden = {3}, .outputs = 1});
  const CompositeObjective objective(
      network.on(Matrix::Random(4, 2)),
      std::make_shared<CrossEntropyLoss>(std::vector{0, 1, 0, 1}, 2));
  EXPECT_EQ(certify_separates(objective, network.initial_parameters(1)).verdict,
            Verdict::undecided);
}

StepRecord record(double log_value, std::optional<double> average = {},
                  std::optional<double> bound = {}) {
  StepRecord r;
  r.value = std::exp(log_value);
  r.log_value = log_value;
  r.average_log_value = average;
  r.bound_log_value = bound;
  return r;
}

TEST(JudgeLossBound, HoldsTheAverageAgainstItsBoundAtEveryRecord) {
  std::vector<StepRecord> trace = {record(-0.7), record(-900, -800, -700),
                                   record(-999, -950, -940)};
  EXPECT_EQ(judge_loss_bound(trace, {}).verdict, Verdict::holds);
  EXPECT_EQ(*judge_loss_bound(trace, {}).measured, 0);
  trace[1].average_log_value = -699;
  const Certificate broken = judge_loss_bound(trace, {});
  EXPECT_EQ(broken.verdict, Verdict::refuted);
  EXPECT_DOUBLE_EQ(*broken.measured, 1);
}

TEST(JudgeLossBound, HoldsTheBestLossAgainstTheBoundForAllSteps) {
  const std::vector<StepRecord> trace = {record(-0.7), record(-5), record(-4)};
  EXPECT_EQ(judge_loss_bound(trace, -4.9).verdict, Verdict::holds) << "the best, not the last";
  EXPECT_EQ(judge_loss_bound(trace, -5.1).verdict, Verdict::refuted);
  EXPECT_EQ(judge_loss_bound(trace, {}).verdict, Verdict::undecided);
}

TEST(TangentKernel, DriftIsMeasuredAgainstExplicitJacobians) {
  const Network network({.inputs = 2, .hidden = {5}, .outputs = 2});
  const auto model = network.on(Matrix::Random(6, 2));
  const Vector x0 = network.initial_parameters(1);
  const Vector x = x0 + 0.3 * Vector::Random(x0.size());
  const Matrix j0 = model->linearize(x0)->jacobian(), j = model->linearize(x)->jacobian();
  const Matrix k0 = j0 * j0.transpose(), k = j * j.transpose();
  EXPECT_NEAR(tangent_kernel_drift(*model, x0, x), (k - k0).norm() / k0.norm(), 1e-12);
  EXPECT_EQ(tangent_kernel_drift(*model, x0, x0), 0);
  EXPECT_EQ(judge_tangent_kernel(*model, x0, x0).verdict, Verdict::holds);
  EXPECT_EQ(judge_tangent_kernel(*model, x0, 5 * x).verdict, Verdict::refuted);
}

TEST(TangentKernel, OfALinearModelDoesNotMove) {
  const auto toy = logistic_toy();
  EXPECT_EQ(tangent_kernel_drift(toy->model(), Vector::Zero(2), Vector::Ones(2)), 0);
}

}  // namespace
}  // namespace thalweg
