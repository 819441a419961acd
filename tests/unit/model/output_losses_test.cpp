#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/margin_losses.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
  const Vector entries = RandomStream(seed, "loss").normal_vector(rows * cols);
  return Eigen::Map<const Matrix>(entries.data(), rows, cols);
}

struct Case {
  const char* name;
  std::function<std::unique_ptr<OutputLoss>()> make;
};

std::vector<Case> cases() {
  return {
      {"squared", [] { return std::make_unique<SquaredLoss>(random_matrix(6, 2, 1)); }},
      {"logistic",
       [] {
         return std::make_unique<CrossEntropyLoss>(std::vector<int>{0, 1, 1, 0, 1}, 2);
       }},
      {"softmax",
       [] {
         return std::make_unique<CrossEntropyLoss>(std::vector<int>{2, 0, 1, 2, 3}, 4);
       }},
  };
}

class EveryLoss : public testing::TestWithParam<Case> {};

TEST_P(EveryLoss, GradientAndHessianHaveTaylorSlopeTwo) {
  const auto loss = GetParam().make();
  const Index m = loss->output_count();
  const Vector y = RandomStream(2, "y").normal_vector(m);
  const Vector v = RandomStream(3, "v").normal_vector(m).normalized();
  Vector g(m), moved(m), hv(m);
  loss->gradient(y, g);
  loss->hessian_product(y, v, hv);
  const double at = loss->value(y);
  const TaylorSlope value = taylor_slope(
      [&](double h) { return std::abs(loss->value(y + h * v) - at - h * g.dot(v)); }, 0.3, 1e-13);
  ASSERT_TRUE(value.slope.has_value());
  EXPECT_NEAR(*value.slope, 2, 0.1);
  const TaylorSlope gradient = taylor_slope(
      [&](double h) {
        loss->gradient(y + h * v, moved);
        return (moved - g - h * hv).norm();
      },
      0.01, 1e-14);
  if (std::string(GetParam().name) == "squared") {
    EXPECT_LT(gradient.largest_remainder, 1e-14);  // quadratic
  } else {
    EXPECT_NEAR(gradient.slope.value_or(0), 2, 0.1);
  }
}

TEST_P(EveryLoss, RootIsARootOfTheHessian) {
  const auto loss = GetParam().make();
  const Index m = loss->output_count();
  const Vector y = 3 * RandomStream(2, "y").normal_vector(m);
  const Matrix root = loss->hessian_root(y);
  ASSERT_EQ(root.rows(), m);
  ASSERT_EQ(root.cols(), loss->outputs_per_sample());
  Vector hv(m), sv(m), stsv(m);
  for (Index k = 0; k < m; ++k) {
    const Vector unit = Vector::Unit(m, k);
    loss->hessian_product(y, unit, hv);
    apply_root(root, unit, sv);
    apply_root_adjoint(root, sv, stsv);
    EXPECT_LE((stsv - hv).norm(), 1e-15);
  }
}

TEST_P(EveryLoss, StatedConstantsHold) {
  const auto loss = GetParam().make();
  const Index m = loss->output_count();
  const Vector y = RandomStream(2, "y").normal_vector(m), v = RandomStream(3, "v").normal_vector(m);
  Vector hv(m), g(m);
  loss->hessian_product(y, v, hv);
  EXPECT_GE(loss->value(y), loss->lower_bound());
  EXPECT_GE(hv.dot(v), loss->strong_convexity() * v.squaredNorm() * (1 - 1e-14));
  if (const auto h = loss->constant_hessian()) {
    EXPECT_LE((hv - *h * v).norm(), 1e-15 * v.norm());
  }
  if (const auto minimizer = loss->minimizer()) {
    loss->gradient(*minimizer, g);
    EXPECT_EQ(g.norm(), 0);
    EXPECT_EQ(loss->value(*minimizer), loss->lower_bound());
  }
}

TEST_P(EveryLoss, ExtremeOutputsStayFinite) {
  const auto loss = GetParam().make();
  const Index m = loss->output_count();
  for (const double size : {800.0, 1e100}) {
    for (const int pattern : {0, 1}) {
      Vector y(m), g(m), hv(m);
      for (Index k = 0; k < m; ++k) y[k] = (k + pattern) % 2 == 0 ? size : -size;
      loss->gradient(y, g);
      loss->hessian_product(y, Vector::Ones(m), hv);
      EXPECT_TRUE(std::isfinite(loss->value(y)));
      EXPECT_TRUE(g.allFinite());
      EXPECT_TRUE(hv.allFinite());
      EXPECT_TRUE(loss->hessian_root(y).allFinite());
    }
  }
}

TEST_P(EveryLoss, NotANumberStaysVisible) {
  const auto loss = GetParam().make();
  Vector y = Vector::Zero(loss->output_count()), g(y.size());
  y[1] = std::nan("");
  EXPECT_TRUE(std::isnan(loss->value(y)));
  loss->gradient(y, g);
  EXPECT_FALSE(g.allFinite());
}

INSTANTIATE_TEST_SUITE_P(OutputLosses, EveryLoss, testing::ValuesIn(cases()),
                         [](const auto& which) { return std::string(which.param.name); });

TEST(CrossEntropyLoss, KnownValues) {
  // Two classes: ln(1 + e^-3) for a correct margin of 3, 3 more for a wrong one.
  const CrossEntropyLoss two({1, 0}, 2);
  EXPECT_NEAR(two.value(Vector::Constant(2, 3)), std::log1p(std::exp(-3.0)) + 1.5, 1e-15);
  // Four classes, equal outputs: ln 4.
  const CrossEntropyLoss four({2, 0}, 4);
  EXPECT_NEAR(four.value(Vector::Constant(8, -7)), std::log(4.0), 1e-15);
}

TEST(CrossEntropyLoss, TinyLossesKeepTheirDigits) {
  // Far below machine precision: ln(1 + e) = e.
  const CrossEntropyLoss two({1}, 2);
  EXPECT_NEAR(two.value(Vector::Constant(1, 100)) / std::exp(-100.0), 1, 1e-14);
  const CrossEntropyLoss three({1}, 3);
  Vector y(3), g(3);
  y << -60, 40, -60;
  EXPECT_NEAR(three.value(y) / (2 * std::exp(-100.0)), 1, 1e-14);
  three.gradient(y, g);
  EXPECT_NEAR(g[1] / (-2 * std::exp(-100.0)), 1, 1e-14);
}

TEST(CrossEntropyLoss, SoftmaxOfTwoOutputsIsTheLogisticLoss) {
  const std::vector<int> labels{0, 1, 1};
  const CrossEntropyLoss two(labels, 2), three(labels, 3);
  const Vector margin = RandomStream(4, "z").normal_vector(3);
  Vector y = Vector::Zero(9);
  y.segment(3, 3) = margin;
  y.segment(6, 3).setConstant(-1e4);  // a class that never occurs
  EXPECT_NEAR(three.value(y), two.value(margin), 1e-15);
}

TEST(OutputLosses, MisuseIsNamed) {
  EXPECT_THROW(CrossEntropyLoss({0, 1, 2}, 2), UsageError);
  EXPECT_THROW(CrossEntropyLoss({0, -1}, 2), UsageError);
  EXPECT_THROW(CrossEntropyLoss({0}, 1), UsageError);
  EXPECT_THROW(CrossEntropyLoss({}, 2), UsageError);
  EXPECT_THROW(SquaredLoss(Matrix(0, 1)), UsageError);
  EXPECT_THROW(SquaredLoss(Matrix::Constant(2, 1, std::nan(""))), UsageError);
}

}  // namespace
}  // namespace thalweg
