#include "thalweg/model/activation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The function in extended precision, by the scalar library.
long double reference(Activation activation, long double z) {
  switch (activation) {
    case Activation::tanh: return std::tanh(z);
    case Activation::softplus:
      return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
    case Activation::sigmoid: return 1 / (1 + std::exp(-z));
    case Activation::gelu: return z * std::erfc(-z / std::sqrt(2.0L)) / 2;
    case Activation::relu: return z > 0 ? z : 0;
  }
  return 0;
}

/// phi' in extended precision, by formulas of its own.
long double reference_slope(Activation activation, long double z) {
  switch (activation) {
    case Activation::tanh: return 1 / (std::cosh(z) * std::cosh(z));
    case Activation::softplus: return 1 / (1 + std::exp(-z));
    case Activation::sigmoid: return std::exp(-z) / ((1 + std::exp(-z)) * (1 + std::exp(-z)));
    case Activation::gelu:
      return std::erfc(-z / std::sqrt(2.0L)) / 2 +
             z * std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0L));
    case Activation::relu: return z > 0 ? 1 : 0;
  }
  return 0;
}

std::vector<double> grid() {
  std::vector<double> z;
  for (double size = 1e-9; size < 30; size *= 1.07) {
    z.push_back(size);
    z.push_back(-size);
  }
  z.push_back(0);
  return z;
}

class EveryActivation : public testing::TestWithParam<std::string> {
 protected:
  Activation activation() const { return activation_from_name(GetParam()); }

  struct Values {
    std::vector<double> value, slope, second;
  };
  Values evaluate(const std::vector<double>& z) const {
    const Index count = static_cast<Index>(z.size());
    Values v{z, z, z};
    activate(activation(), z.data(), v.value.data(), v.slope.data(), count);
    second_derivative(activation(), z.data(), v.second.data(), count);
    return v;
  }
};

TEST_P(EveryActivation, InSinglePrecisionAgreesWithExtendedPrecision) {
  std::vector<float> z;
  for (const double number : grid()) z.push_back(static_cast<float>(number));
  std::vector<float> value(z.size()), slope(z.size());
  activate(activation(), z.data(), value.data(), slope.data(), static_cast<Index>(z.size()));
  for (std::size_t i = 0; i < z.size(); ++i) {
    const long double expected = reference(activation(), z[i]);
    const long double expected_slope = reference_slope(activation(), z[i]);
    // The argument of erfc is rounded, as above. Below the smallest normal float digits end.
    const long double tail = GetParam() == "gelu" && z[i] < -1 ? z[i] * z[i] : 1;
    EXPECT_LE(std::abs(value[i] - expected), 1e-6L * tail * std::abs(expected) + 1e-36L) << z[i];
    EXPECT_LE(std::abs(slope[i] - expected_slope), 1e-6L * (1 + std::abs(expected_slope))) << z[i];
  }
  std::vector<float> in_place = z;
  activate(activation(), in_place.data(), in_place.data(), slope.data(),
           static_cast<Index>(z.size()));
  EXPECT_EQ(in_place, value);
}

TEST_P(EveryActivation, AgreesWithExtendedPrecision) {
  const std::vector<double> z = grid();
  const Values v = evaluate(z);
  for (std::size_t i = 0; i < z.size(); ++i) {
    const long double value = reference(activation(), z[i]);
    const long double slope = reference_slope(activation(), z[i]);
    // In the left tail of gelu the argument of erfc is rounded, which multiplies by z^2.
    const long double tail = GetParam() == "gelu" && z[i] < -1 ? z[i] * z[i] : 1;
    EXPECT_LE(std::abs(v.value[i] - value), 1e-15L * tail * std::abs(value)) << "z = " << z[i];
    EXPECT_LE(std::abs(v.slope[i] - slope), 1e-15L * (1 + std::abs(slope))) << "z = " << z[i];
  }
}

TEST_P(EveryActivation, DerivativesHaveTheTaylorSlope) {
  for (const double z : {-2.3, -0.4, 0.3, 1.7}) {
    const Values at = evaluate({z});
    const auto moved = [&](double h) { return evaluate({z + h}); };
    const TaylorSlope first = taylor_slope(
        [&](double h) { return std::abs(moved(h).value[0] - at.value[0] - h * at.slope[0]); }, 1,
        1e-13);
    const TaylorSlope second = taylor_slope(
        [&](double h) { return std::abs(moved(h).slope[0] - at.slope[0] - h * at.second[0]); }, 1,
        1e-13);
    if (activation() == Activation::relu) {
      EXPECT_LE(first.largest_remainder, 1e-13);
      EXPECT_LE(second.largest_remainder, 1e-13);
    } else {
      ASSERT_TRUE(first.slope && second.slope);
      EXPECT_NEAR(*first.slope, 2, 0.15) << "z = " << z;
      EXPECT_NEAR(*second.slope, 2, 0.15) << "z = " << z;
    }
  }
}

TEST_P(EveryActivation, InPlaceAndWithoutDerivativeAgreeAtEveryLength) {
  const std::vector<double> z = grid();
  for (std::size_t count = 0; count < 40; ++count) {
    const Index n = static_cast<Index>(count);
    std::vector<double> in_place(z.begin(), z.begin() + n), slope(count), apart(count);
    activate(activation(), z.data(), apart.data(), nullptr, n);
    activate(activation(), in_place.data(), in_place.data(), slope.data(), n);
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_NEAR(in_place[i], apart[i], 1e-15 * std::abs(apart[i])) << count << " " << i;
  }
}

TEST_P(EveryActivation, NotANumberStaysVisibleInEveryPlaceOfAVector) {
  for (std::size_t place = 0; place < 19; ++place) {
    std::vector<double> z(19, 0.5);
    z[place] = std::nan("");
    const Values v = evaluate(z);
    for (std::size_t i = 0; i < z.size(); ++i) {
      EXPECT_EQ(std::isnan(v.value[i]), i == place);
      EXPECT_EQ(std::isnan(v.slope[i]), i == place);
    }
  }
}

TEST_P(EveryActivation, ExtremeInputsGiveTheLimits) {
  for (const double z : {800.0, 1e300, infinity}) {
    const Values v = evaluate({z, -z});
    const bool bounded = activation() == Activation::tanh || activation() == Activation::sigmoid;
    EXPECT_EQ(v.value[0], bounded ? 1 : z);
    EXPECT_EQ(v.value[1], activation() == Activation::tanh ? -1 : 0);
    EXPECT_EQ(v.slope[0], bounded ? 0 : 1);
    EXPECT_EQ(v.slope[1], 0);
    EXPECT_EQ(v.second[0], 0);
    EXPECT_EQ(v.second[1], 0);
  }
}

TEST_P(EveryActivation, NameGoesThereAndBack) { EXPECT_EQ(to_string(activation()), GetParam()); }

INSTANTIATE_TEST_SUITE_P(Activation, EveryActivation, testing::ValuesIn(activation_names()),
                         [](const auto& which) { return which.param; });

TEST(Activation, UnknownNameListsTheKnownOnes) {
  try {
    activation_from_name("swish");
    FAIL();
  } catch (const UsageError& error) {
    for (const std::string& name : activation_names())
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos);
  }
}

}  // namespace
}  // namespace thalweg
