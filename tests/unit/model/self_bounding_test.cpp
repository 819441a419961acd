// Closed forms of problems that were there before: scalar ones, phase retrieval, linear models.
#include "self_bounding.hpp"

#include <numbers>

#include "model/spectral_norm_bound.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/logistic_toy.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/phase_retrieval.hpp"
#include "thalweg/model/robust_losses.hpp"
#include "thalweg/model/scalar_problems.hpp"
#include "thalweg/model/two_point.hpp"

namespace thalweg {
namespace {

using namespace testing;

TEST(SelfBounding, ScalarProblemsAttainTheirBounds) {
  for (const double p : {2.0, 3.0, 4.0, 6.5}) {
    const Used used = expect_self_bounding(PowerObjective(p),
                                           points_of_all_sizes(1, 300, -2, 2, "power"), {0, 1e-4});
    EXPECT_NEAR(used.gradient, 1, 1e-9);
    EXPECT_NEAR(used.hessian, 1, 1e-9);
  }
  EXPECT_EQ(PowerObjective(2.5).curvature_bound().source(), CurvatureBound::Source::none);
  std::vector<Vector> points = points_of_all_sizes(1, 300, -2, 1, "cosh");
  points.push_back(CoshObjective::start());
  const Used used = expect_self_bounding(CoshObjective(), points, {1e-4, 0});
  EXPECT_NEAR(used.gradient, 1, 1e-9);
  EXPECT_NEAR(used.hessian, 1, 1e-9);
  EXPECT_NEAR(used.third, 1, 1e-5);
}

TEST(SelfBounding, PhaseRetrievalHolds) {
  for (const bool complex : {false, true}) {
    for (const std::uint64_t seed : {1, 2, 3}) {
      const PhaseRetrieval made = phase_retrieval(
          {.samples = 20, .dimension = 4, .noise = 2, .complex = complex, .seed = seed});
      const auto& problem = dynamic_cast<const PhaseRetrievalObjective&>(*made.objective);
      const Index n = problem.dimension();
      std::vector<Vector> points = points_of_all_sizes(n, 120, -2, 2, "phase retrieval");
      points.push_back(made.truth);
      points.push_back(made.start);
      points.push_back(Vector::Zero(n));
      const Used used = expect_self_bounding(problem, points);
      EXPECT_GT(used.hessian, 0.1);
    }
  }
}

// One row: nothing is lost between the sums.
TEST(SelfBounding, PhaseRetrievalOfOneRowIsAttained) {
  const Matrix row = Matrix::Constant(1, 1, 2.0);
  const PhaseRetrieval made = phase_retrieval(row, Vector::Constant(1, 3.0), {});
  const Used used =
      expect_self_bounding(dynamic_cast<const PhaseRetrievalObjective&>(*made.objective),
                           points_of_all_sizes(1, 300, -2, 2, "one row"));
  EXPECT_GT(used.hessian, 0.97);
  EXPECT_GT(used.third, 0.97);
}

TEST(SelfBounding, SpectralNormsAreBoundedFromAbove) {
  RandomStream random(1, "norms");
  for (const auto& [n, m] : {std::pair<Index, Index>{1, 1}, {5, 3}, {30, 80}, {80, 30}}) {
    const Matrix a = random.normal_vector(n * m).reshaped(n, m),
                 b = 3 * random.normal_vector(n * m).reshaped(n, m);
    const double largest = eigenvalues(a * a.transpose() + b * b.transpose())[n - 1];
    const double bound = squared_norm_bound({a, b});
    EXPECT_GE(bound, largest * (1 - 1e-14));
    EXPECT_LE(bound, largest * 1.02);
  }
  EXPECT_EQ(squared_norm_bound({Matrix::Zero(3, 2)}), 0);
  // Too large for a matrix of its own: the trace.
  const Matrix wide = random.normal_vector(2 * 4001).reshaped(4001, 2);
  EXPECT_DOUBLE_EQ(squared_norm_bound({wide}), wide.squaredNorm());
}

struct Rows {
  Matrix inputs;
  std::vector<int> labels;
};

Rows rows_of(int classes) {
  RandomStream random(6, "rows");
  Rows rows{random.normal_vector(45).reshaped(15, 3), {}};
  for (Index i = 0; i < 15; ++i)
    rows.labels.push_back(static_cast<int>(random.below(static_cast<std::uint64_t>(classes))));
  return rows;
}

std::shared_ptr<LinearObjective> linear(int classes, std::shared_ptr<const OutputLoss> loss,
                                        double ridge) {
  const auto model = std::make_shared<LinearModel>(
      rows_of(classes).inputs, LinearModel::Options{.outputs = classes == 2 ? 1 : classes});
  return std::make_shared<LinearObjective>(model, std::move(loss), ridge);
}

TEST(SelfBounding, CrossEntropyHolds) {
  for (const int classes : {2, 3}) {
    for (const double ridge : {0.0, 0.3}) {
      const auto problem = linear(
          classes, std::make_shared<CrossEntropyLoss>(rows_of(classes).labels, classes), ridge);
      const Index n = problem->dimension();
      std::vector<Vector> points = points_of_all_sizes(n, 300, -2, 1.5, "classes");
      points.push_back(Vector::Zero(n));
      const Used used = expect_self_bounding(*problem, points, {1e-4, 0});
      EXPECT_GT(used.hessian, 0.1);
      EXPECT_LE(used.gradient, 1);
    }
  }
}

// Rows of norm 1, as in the theory of large steps: rho_1(F) = min(F, 1/4), and it is attained far
// into the separable direction.
TEST(SelfBounding, TheLogisticLossOfUnitRowsIsItsOwnBound) {
  const auto model = std::make_shared<LinearModel>(Matrix::Constant(4, 1, 1.0),
                                                   LinearModel::Options{.intercept = false});
  const LinearObjective problem(
      model, std::make_shared<CrossEntropyLoss>(std::vector<int>{1, 1, 1, 1}, 2));
  const CurvatureBound bound = problem.curvature_bound();
  EXPECT_DOUBLE_EQ(bound.hessian_norm(0.1), 0.1);
  EXPECT_DOUBLE_EQ(bound.hessian_norm(3), 0.25);
  EXPECT_DOUBLE_EQ(bound.third_derivative(0.01), 0.01);
  EXPECT_DOUBLE_EQ(bound.third_derivative(3), 1 / (6 * std::numbers::sqrt3));
  std::vector<Vector> points;
  for (int k = -40; k <= 120; ++k) points.push_back(Vector::Constant(1, 0.25 * k));
  const Used used = expect_self_bounding(problem, points, {1e-4, 0});
  EXPECT_GT(used.hessian, 0.99);
  EXPECT_GT(used.gradient, 0.9999);
}

TEST(SelfBounding, TheExponentialLossHolds) {
  for (const double ridge : {0.0, 0.3}) {
    const auto problem = linear(2, std::make_shared<ExponentialLoss>(rows_of(2).labels), ridge);
    const Used used = expect_self_bounding(
        *problem, points_of_all_sizes(4, 300, -2, 0.7, "exponential"), {1e-4, 0});
    EXPECT_GT(used.hessian, 0.3);
  }
}

TEST(SelfBounding, NothingIsStatedWhereNothingIsProved) {
  const std::vector<int> labels = rows_of(2).labels;
  for (const auto& loss : std::initializer_list<std::shared_ptr<const OutputLoss>>{
           std::make_shared<PolynomialLoss>(labels, 2), std::make_shared<SquaredHingeLoss>(labels),
           std::make_shared<HuberLoss>(Matrix::Zero(15, 1), 1)}) {
    const CurvatureBound bound = linear(2, loss, 0)->curvature_bound();
    EXPECT_EQ(bound.source(), CurvatureBound::Source::none) << loss->description();
    EXPECT_FALSE(bound.proved());
  }
  EXPECT_EQ(two_point()->curvature_bound().source(), CurvatureBound::Source::none);
  EXPECT_EQ(logistic_toy()->curvature_bound().source(), CurvatureBound::Source::closed_form);
}

}  // namespace
}  // namespace thalweg
