#include "thalweg/model/margin_losses.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<int> random_labels(Index count, int classes, std::uint64_t seed) {
  RandomStream random(seed, "labels");
  std::vector<int> labels(static_cast<std::size_t>(count));
  for (int& label : labels)
    label = static_cast<int>(random.below(static_cast<std::uint64_t>(classes)));
  return labels;
}

Vector random_vector(Index n, std::uint64_t seed) {
  return RandomStream(seed, "outputs").normal_vector(n);
}

// A loss with its statement in long double: l(m), for one margin per sample.
struct Stated {
  std::shared_ptr<const MarginLoss> loss;
  std::function<long double(long double)> of_margin;
};

constexpr Index samples = 301;

std::vector<Stated> two_class_losses() {
  const std::vector<int> labels = random_labels(samples, 2, 1);
  const auto polynomial = [](long double degree) {
    return [degree](long double m) { return m < 0 ? 1 - degree * m : std::pow(1 + m, -degree); };
  };
  return {
      {std::make_shared<CrossEntropyLoss>(labels, 2),
       [](long double m) { return std::log1p(std::exp(-m)); }},
      {std::make_shared<ExponentialLoss>(labels), [](long double m) { return std::exp(-m); }},
      {std::make_shared<PolynomialLoss>(labels, 0.5), polynomial(0.5L)},
      {std::make_shared<PolynomialLoss>(labels, 3), polynomial(3)},
      {std::make_shared<SquaredHingeLoss>(labels),
       [](long double m) { return m < 1 ? (1 - m) * (1 - m) / 2 : 0; }},
  };
}

long double mean_of(const Stated& stated, const Vector& y) {
  long double sum = 0;
  for (Index i = 0; i < y.size(); ++i)
    sum += stated.of_margin(static_cast<long double>(stated.loss->sign(i)) * y[i]);
  return sum / y.size();
}

TEST(TwoClassLosses, ValueAndLogValueAgreeWithLongDouble) {
  for (const Stated& stated : two_class_losses()) {
    for (const double spread : {1e-8, 0.1, 1.0, 30.0, 300.0}) {
      SCOPED_TRACE(stated.loss->description() + " spread " + std::to_string(spread));
      const Vector y = spread * random_vector(samples, 2);
      const long double mean = mean_of(stated, y);
      const double expected = static_cast<double>(mean);
      if (std::isinf(expected))
        EXPECT_EQ(stated.loss->value(y), infinity);
      else
        EXPECT_NEAR(stated.loss->value(y), expected, 1e-13 * expected);
      EXPECT_NEAR(stated.loss->log_value(y), static_cast<double>(std::log(mean)), 1e-12);
    }
  }
}

// Margins so large that the losses of double numbers are 0; those of long double are not.
TEST(TwoClassLosses, LogValueGoesOnBelowTheSmallestNumber) {
  for (const Stated& stated : two_class_losses()) {
    SCOPED_TRACE(stated.loss->description());
    for (const double least : {200.0, 700.0, 744.0, 800.0, 5000.0}) {
      Vector y(samples);
      for (Index i = 0; i < samples; ++i)
        y[i] = stated.loss->sign(i) * (least + static_cast<double>(i) / 64);
      const double expected = static_cast<double>(std::log(mean_of(stated, y)));
      if (std::isinf(expected))
        EXPECT_EQ(stated.loss->log_value(y), -infinity);
      else
        EXPECT_NEAR(stated.loss->log_value(y), expected, 1e-14 * std::abs(expected));
    }
  }
}

