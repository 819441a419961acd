#include "thalweg/problem/margin_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

constexpr Index samples = 57;

// Labels 0, 1, ... in turn: every class occurs.
CrossEntropyLoss loss_of(int classes) {
  std::vector<int> labels(samples);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i) % classes;
  return {labels, classes};
}

Vector outputs_of(const MarginLoss& loss, double spread) {
  return spread * RandomStream(4, "outputs").normal_vector(loss.output_count());
}

// All margins of a sample, in the documented order.
std::vector<long double> margins(const MarginLoss& loss, const Vector& y, Index i) {
  if (loss.classes() == 2) return {static_cast<long double>(loss.label(i) == 1 ? y[i] : -y[i])};
  std::vector<long double> all;
  for (int q = 0; q < loss.classes(); ++q)
    if (q != loss.label(i))
      all.push_back(static_cast<long double>(y[loss.label(i) * samples + i]) - y[q * samples + i]);
  return all;
}

TEST(MarginLoss, SmallestMarginsAndTrainingErrorFollowTheDefinition) {
  for (const int classes : {2, 3, 7}) {
    const CrossEntropyLoss loss = loss_of(classes);
    const Vector y = outputs_of(loss, 2);
    const Vector smallest = loss.smallest_margins(y);
    int wrong = 0;
    for (Index i = 0; i < samples; ++i) {
      const auto all = margins(loss, y, i);
      ASSERT_EQ(static_cast<Index>(all.size()), Index{classes - 1});
      const auto least = *std::min_element(all.begin(), all.end());
      EXPECT_EQ(smallest[i], static_cast<double>(least));
      wrong += least > 0 ? 0 : 1;
    }
    EXPECT_GT(wrong, 0);
    EXPECT_LT(wrong, samples);
    EXPECT_DOUBLE_EQ(MarginLoss::training_error(smallest), static_cast<double>(wrong) / samples);
  }
}

TEST(MarginLoss, AMarginOfZeroAndNotANumberAreErrors) {
  const CrossEntropyLoss loss({1, 0, 1, 0}, 2);
  Vector y(4);
  y << 0, -1, std::nan(""), 1;
  EXPECT_EQ(MarginLoss::training_error(loss.smallest_margins(y)), 0.75);
}

TEST(MarginLoss, LogExponentialAgreesWithLongDouble) {
  for (const int classes : {2, 3, 7}) {
    const CrossEntropyLoss loss = loss_of(classes);
    for (const double spread : {1e-3, 1.0, 40.0, 2000.0}) {  // e^8000 overflows doubles
      SCOPED_TRACE(std::to_string(classes) + " classes, spread " + std::to_string(spread));
      const Vector y = outputs_of(loss, spread);
      long double sum = 0;
      for (Index i = 0; i < samples; ++i)
        for (const long double m : margins(loss, y, i)) sum += std::exp(-m);
      Vector g(y.size());
      const double value = loss.log_exponential(y, g);
      const double expected = static_cast<double>(std::log(sum / samples));
      EXPECT_NEAR(value, expected, 1e-14 * std::max(1.0, std::abs(expected)));
      EXPECT_GE(value, loss.log_value(y));  // ln(1 + s) <= s

      for (Index i = 0; i < samples; ++i) {
        const auto all = margins(loss, y, i);
        long double own = 0;
        for (const long double m : all) own += std::exp(-m) / sum;
        const double sign = classes == 2 ? loss.sign(i) : 1;
        const Index at = classes == 2 ? i : loss.label(i) * samples + i;
        EXPECT_NEAR(g[at], -sign * static_cast<double>(own),
                    1e-12 * static_cast<double>(own) + 1e-300);
      }
      if (classes > 2) {
        EXPECT_NEAR(g.sum(), 0, 1e-14);  // a shift of all outputs of a sample changes nothing
      } else {
        EXPECT_NEAR(g.cwiseAbs().sum(), 1, 1e-14);
      }
    }
  }
}

TEST(MarginLoss, LogExponentialHasTaylorSlopeTwo) {
  for (const int classes : {2, 4}) {
    const CrossEntropyLoss loss = loss_of(classes);
    const Vector y = outputs_of(loss, 1);
    const Vector v = RandomStream(5, "direction").normal_vector(y.size()).normalized();
    Vector g(y.size()), unused(y.size());
    const double value = loss.log_exponential(y, g);
    const TaylorSlope slope = taylor_slope(
        [&](double h) {
          return std::abs(loss.log_exponential(y + h * v, unused) - value - h * g.dot(v));
        },
        1, 1e-14);
    ASSERT_TRUE(slope.slope.has_value());
    EXPECT_NEAR(*slope.slope, 2, 0.1);
  }
}

TEST(MarginLoss, MisuseIsNamed) {
  EXPECT_THROW(CrossEntropyLoss({0}, 1), UsageError);
  EXPECT_THROW(CrossEntropyLoss({}, 2), UsageError);
  try {
    CrossEntropyLoss({0, 1, 3}, 3);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("label 3 of sample 2"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace thalweg
