#include "thalweg/certify/second_order.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "thalweg/core/error.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/hessian.hpp"
#include "unit/certify/known_curvature.hpp"

namespace thalweg {
namespace {

using testing::KnownCurvature;
using testing::TwiceKnownCurvature;

/// (x^2 - 1)^2 / 4 + y^2 / 2: a strict saddle at 0, minima at (+-1, 0).
class QuarticSaddle final : public Objective {
 public:
  Index dimension() const override { return 2; }
  double value(const ConstVectorRef& x) const override {
    const double a = x[0] * x[0] - 1;
    return a * a / 4 + x[1] * x[1] / 2;
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g[0] = x[0] * (x[0] * x[0] - 1);
    g[1] = x[1];
    return value(x);
  }
};

/// |U U' - M|_F^2 / 4 over U (n, r): the Hessian at 0 is -M (x) I.
class Factorization final : public Objective {
 public:
  Factorization(Matrix m, Index rank) : m_(std::move(m)), rank_(rank) {}
  Index dimension() const override { return m_.rows() * rank_; }
  double value(const ConstVectorRef& x) const override {
    Vector g(x.size());
    return value_and_gradient(x, g);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    const Eigen::Map<const Matrix> u(x.data(), m_.rows(), rank_);
    const Matrix rest = u * u.transpose() - m_;
    g = (rest * u).reshaped();
    return rest.squaredNorm() / 4;
  }

 private:
  Matrix m_;
  Index rank_;
};

SecondOrderOptions options_for(double eps, double rho) {
  SecondOrderOptions options;
  options.eps = eps;
  options.hessian_lipschitz = rho;
  return options;
}

TEST(CertifySecondOrder, QuarticSaddleIsRefutedAtTheSaddleAndHoldsAtTheMinimum) {
  const QuarticSaddle problem;
  const SecondOrderOptions options = options_for(1e-3, 6);
  const Vector saddle{{0, 1e-5}};
  const Certificate at_saddle = certify_second_order(problem, saddle, options);
  EXPECT_EQ(at_saddle.verdict, Verdict::refuted);
  EXPECT_EQ(at_saddle.kind, "saddle");
  EXPECT_EQ(at_saddle.confidence, 1);
  EXPECT_NEAR(*at_saddle.measured, -1, 1e-6);
  EXPECT_LE(*at_saddle.lower_bound, -1 + 1e-6);
  EXPECT_NEAR(*at_saddle.bound, -std::sqrt(6e-3), 1e-15);
  EXPECT_NEAR(std::abs((*at_saddle.direction)[0]), 1, 1e-6);
  EXPECT_LE(*at_saddle.residual, 1e-6);

  const Certificate at_minimum = certify_second_order(problem, Vector{{-1, 0}}, options);
  EXPECT_EQ(at_minimum.verdict, Verdict::holds);
  EXPECT_EQ(at_minimum.kind, "minimum-like");
  EXPECT_NEAR(*at_minimum.measured, 1, 1e-6);
  EXPECT_GT(*at_minimum.lower_bound, 0.9);
  EXPECT_FALSE(at_minimum.direction.has_value());
}

TEST(CertifySecondOrder, FactorizationAtZeroHasTheLargestEigenvalueOfTheMatrixAsNegativeCurvature) {
  constexpr Index n = 50;
  Vector values = Vector::LinSpaced(n, 0.01, 2);
  values[n - 1] = 5;
  const TwiceKnownCurvature rotation(values, Vector::Zero(n), 0, 4);
  Matrix m(n, n);
  for (Index j = 0; j < n; ++j) m.col(j) = rotation.at_point_times(Vector::Unit(n, j));
  const Factorization problem((m + m.transpose()) / 2, 3);
  const Certificate c = certify_second_order(problem, Vector::Zero(3 * n), options_for(1e-3, 20));
  EXPECT_EQ(c.kind, "saddle");
  EXPECT_NEAR(*c.measured, -5, 5e-6);
}

TEST(CertifySecondOrder, EscapeDirectionIsAUnitVectorThatDescends) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Vector values = Vector::LinSpaced(30, 0.1, 3);
    values[7] = -1;
    const Vector gradient = 1e-4 * RandomStream(seed, "gradient").normal_vector(30);
    const KnownCurvature problem(values, gradient, 1, seed);
    SecondOrderOptions options = options_for(1e-2, 1);
    options.seed = seed;
    const Certificate c = certify_second_order(problem, problem.point(), options);
    ASSERT_EQ(c.kind, "saddle");
    const Vector& v = *c.direction;
    EXPECT_NEAR(v.norm(), 1, 1e-12);
    EXPECT_LE(gradient.dot(v), 0);
    EXPECT_LT(problem.value(problem.point() + 0.1 * v), problem.value(problem.point()));
    EXPECT_NEAR(std::abs(problem.eigenvector(7).dot(v)), 1, 1e-5);
  }
}