TEST(TwoClassLosses, TaylorSlopesAreTwoAndGradientBelongsToValue) {
  for (const Stated& stated : two_class_losses()) {
    SCOPED_TRACE(stated.loss->description());
    // Away from the kinks at margins 0 and 1, which a step of 0.1 does not reach.
    Vector y = random_vector(samples, 3);
    for (double& z : y) z += z < 0 ? -1.2 : 1.2;
    const Vector v = random_vector(samples, 4).normalized();
    Vector g(samples), moved(samples), hv(samples);
    stated.loss->gradient(y, g);
    stated.loss->hessian_product(y, v, hv);
    const TaylorSlope value = taylor_slope(
        [&](double h) {
          return std::abs(stated.loss->value(y + h * v) - stated.loss->value(y) - h * g.dot(v));
        },
        1, 1e-15);
    const TaylorSlope gradient = taylor_slope(
        [&](double h) {
          stated.loss->gradient(y + h * v, moved);
          return (moved - g - h * hv).norm();
        },
        1, 1e-17);
    ASSERT_TRUE(value.slope.has_value());
    EXPECT_NEAR(*value.slope, 2, 0.1);
    if (stated.loss->description() == "squared hinge loss") {
      EXPECT_LT(gradient.largest_remainder, 1e-15);  // its Hessian is constant here
    } else {
      ASSERT_TRUE(gradient.slope.has_value());
      EXPECT_NEAR(*gradient.slope, 2, 0.1);
    }
  }
}

TEST(TwoClassLosses, DerivativesJoinAtTheKinks) {
  const std::vector<int> one = {1};
  for (const double degree : {0.5, 1.0, 3.0}) {
    const PolynomialLoss loss(one, degree);
    Vector left(1), right(1);
    loss.gradient(Vector::Constant(1, -1e-12), left);
    loss.gradient(Vector::Constant(1, 1e-12), right);
    EXPECT_NEAR(left[0], right[0], 1e-10);
    EXPECT_NEAR(loss.value(Vector::Zero(1)), 1, 1e-15);
  }
  const SquaredHingeLoss hinge(one);
  Vector g(1);
  hinge.gradient(Vector::Ones(1), g);
  EXPECT_EQ(g[0], 0);
  EXPECT_EQ(hinge.value(Vector::Ones(1)), 0);
}

TEST(MarginLosses, CurvatureBoundHoldsAndIsReached) {
  for (const Stated& stated : two_class_losses()) {
    const double bound = stated.loss->curvature_bound();
    double largest = 0;
    for (double z = -3; z <= 3; z += 0.01) {
      Vector hv(samples);
      stated.loss->hessian_product(Vector::Constant(samples, z), Vector::Ones(samples), hv);
      largest = std::max(largest, samples * hv.maxCoeff());
    }
    if (std::isinf(bound)) continue;
    EXPECT_LE(largest, bound * (1 + 1e-14)) << stated.loss->description();
    EXPECT_GE(largest, 0.98 * bound) << stated.loss->description();
  }
  EXPECT_EQ(ExponentialLoss({0, 1}).curvature_bound(), infinity);

  const CrossEntropyLoss softmax({0}, 4);
  Vector y = Vector::Constant(4, -50.0), hv(4), v = Vector::Zero(4);
  y[0] = y[1] = 0;  // two classes share the probability: the largest eigenvalue, 1/2
  v[0] = std::sqrt(0.5), v[1] = -v[0];
  softmax.hessian_product(y, v, hv);
  EXPECT_NEAR(hv.dot(v), softmax.curvature_bound(), 1e-14);
}

std::vector<std::shared_ptr<const MarginLoss>> all_losses() {
  std::vector<std::shared_ptr<const MarginLoss>> losses;
  for (const Stated& stated : two_class_losses()) losses.push_back(stated.loss);
  losses.push_back(std::make_shared<CrossEntropyLoss>(random_labels(samples, 4, 1), 4));
  return losses;
}

TEST(MarginLosses, ABatchOfAllSamplesIsTheWhole) {
  std::vector<Index> all(samples);
  std::iota(all.begin(), all.end(), Index{0});
  for (const auto& loss : all_losses()) {
    SCOPED_TRACE(loss->description());
    const Vector y = 3 * random_vector(loss->output_count(), 5);
    Vector g(y.size()), gy(y.size());
    const double sum = loss->batch_sum(all, y, g);
    loss->gradient(y, gy);
    EXPECT_NEAR(sum / samples, loss->value(y), 1e-14 * std::abs(sum));
    EXPECT_LE((g / samples - gy).norm(), 1e-14 * gy.norm());
  }
}

