// Robust losses with the methods that take them: a linear fit with outliers, against iteratively
// reweighted least squares written out here.
#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>
#include <memory>
#include <string>

#include "thalweg/core/random.hpp"
#include "thalweg/method/gauss_newton.hpp"
#include "thalweg/method/levenberg_marquardt.hpp"
#include "thalweg/method/newton.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/robust_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

struct Case {
  const char* loss;
  double scale;
  double (*weight)(double t);
};

const Case cases[] = {
    {"huber", 0.3, [](double t) { return std::min(1.0, 1 / std::abs(t)); }},
    {"cauchy", 0.5, [](double t) { return 1 / (1 + t * t); }},
    {"tukey", 1.5, [](double t) { return std::abs(t) < 1 ? (1 - t * t) * (1 - t * t) : 0.0; }},
};

class RobustFit : public testing::TestWithParam<Case> {
 protected:
  RobustFit() {
    RandomStream random(9, "robust-fit");
    rows = random.normal_vector(180).reshaped(60, 3);
    design.resize(60, 4);
    design << rows, Vector::Ones(60);
    truth = random.normal_vector(4);
    targets = design * truth + 0.2 * random.normal_vector(60);
    for (Index i = 0; i < 60; i += 6) targets[i] += 8;  // 10 of 60, all on one side
    start = design.colPivHouseholderQr().solve(targets);
    const std::string name = GetParam().loss;
    const double c = GetParam().scale;
    if (name == "huber") loss = std::make_shared<HuberLoss>(Matrix(targets), c);
    if (name == "cauchy") loss = std::make_shared<CauchyLoss>(Matrix(targets), c);
    if (name == "tukey") loss = std::make_shared<TukeyLoss>(Matrix(targets), c);
    problem = std::make_shared<LinearObjective>(
        std::make_shared<LinearModel>(rows, LinearModel::Options{}), loss);
  }

  // One step of weighted least squares from x.
  Vector reweighted(const Vector& x) const {
    const Vector t = (design * x - targets) / GetParam().scale;
    const Vector root = t.unaryExpr(GetParam().weight).cwiseSqrt();
    return (root.asDiagonal() * design).colPivHouseholderQr().solve(root.asDiagonal() * targets);
  }
  Vector converged() const {
    Vector x = start;
    for (int k = 0; k < 2000; ++k) x = reweighted(x);
    return x;
  }
  Result fit(const Method& method, std::int64_t steps) const {
    RunOptions options;
    options.stop = max_steps(steps);
    return run(*problem, method, start, options);
  }

  Matrix rows, design;
  Vector truth, targets, start;
  std::shared_ptr<const OutputLoss> loss;
  std::shared_ptr<const LinearObjective> problem;
};

TEST_P(RobustFit, AFullGaussNewtonStepIsReweightedLeastSquares) {
  const Vector once = reweighted(start), twice = reweighted(once);
  const Result result = fit(GaussNewton(), 2);
  ASSERT_EQ(result.trace.size(), 3U);
  for (std::size_t k = 1; k < 3; ++k) {
    EXPECT_EQ(result.trace[k].stepsize.value(), 1);  // no step had to be shortened
    EXPECT_LT(result.trace[k].value, result.trace[k - 1].value);
  }
  EXPECT_LE((result.last - twice).norm(), 1e-11 * twice.norm());
}

TEST_P(RobustFit, EveryMethodFindsTheReweightedSolution) {
  const Vector expected = converged();
  const GaussNewton gauss_newton;
  const LevenbergMarquardt levenberg_marquardt;
  const Newton newton;
  for (const Method* method :
       {static_cast<const Method*>(&gauss_newton), static_cast<const Method*>(&levenberg_marquardt),
        static_cast<const Method*>(&newton)}) {
    const Result result = fit(*method, 500);
    EXPECT_EQ(result.reason.outcome, Outcome::converged) << method->name();
    // Where values are compared half of the digits of x remain.
    EXPECT_LE((result.best - expected).norm(), 1e-6 * expected.norm()) << method->name();
    EXPECT_LE(result.value, problem->value(expected) * (1 + 1e-12)) << method->name();
  }
}

TEST_P(RobustFit, OutliersMoveItFarLessThanTheLeastSquaresFit) {
  EXPECT_LT((converged() - truth).norm(), 0.25 * (start - truth).norm());
}

INSTANTIATE_TEST_SUITE_P(Losses, RobustFit, testing::ValuesIn(cases),
                         [](const auto& which) { return std::string(which.param.loss); });

}  // namespace
}  // namespace thalweg
