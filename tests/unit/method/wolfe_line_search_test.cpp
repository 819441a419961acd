// The line search on the test functions of J. More and D. Thuente, ACM TOMS 20 (1994), section 5,
// with the parameters, first trials and minimisers given there.
#include "method/wolfe_line_search.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace thalweg {
namespace {

using Function = std::function<double(double)>;

struct Curve {
  const char* name;
  Function value, slope;
  double decrease, curvature;
};

// gamma(b1) sqrt((1 - a)^2 + b2^2) + gamma(b2) sqrt(a^2 + b1^2), gamma(b) = sqrt(1 + b^2) - b.
Curve yanai(const char* name, double b1, double b2) {
  const auto gamma = [](double b) { return std::hypot(1, b) - b; };
  const double g1 = gamma(b1), g2 = gamma(b2);
  return {
      name, [=](double a) { return g1 * std::hypot(1 - a, b2) + g2 * std::hypot(a, b1); },
      [=](double a) { return -g1 * (1 - a) / std::hypot(1 - a, b2) + g2 * a / std::hypot(a, b1); },
      1e-3, 1e-3};
}

std::vector<Curve> curves() {
  return {
      {"rational", [](double a) { return -a / (a * a + 2); },
       [](double a) { return (a * a - 2) / ((a * a + 2) * (a * a + 2)); }, 1e-3, 0.1},
      {"quintic", [](double a) { return std::pow(a + 0.004, 5) - 2 * std::pow(a + 0.004, 4); },
       [](double a) { return 5 * std::pow(a + 0.004, 4) - 8 * std::pow(a + 0.004, 3); }, 0.1, 0.1},
      yanai("yanai_1", 0.001, 0.001),
      yanai("yanai_2", 0.01, 0.001),
      yanai("yanai_3", 0.001, 0.01)};
}

class OnALine final : public Objective {
 public:
  explicit OnALine(const Curve& curve) : curve_(curve) {}
  Index dimension() const override { return 1; }
  double value(const ConstVectorRef& x) const override { return curve_.value(x[0]); }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = curve_.slope(x[0]);
    return value(x);
  }

 private:
  const Curve& curve_;
};

WolfeResult search(const Curve& curve, double first, std::int64_t trials = 60) {
  const Vector zero = Vector::Zero(1), direction = Vector::Ones(1);
  const Vector gradient = Vector::Constant(1, curve.slope(0));
  return wolfe_line_search(OnALine(curve), zero, curve.value(0), gradient, direction, first,
                           {curve.decrease, curve.curvature, trials});
}

TEST(WolfeLineSearch, FindsTheConditionsOnPublishedCurves) {
  for (const Curve& curve : curves())
    for (const double first : {1e-3, 1e-1, 1e1, 1e3}) {
      const WolfeResult result = search(curve, first);
      ASSERT_TRUE(result.found) << curve.name << " from " << first;
      const double a = result.stepsize, slope0 = curve.slope(0);
      EXPECT_LE(curve.value(a), curve.value(0) + curve.decrease * a * slope0)
          << curve.name << " from " << first;
      EXPECT_LE(std::abs(curve.slope(a)), curve.curvature * std::abs(slope0))
          << curve.name << " from " << first;
      EXPECT_EQ(result.point.value, curve.value(a));
      EXPECT_LE(result.evaluations, 40) << curve.name << " from " << first;
    }
}

// -ln(1 - a) - 4a has no value beyond 1: such trials are too long, and the minimiser 0.75 is found.
TEST(WolfeLineSearch, TreatsTrialsThatAreNotFiniteAsTooLong) {
  const Curve barrier{"barrier", [](double a) { return -std::log(1 - a) - 4 * a; },
                      [](double a) { return 1 / (1 - a) - 4; }, 1e-4, 1e-3};
  for (const double first : {0.1, 1.0, 50.0}) {
    const WolfeResult result = search(barrier, first);
    ASSERT_TRUE(result.found) << first;
    EXPECT_NEAR(result.stepsize, 0.75, 1e-3) << first;
  }
}

TEST(WolfeLineSearch, FindsNothingWhereNothingDecreases) {
  const Curve wrong{"wrong", [](double a) { return a; }, [](double) { return -1.0; }, 1e-4, 0.9};
  const WolfeResult result = search(wrong, 1);
  EXPECT_FALSE(result.found);
  EXPECT_LE(result.evaluations, 60);
}

TEST(WolfeLineSearch, KeepsTheLowestDecreaseWhenTrialsRunOut) {
  const Curve curve = curves()[1];
  const WolfeResult result = search(curve, 1e-3, 3);
  ASSERT_TRUE(result.found);
  EXPECT_EQ(result.evaluations, 3);
  EXPECT_LE(curve.value(result.stepsize),
            curve.value(0) + curve.decrease * result.stepsize * curve.slope(0));
}

// 1 + 1e-17 (a - 1)^2: the value is 1 for every a here, the slope alone tells the minimiser.
TEST(WolfeLineSearch, GoesByTheSlopeWhereValuesDrownInRounding) {
  const Curve flat{"flat", [](double a) { return 1 + 1e-17 * (a - 1) * (a - 1); },
                   [](double a) { return 2e-17 * (a - 1); }, 1e-4, 0.1};
  const WolfeResult result = search(flat, 1.05);
  ASSERT_TRUE(result.found);
  EXPECT_LE(std::abs(flat.slope(result.stepsize)), 0.1 * std::abs(flat.slope(0)));
}

}  // namespace
}  // namespace thalweg
