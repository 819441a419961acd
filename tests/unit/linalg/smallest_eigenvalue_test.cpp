#include "thalweg/linalg/smallest_eigenvalue.hpp"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>

#include "thalweg/core/error.hpp"

namespace thalweg::linalg {
namespace {

Matrix random_rotation(Index n, RandomStream& random) {
  Matrix g(n, n);
  for (Index j = 0; j < n; ++j) g.col(j) = random.normal_vector(n);
  return Eigen::HouseholderQR<Matrix>(g).householderQ();
}

Matrix with_spectrum(const Vector& values, RandomStream& random) {
  const Matrix q = random_rotation(values.size(), random);
  const Matrix a = q * values.asDiagonal() * q.transpose();
  return (a + a.transpose()) / 2;
}

Product product_of(const Matrix& a) {
  return [&a](const ConstVectorRef& v, VectorRef av) { av = a * v; };
}

// Spectra of several kinds: spread, clustered at either end, of high multiplicity.
Vector spectrum(int kind, Index n, RandomStream& random) {
  Vector values(n);
  for (Index i = 0; i < n; ++i) {
    const double u = random.uniform();
    switch (kind % 4) {
      case 0: values[i] = 2 * u - 1; break;
      case 1: values[i] = std::pow(10.0, -6 * u); break;
      case 2: values[i] = static_cast<double>(random.below(3)); break;
      default: values[i] = 1 - std::pow(u, 8); break;
    }
  }
  if (kind % 3 == 0) values[0] = -std::pow(10.0, -3 * random.uniform());
  return values;
}

TEST(SmallestEigenvalue, EncloseTheEigenvalueForEverySpectrumAndBudget) {
  RandomStream random(11, "spectra");
  for (int trial = 0; trial < 400; ++trial) {
    const Index n = 1 + static_cast<Index>(random.below(80));
    const Vector values = spectrum(trial, n, random);
    const Matrix a = with_spectrum(values, random);
    const SmallestEigenvalueOptions options{
        .max_products = 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(n)))};
    const SmallestEigenvalue found = bound_smallest_eigenvalue(product_of(a), n, options, random);
    const double smallest = values.minCoeff(), slack = 1e-13;
    EXPECT_GE(smallest, found.lower - slack) << trial;
    EXPECT_LE(smallest, found.upper + slack) << trial;
    EXPECT_LE(found.products, options.max_products);
    EXPECT_NEAR(found.vector.dot(a * found.vector), found.value, 1e-12);
    EXPECT_NEAR((a * found.vector - found.value * found.vector).norm(), found.residual, 1e-10);
  }
}

// After the space of the few distinct eigenvalues the recurrence goes on with rounding, where it is
// not noticed; the bounds stay.
TEST(SmallestEigenvalue, LargeEntriesOfHighMultiplicityKeepTheBounds) {
  RandomStream random(12, "multiple");
  for (int trial = 0; trial < 60; ++trial) {
    const Index n = 52;
    const double smallest = -0.05, scale = std::pow(10.0, 1 + trial % 7);
    Vector values(n);
    for (Index i = 0; i < n; ++i) values[i] = scale * static_cast<double>(1 + random.below(3));
    values.head(13).setConstant(smallest);
    const Matrix a = with_spectrum(values, random);
    const SmallestEigenvalueOptions options{.threshold = smallest * (1 + 1e-9 * (trial % 3 - 1)),
                                            .max_products = 20 + trial % 33};
    const SmallestEigenvalue found = bound_smallest_eigenvalue(product_of(a), n, options, random);
    EXPECT_LE(found.lower, smallest + 1e-13 * scale) << trial;
    EXPECT_GE(found.upper, smallest - 1e-13 * scale) << trial;
    EXPECT_NEAR(found.value, smallest, 1e-12 * scale) << trial;
  }
}

TEST(SmallestEigenvalue, BoundsMeetLongBeforeTheSpaceIsComplete) {
  RandomStream random(3, "gap");
  const Index n = 400;
  Vector values = Vector::LinSpaced(n, 1, 2);
  values[0] = 0.5;
  const Matrix a = with_spectrum(values, random);
  const SmallestEigenvalue found =
      bound_smallest_eigenvalue(product_of(a), n, {.tolerance = 1e-9}, random);
  EXPECT_FALSE(found.complete);
  EXPECT_LT(found.products, 60);
  EXPECT_NEAR(found.lower, 0.5, 1e-8);
  EXPECT_NEAR(found.value, 0.5, 1e-12);
}

TEST(SmallestEigenvalue, AnswersWhetherAThresholdIsKept) {
  RandomStream random(5, "threshold");
  const Index n = 300;
  Vector values = Vector::LinSpaced(n, -0.1, 1);
  const Matrix a = with_spectrum(values, random);
  const auto ask = [&](double threshold) {
    return bound_smallest_eigenvalue(product_of(a), n, {.threshold = threshold}, random);
  };
  const SmallestEigenvalue kept = ask(-0.2), broken = ask(-0.05);
  EXPECT_EQ(kept.at_least(-0.2), true);
  EXPECT_EQ(broken.at_least(-0.05), false);
  EXPECT_LT(kept.products, 120);
  EXPECT_NEAR(broken.value, -0.1, 1e-6);
}

// A start without the wanted direction shows only what it spans; the random part finds it.
TEST(SmallestEigenvalue, AGuessThatMissesTheDirectionDoesNoHarm) {
  RandomStream random(8, "guess");
  const Index n = 60;
  Vector values = Vector::LinSpaced(n, 1, 3);
  values[n - 1] = -1;
  const Matrix a = values.asDiagonal();
  const Vector guess = Vector::Unit(n, 0);
  const SmallestEigenvalue found =
      bound_smallest_eigenvalue(product_of(a), n, {.threshold = -0.5, .guess = &guess}, random);
  EXPECT_EQ(found.at_least(-0.5), false);
  EXPECT_NEAR(found.value, -1, 1e-7);
}

