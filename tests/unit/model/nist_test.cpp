#include "thalweg/model/nist.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

class Set : public testing::TestWithParam<std::string> {};

// Of Lanczos1's 25th digit the certified parameters, stated to 11 digits, cannot tell.
TEST_P(Set, CertifiedParametersGiveTheCertifiedSumOfSquares) {
  const auto problem = nist::load(GetParam());
  const double value = problem.objective->value(problem.certified);
  if (GetParam() == "Lanczos1")
    EXPECT_LT(value, 1e-20);
  else
    EXPECT_NEAR(value, problem.certified_value, 1e-6 * problem.certified_value);
  EXPECT_EQ(problem.digits(problem.certified), 11);
}

TEST_P(Set, JacobianAgreesWithCentralDifferences) {
  const auto problem = nist::load(GetParam());
  const OutputModel& model = problem.objective->model();
  const Vector& x = problem.certified;
  const auto exact = model.linearize(x);
  const auto measured = model.OutputModel::linearize(x.cwiseProduct(Vector::Ones(x.size())));
  Vector y(model.output_count());
  model.outputs(x, y);
  EXPECT_EQ(exact->outputs(), y);
  const Matrix j = exact->jacobian();
  for (Index k = 0; k < x.size(); ++k) {
    // A step relative to the parameter: those of NIST span many orders.
    const double h = 1e-5 * std::abs(x[k]);
    Vector up = x, down = x, y_up(y.size()), y_down(y.size());
    up[k] += h;
    down[k] -= h;
    model.outputs(up, y_up);
    model.outputs(down, y_down);
    const Vector difference = (y_up - y_down) / (up[k] - down[k]);
    EXPECT_LE((difference - j.col(k)).norm(), 1e-6 * j.col(k).norm()) << "b" << k + 1;
  }
  EXPECT_TRUE(exact->exact());
  EXPECT_FALSE(measured->exact());
}

INSTANTIATE_TEST_SUITE_P(StRD, Set, testing::ValuesIn(nist::names()),
                         [](const auto& set) { return set.param; });

TEST(Nist, HasTheSizesOfThePublication) {
  EXPECT_EQ(nist::names().size(), 27U);
  const auto hahn = nist::load("Hahn1");
  EXPECT_EQ(hahn.objective->output_count(), 236);
  EXPECT_EQ(hahn.objective->dimension(), 7);
  EXPECT_EQ(hahn.difficulty, "Average");
  EXPECT_EQ(hahn.starts[0][6], -0.000001);
}

TEST(Nist, CountsTheDigitsOfTheWorstParameter) {
  const auto problem = nist::load("Misra1a");
  Vector b = problem.certified;
  b[0] *= 1 + 1e-9;
  b[1] *= 1 - 1e-5;
  EXPECT_NEAR(problem.digits(b), 5, 1e-6);
  b[0] = -b[0];
  EXPECT_EQ(problem.digits(b), 0);
  b[0] = std::nan("");
  EXPECT_EQ(problem.digits(b), 0);
}

TEST(Nist, AnUnknownNameListsTheKnownOnes) {
  try {
    nist::load("misra");
    FAIL() << "loaded an unknown set";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("Misra1a"), std::string::npos);
  }
}

}  // namespace
}  // namespace thalweg