TEST(CertifySecondOrder, ADegeneratePointIsNotCalledAMinimum) {
  Vector values = Vector::LinSpaced(40, 0, 2);
  values[0] = 0;
  const TwiceKnownCurvature exact(values, Vector::Zero(40), 0, 1);
  const KnownCurvature differences(values, Vector::Zero(40), 0, 1);
  for (const KnownCurvature* problem : {static_cast<const KnownCurvature*>(&exact), &differences}) {
    const Certificate c = certify_second_order(*problem, problem->point(), options_for(1e-3, 1));
    EXPECT_EQ(c.verdict, Verdict::holds);
    EXPECT_EQ(c.kind, "second-order stationary");
    EXPECT_FALSE(c.because.empty());
    EXPECT_LE(*c.lower_bound, 1e-12);
  }
  values[0] = 1e-3;
  const TwiceKnownCurvature definite(values, Vector::Zero(40), 0, 1);
  EXPECT_EQ(certify_second_order(definite, definite.point(), options_for(1e-3, 1)).kind,
            "minimum-like");
}

TEST(CertifySecondOrder, NetworkAtTheZeroStart) {
  Matrix inputs(30, 2), targets(30, 1);
  RandomStream random(3, "rows");
  for (Index i = 0; i < 30; ++i) {
    inputs.row(i) = random.normal_vector(2);
    targets(i, 0) = inputs(i, 0) - inputs(i, 1);
  }
  const auto problem_of = [&](std::vector<Index> hidden) {
    return std::make_unique<CompositeObjective>(
        Network({.inputs = 2, .hidden = std::move(hidden), .outputs = 1}).on(inputs),
        std::make_shared<SquaredLoss>(targets));
  };
  // One hidden layer: the products of both layers' weights have negative curvature. Two: none.
  const auto one = problem_of({4}), two = problem_of({4, 4});
  Vector x = Vector::Zero(one->dimension());
  x[x.size() - 1] = targets.mean();
  const Certificate saddle = certify_second_order(*one, x, options_for(1e-3, 1));
  EXPECT_EQ(saddle.kind, "saddle");
  // d2f / dW1 dW2 = mean(residual * input): 2x2 blocks with eigenvalues +- its norm.
  const Vector residual = Vector::Constant(30, targets.mean()) - targets.col(0);
  EXPECT_NEAR(*saddle.measured, -(inputs.transpose() * residual / 30).norm(), 1e-6);
  x = Vector::Zero(two->dimension());
  x[x.size() - 1] = targets.mean();
  const Certificate degenerate = certify_second_order(*two, x, options_for(1e-3, 1));
  EXPECT_EQ(degenerate.verdict, Verdict::holds);
  EXPECT_EQ(degenerate.kind, "second-order stationary");
}

TEST(CertifySecondOrder, ALargeGradientRefutesBeforeAnyProduct) {
  const QuarticSaddle problem;
  const Certificate c = certify_second_order(problem, Vector{{0.5, 1}}, options_for(1e-3, 6));
  EXPECT_EQ(c.verdict, Verdict::refuted);
  EXPECT_EQ(c.kind, "not stationary");
  EXPECT_EQ(c.products, 0);
  EXPECT_FALSE(c.measured.has_value());
  EXPECT_NEAR(*c.gradient_norm, std::hypot(0.375, 1.0), 1e-12);
}

TEST(CertifySecondOrder, TooFewProductsAreUndecidedAndSaySo) {
  Vector values = Vector::LinSpaced(300, -0.99, 1e4);
  const TwiceKnownCurvature problem(values, Vector::Zero(300), 0, 2);
  SecondOrderOptions options = options_for(1e-2, 100);
  options.max_products = 12;
  const Certificate c = certify_second_order(problem, problem.point(), options);
  EXPECT_EQ(c.verdict, Verdict::undecided);
  EXPECT_EQ(c.kind, "undecided");
  EXPECT_FALSE(c.confidence.has_value());
  EXPECT_NE(c.because.find("allow more"), std::string::npos) << c.because;
  EXPECT_LE(*c.products, 12);
}

