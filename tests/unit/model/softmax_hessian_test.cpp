// The Hessian of the cross-entropy of several classes, where one class is nearly certain.
#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/model/margin_losses.hpp"

namespace thalweg {
namespace {

// Three classes, one sample; the third is out of the question, so that two-class formulas hold.
constexpr double margin = 100;
const Vector outputs = Vector{{margin, 0, -1e4}};
const double p = std::exp(-margin);  // of the second class, and p (1 - p) is p to rounding

TEST(SoftmaxHessian, KeepsItsDigitsWhereOneClassIsCertain) {
  const CrossEntropyLoss loss({0}, 3);
  const auto hessian = loss.hessian(outputs);
  Vector hv(3);
  hessian->apply(Vector{{1, 0, 0}}, hv);
  EXPECT_NEAR(hv[0] / p, 1, 1e-12);
  EXPECT_NEAR(hv[1] / p, -1, 1e-12);
  EXPECT_EQ(hv[2], 0);
  const auto diagonal = hessian->diagonal();
  ASSERT_TRUE(diagonal);
  EXPECT_NEAR((*diagonal)[0] / p, 1, 1e-12);
  EXPECT_NEAR((*diagonal)[1] / p, 1, 1e-12);
}

TEST(SoftmaxHessian, IsTheProductAndTheDifferenceOfGradients) {
  const CrossEntropyLoss loss({0, 2, 1, 1}, 3);
  const Vector y = Vector::Random(12), v = Vector::Random(12);
  Vector at(12), by_product(12), up(12), down(12);
  loss.hessian(y)->apply(v, at);
  loss.hessian_product(y, v, by_product);
  EXPECT_EQ((at - by_product).norm(), 0);
  constexpr double h = 1e-5;
  loss.gradient(y + h * v, up);
  loss.gradient(y - h * v, down);
  EXPECT_LE((at - (up - down) / (2 * h)).norm(), 1e-9);
  const auto diagonal = loss.hessian(y)->diagonal();
  for (Index i = 0; i < 12; ++i) {
    loss.hessian_product(y, Vector::Unit(12, i), by_product);
    EXPECT_NEAR((*diagonal)[i], by_product[i], 1e-15);
  }
}

TEST(OutputLossHessian, DefaultsToProducts) {
  const CrossEntropyLoss loss({0, 1}, 2);
  const Vector y = Vector{{0.3, -2}}, v = Vector{{1, 2}};
  Vector at(2), by_product(2);
  loss.hessian(y)->apply(v, at);
  loss.hessian_product(y, v, by_product);
  EXPECT_EQ(at, by_product);
}

}  // namespace
}  // namespace thalweg