TEST(SmallestEigenvalue, TooFewProductsAnswerNothing) {
  RandomStream random(8, "few");
  const Index n = 500;
  Vector values = Vector::Ones(n);
  values.tail(n / 2) = Vector::LinSpaced(n / 2, 1, 4);
  values[0] = -1;
  const Matrix a = values.asDiagonal();
  const SmallestEigenvalue found =
      bound_smallest_eigenvalue(product_of(a), n, {.threshold = -0.5, .max_products = 2}, random);
  EXPECT_GT(found.value, 0);  // a Ritz value of false confidence
  EXPECT_EQ(found.at_least(-0.5), std::nullopt);
}

TEST(SmallestEigenvalue, ProductErrorsWidenTheBounds) {
  RandomStream random(8, "error");
  const Matrix a = Vector::LinSpaced(20, 1, 2).asDiagonal();
  const SmallestEigenvalue found =
      bound_smallest_eigenvalue(product_of(a), 20, {.product_error = 0.01}, random);
  EXPECT_GT(found.upper, 1.005);
  EXPECT_LT(found.lower, 0.995);
}

TEST(SmallestEigenvalue, ZeroOperatorAndNumbersThatAreNotFinite) {
  RandomStream random(8, "zero");
  const SmallestEigenvalue zero = bound_smallest_eigenvalue(
      [](const ConstVectorRef&, VectorRef av) { av.setZero(); }, 10, {}, random);
  EXPECT_TRUE(zero.complete);
  EXPECT_EQ(zero.value, 0);
  EXPECT_EQ(zero.lower, 0);
  const SmallestEigenvalue bad = bound_smallest_eigenvalue(
      [](const ConstVectorRef&, VectorRef av) { av.setConstant(NAN); }, 10, {}, random);
  EXPECT_TRUE(std::isnan(bad.value));
  EXPECT_EQ(bad.at_least(0), std::nullopt);
}

// The share of the random start along one direction is below delta with the probability promised.
TEST(SmallestEigenvalue, FailureProbabilityIsKept) {
  RandomStream random(21, "probability");
  const Index n = 30;
  Vector values = Vector::LinSpaced(n, 0, 1);
  values[0] = -0.02;  // hard to see from few products
  const Matrix a = values.asDiagonal();
  const int trials = 4000;
  int failures = 0;
  for (int t = 0; t < trials; ++t)
    failures += bound_smallest_eigenvalue(product_of(a), n,
                                          {.failure_probability = 0.1, .max_products = 5}, random)
                    .lower > values[0];
  EXPECT_LT(failures, 0.1 * trials + 4 * std::sqrt(0.09 * trials));
}

TEST(SmallestEigenvalue, AbsoluteToleranceEndsTheSearchWhereTheEigenvalueIsZero) {
  RandomStream random(13, "zero");
  const Index n = 200;
  const Matrix a = with_spectrum(Vector::LinSpaced(n, 0, 1), random);
  const SmallestEigenvalue relative =
      bound_smallest_eigenvalue(product_of(a), n, {.max_products = 200}, random);
  const SmallestEigenvalue absolute = bound_smallest_eigenvalue(
      product_of(a), n, {.max_products = 200, .absolute_tolerance = 0.05}, random);
  EXPECT_LT(absolute.products, relative.products / 2);
  EXPECT_LE(absolute.value - absolute.lower, 0.05);
  EXPECT_LE(absolute.lower, 1e-14);
}

TEST(SmallestEigenvalue, AGuessThatCancelsTheStartIsNotTaken) {
  const Vector guess = Vector::Ones(1);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(seed, "cancel");
    const SmallestEigenvalue found =
        bound_smallest_eigenvalue([](const ConstVectorRef& v, VectorRef av) { av = -5 * v; }, 1,
                                  {.threshold = -1, .guess = &guess}, random);
    EXPECT_EQ(found.at_least(-1), false) << seed;
  }
}

// A coupling at rounding of the largest eigenvalue may hide what is small beside it.
TEST(SmallestEigenvalue, WhatRoundingHidesIsNotExcluded) {
  RandomStream random(3, "hidden");
  const Index n = 10000;
  Vector values = Vector::LinSpaced(n, 0.5, 1.5);
  values[0] = 1e14;
  values[1] = -1;
  const SmallestEigenvalue found = bound_smallest_eigenvalue(
      [&](const ConstVectorRef& v, VectorRef av) { av = values.cwiseProduct(v); }, n,
      {.threshold = 0}, random);
  EXPECT_NE(found.at_least(0), true);
}

TEST(SmallestEigenvalue, OptionsOutOfRangeAreNamedTogether) {
  RandomStream random(1, "options");
  const Matrix a = Matrix::Identity(2, 2);
  try {
    bound_smallest_eigenvalue(product_of(a), 2, {.failure_probability = 2, .max_products = 0},
                              random);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("failure_probability"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("max_products"), std::string::npos);
  }
}

TEST(ProductsNeeded, GrowWithTheSpreadAndEndAtTheDimension) {
  EXPECT_LT(products_needed(100000, 0.1, 1, 1e-3), products_needed(100000, 0.001, 1, 1e-3));
  EXPECT_EQ(products_needed(10, 1e-9, 1, 1e-3), 10);
  EXPECT_EQ(products_needed(10, 2, 1, 1e-3), 1);
}

}  // namespace
}  // namespace thalweg::linalg