TEST(CertifySecondOrder, StaysWithinTheCostItForecasts) {
  Vector values = Vector::LinSpaced(300, 0.01, 1e3);
  const TwiceKnownCurvature exact(values, Vector::Zero(300), 0, 2);
  const KnownCurvature differences(values, Vector::Zero(300), 0, 2);
  for (const KnownCurvature* problem : {static_cast<const KnownCurvature*>(&exact), &differences})
    for (const int products : {8, 30, 100, 500}) {
      SecondOrderOptions options = options_for(1e-4, 1);
      options.max_products = products;
      const Certificate c = certify_second_order(*problem, problem->point(), options);
      EXPECT_LE(*c.products, products);
      EXPECT_LE(*c.evaluations, second_order_cost(*problem, options));
    }
}

TEST(CertifySecondOrder, WithoutAccuracyARefutationEndsAtOnce) {
  Vector values = Vector::LinSpaced(300, -1, 1);
  const TwiceKnownCurvature problem(values, Vector::Zero(300), 0, 2);
  SecondOrderOptions options = options_for(1e-4, 1);
  const Certificate sharp = certify_second_order(problem, problem.point(), options);
  options.accuracy = 0;
  const Certificate quick = certify_second_order(problem, problem.point(), options);
  EXPECT_EQ(sharp.kind, "saddle");
  EXPECT_EQ(quick.kind, "saddle");
  EXPECT_NEAR(*sharp.measured, -1, 1e-6);
  EXPECT_GE(*quick.measured, -1);
  EXPECT_LT(*quick.products, *sharp.products / 4);
}

TEST(CertifySecondOrder, WrongDerivativesLeaveItUndecided) {
  TwiceKnownCurvature problem(Vector::LinSpaced(20, -1, 2), Vector::Zero(20), 0, 3);
  problem.wrong = 2;  // would make a minimum of the saddle
  const Certificate c = certify_second_order(problem, problem.point(), options_for(1e-3, 1));
  EXPECT_EQ(c.verdict, Verdict::undecided);
  EXPECT_NE(c.because.find("contradict the Hessian"), std::string::npos) << c.because;

  class WrongGradient final : public Objective {
   public:
    Index dimension() const override { return 3; }
    double value(const ConstVectorRef& x) const override { return x.sum(); }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g.setZero();
      return value(x);
    }
  };
  const Certificate g =
      certify_second_order(WrongGradient(), Vector::Zero(3), options_for(1e-3, 1));
  EXPECT_EQ(g.verdict, Verdict::undecided);
  EXPECT_NE(g.because.find("contradict the gradient"), std::string::npos) << g.because;
}

TEST(CertifySecondOrder, NumbersThatAreNotFiniteLeaveItUndecided) {
  class Cliff final : public Objective {  // finite at 0 alone
   public:
    Index dimension() const override { return 2; }
    double value(const ConstVectorRef&) const override { return 1; }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g.setConstant(x.norm() > 0 ? std::numeric_limits<double>::quiet_NaN() : 0);
      return 1;
    }
  };
  const Certificate c = certify_second_order(Cliff(), Vector::Zero(2), options_for(1e-3, 1));
  EXPECT_EQ(c.verdict, Verdict::undecided);
  EXPECT_NE(c.because.find("not finite"), std::string::npos) << c.because;
  EXPECT_LE(*c.products, 2);
  const Certificate g = certify_second_order(Cliff(), Vector::Ones(2), options_for(1e-3, 1));
  EXPECT_EQ(g.verdict, Verdict::undecided);
}

TEST(CertifySecondOrder, RepeatsBitForBitAndRefusesOptionsOutOfRange) {
  const KnownCurvature problem(Vector::LinSpaced(20, -1, 2), Vector::Zero(20), 0, 3);
  const auto measure = [&] {
    return *certify_second_order(problem, problem.point(), options_for(1e-3, 1)).measured;
  };
  EXPECT_EQ(measure(), measure());
  SecondOrderOptions bad = options_for(0, -1);
  bad.failure_probability = 0;
  bad.max_products = 1;
  bad.max_bytes = 0;
  bad.accuracy = -1;
  try {
    certify_second_order(problem, problem.point(), bad);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    const std::string text = error.what();
    for (const char* name : {"eps", "hessian_lipschitz", "failure_probability", "max_products",
                             "max_bytes", "accuracy"})
      EXPECT_NE(text.find(name), std::string::npos) << text;
  }
  SecondOrderOptions guessed = options_for(1e-3, 1);
  guessed.guess = Vector::Ones(3);
  EXPECT_THROW(certify_second_order(problem, problem.point(), guessed), UsageError);
}

}  // namespace
}  // namespace thalweg
