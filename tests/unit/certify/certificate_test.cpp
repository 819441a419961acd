#include "thalweg/certify/certificate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace thalweg {
namespace {

// f(x) = 1 + |x|^2 / 2, whose gradient may be told wrongly by a factor or an offset.
class Bowl final : public Objective {
 public:
  explicit Bowl(double factor = 1, double offset = 0) : factor_(factor), offset_(offset) {}
  Index dimension() const override { return 4; }
  double value(const ConstVectorRef& x) const override { return 1 + x.squaredNorm() / 2; }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = factor_ * x;
    g[0] += offset_;
    return value(x);
  }
  double lower_bound() const override { return 1; }

 private:
  double factor_, offset_;
};

const Vector at = Vector{{0.3, -0.4, 0.0, 0.0}};  // |x| = 0.5, f = 1.125

TEST(CertifyGlobalMinimum, MeasuresTheDistanceFromTheBound) {
  const Certificate holds = certify_global_minimum(Bowl(), at, 1, 0.2);
  EXPECT_EQ(holds.claim, "global-minimum");
  EXPECT_EQ(holds.verdict, Verdict::holds);
  EXPECT_NEAR(*holds.measured, 0.125, 1e-15);
  EXPECT_EQ(*holds.bound, 0.2);
  EXPECT_EQ(certify_global_minimum(Bowl(), at, 1, 0.12).verdict, Verdict::refuted);
}

TEST(CertifyGlobalMinimum, TheSlackIsRelativeToTheTarget) {
  EXPECT_EQ(certify_global_minimum(Bowl(), at, 1, 0.125 / 1.005, 0.01).verdict, Verdict::holds);
  EXPECT_EQ(certify_global_minimum(Bowl(), at, 1, 0.125 / 1.02, 0.01).verdict, Verdict::refuted);
}

TEST(CertifyGlobalMinimum, IsUndecidedWithoutABoundOrBelowIt) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Certificate none = certify_global_minimum(Bowl(), at, -infinity, 0.2);
  EXPECT_EQ(none.verdict, Verdict::undecided);
  EXPECT_FALSE(none.measured.has_value());
  const Certificate below = certify_global_minimum(Bowl(), at, 1.2, 0.2);
  EXPECT_EQ(below.verdict, Verdict::undecided);
  ASSERT_EQ(below.assumptions.size(), 1U);
  EXPECT_EQ(below.assumptions[0].status, Status::fail);
}

TEST(CertifyGlobalMinimum, ANonFiniteValueDecidesNothing) {
  const Vector far = Vector::Constant(4, std::numeric_limits<double>::infinity());
  EXPECT_EQ(certify_global_minimum(Bowl(), far, 1, 0.2).verdict, Verdict::undecided);
}

TEST(CertifyFirstOrder, MeasuresTheGradientNorm) {
  const Certificate holds = certify_first_order(Bowl(), at, 0.6);
  EXPECT_EQ(holds.claim, "first-order");
  EXPECT_EQ(holds.verdict, Verdict::holds);
  EXPECT_NEAR(*holds.measured, 0.5, 1e-15);
  ASSERT_EQ(holds.assumptions.size(), 1U);
  EXPECT_EQ(holds.assumptions[0].status, Status::pass);
  EXPECT_EQ(certify_first_order(Bowl(), at, 0.4).verdict, Verdict::refuted);
}

TEST(CertifyFirstOrder, HoldsAtAMinimumToTightTolerance) {
  const Certificate certificate = certify_first_order(Bowl(), Vector::Zero(4), 1e-6);
  EXPECT_EQ(certificate.verdict, Verdict::holds);
  EXPECT_EQ(certificate.assumptions[0].status, Status::pass);
}

TEST(CertifyFirstOrder, AGradientThatContradictsTheValuesDecidesNothing) {
  // The told gradient vanishes although the values still fall.
  const Vector x = Vector{{1.0, 0.0, 0.0, 0.0}};
  const Certificate vanishing = certify_first_order(Bowl(0), x, 1e-3);
  EXPECT_EQ(vanishing.verdict, Verdict::undecided);
  EXPECT_EQ(vanishing.assumptions[0].status, Status::fail);
  const Certificate shifted = certify_first_order(Bowl(1, -1), x, 1e-3);
  EXPECT_EQ(shifted.verdict, Verdict::undecided);
}

TEST(CertifyFirstOrder, DifferencesThatAreRoundingConfirmNothing) {
  // Differences of values around 1 resolve slopes to about 1e-9: no word on a tolerance of 1e-12.
  const Certificate certificate = certify_first_order(Bowl(), Vector::Constant(4, 1e-13), 1e-12);
  EXPECT_EQ(certificate.verdict, Verdict::holds);
  EXPECT_NE(certificate.assumptions[0].status, Status::fail);
}

std::vector<StepRecord> trace_with(const std::vector<std::pair<double, double>>& values) {
  std::vector<StepRecord> trace;
  for (const auto& [value, predicted] : values) {
    StepRecord record;
    record.value = value;
    record.predicted = predicted;
    trace.push_back(record);
  }
  return trace;
}

TEST(JudgeRate, TakesTheWorstLogarithmicDistance) {
  auto trace = trace_with({{1, 1}, {0.5, 0.505}, {0.1, 0.0999}, {1e-8, 1.01e-8}});
  trace[1].sigma_min = 0.3;
  trace[2].sigma_min = 0.2;
  trace[3].sigma_min = 0.4;
  const Certificate certificate = judge_rate(trace);
  EXPECT_EQ(certificate.claim, "rate");
  EXPECT_EQ(certificate.verdict, Verdict::holds);
  EXPECT_NEAR(*certificate.measured, std::log(1.01), 1e-12);
  EXPECT_EQ(*certificate.bound, 0.02);
  EXPECT_EQ(*certificate.sigma_min_path, 0.2);
}

TEST(JudgeRate, BelowThePredictionCountsLikeAbove) {
  EXPECT_EQ(judge_rate(trace_with({{1, 1}, {0.5, 0.52}})).verdict, Verdict::refuted);
  EXPECT_EQ(judge_rate(trace_with({{1, 1}, {0.52, 0.5}})).verdict, Verdict::refuted);
  EXPECT_EQ(judge_rate(trace_with({{1, 1}, {0.5, 0.52}}), 0.05).verdict, Verdict::holds);
}

TEST(JudgeRate, JudgesNothingWithoutPredictions) {
  std::vector<StepRecord> trace(3);
  const Certificate certificate = judge_rate(trace);
  EXPECT_EQ(certificate.verdict, Verdict::undecided);
  EXPECT_FALSE(certificate.measured.has_value());
  EXPECT_FALSE(certificate.sigma_min_path.has_value());
}

TEST(JudgeRate, AValueThatHasNoLogarithmRefutes) {
  for (const double value : {0.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    const Certificate certificate = judge_rate(trace_with({{1, 1}, {value, 0.5}}));
    EXPECT_EQ(certificate.verdict, Verdict::refuted);
    EXPECT_FALSE(certificate.measured.has_value());  // every number of a report is finite
  }
  EXPECT_EQ(judge_rate(trace_with({{1, 1}, {0, 0}})).verdict, Verdict::holds);  // both underflowed
}

}  // namespace
}  // namespace thalweg