TEST(MarginLosses, ABatchTakesTheLabelsOfItsSamples) {
  const std::vector<Index> batch = {300, 5, 5, 17, 0};
  const auto size = static_cast<Index>(batch.size());
  for (const auto& loss : all_losses()) {
    SCOPED_TRACE(loss->description());
    const Index outputs = loss->outputs_per_sample();
    const Vector y = 3 * random_vector(size * outputs, 5);
    Vector g(y.size());
    double expected = 0;
    Vector expected_g(y.size());
    for (Index k = 0; k < size; ++k) {
      Vector one(outputs), g_one(outputs);
      for (Index q = 0; q < outputs; ++q) one[q] = y[q * size + k];
      const Index sample = batch[static_cast<std::size_t>(k)];
      expected += loss->batch_sum(Batch(&sample, 1), one, g_one);
      for (Index q = 0; q < outputs; ++q) expected_g[q * size + k] = g_one[q];
    }
    EXPECT_NEAR(loss->batch_sum(batch, y, g), expected, 1e-14 * expected);
    EXPECT_LE((g - expected_g).norm(), 1e-15 * expected_g.norm());
  }
}

TEST(MarginLosses, RootIsARootOfTheHessian) {
  for (const auto& loss : all_losses()) {
    SCOPED_TRACE(loss->description());
    const Vector y = 2 * random_vector(loss->output_count(), 5);
    const Vector v = random_vector(y.size(), 6);
    const Matrix root = loss->hessian_root(y);
    Vector sv(y.size()), ssv(y.size()), hv(y.size());
    apply_root(root, v, sv);
    apply_root_adjoint(root, sv, ssv);
    loss->hessian_product(y, v, hv);
    EXPECT_LE((ssv - hv).norm(), 1e-14 * hv.norm());
  }
}

TEST(CrossEntropy, LogValueOfSeveralClassesAgreesWithLongDouble) {
  const int classes = 4;
  const auto labels = random_labels(samples, classes, 9);
  const CrossEntropyLoss loss(labels, classes);
  for (const double lead : {0.0, 3.0, 300.0, 2000.0}) {
    Vector y = random_vector(samples * classes, 10);
    for (Index i = 0; i < samples; ++i) y[loss.label(i) * samples + i] += lead;
    long double sum = 0;
    for (Index i = 0; i < samples; ++i) {
      long double others = 0;
      for (int q = 0; q < classes; ++q)
        if (q != loss.label(i))
          others += std::exp(static_cast<long double>(y[q * samples + i]) -
                             y[loss.label(i) * samples + i]);
      sum += std::log1p(others);
    }
    const double expected = static_cast<double>(std::log(sum / samples));
    EXPECT_NEAR(loss.log_value(y), expected, 1e-13 * std::max(1.0, std::abs(expected))) << lead;
  }
}

TEST(CrossEntropy, GradientOfTinyLossesKeepsItsDigits) {
  const CrossEntropyLoss loss({1, 0, 1, 1, 0}, 2);
  Vector y(5), g(5);
  y << 30, -300, 700, -20, 25;
  loss.gradient(y, g);
  for (Index i = 0; i < 5; ++i) {
    const long double m = static_cast<long double>(loss.sign(i)) * y[i];
    const double expected = static_cast<double>(-loss.sign(i) / (1 + std::exp(m)) / 5);
    EXPECT_NEAR(g[i], expected, 1e-14 * std::abs(expected)) << i;
  }
}

TEST(MarginLosses, NotANumberPassesThrough) {
  for (const auto& loss : all_losses()) {
    SCOPED_TRACE(loss->description());
    Vector y = Vector::Ones(loss->output_count()), g(y.size());
    y[7] = std::nan("");
    loss->gradient(y, g);
    EXPECT_TRUE(std::isnan(loss->value(y)));
    EXPECT_TRUE(std::isnan(g[7]));
    EXPECT_TRUE(std::isnan(loss->log_value(y)));
  }
}

TEST(MarginLosses, MisuseIsNamed) {
  for (const double degree : {0.0, -1.0, std::nan(""), infinity})
    EXPECT_THROW(PolynomialLoss({0, 1}, degree), UsageError) << degree;
  EXPECT_THROW(ExponentialLoss({0, 2}), UsageError);
  EXPECT_THROW(SquaredHingeLoss(std::vector<int>()), UsageError);
}

}  // namespace
}  // namespace thalweg
