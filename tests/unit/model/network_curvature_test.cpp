// Exact Hessian products of networks against differences and against dense matrices.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/composite_objective.hpp"
#include "thalweg/problem/difference_hessian.hpp"
#include "thalweg/problem/hessian.hpp"

namespace thalweg {
namespace {

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
  RandomStream random(seed, "matrix");
  Matrix m(rows, cols);
  for (Index j = 0; j < cols; ++j) m.col(j) = random.normal_vector(rows);
  return m;
}

Matrix dense(const Hessian& hessian, Index n) {
  Matrix h(n, n);
  for (Index j = 0; j < n; ++j) hessian.apply(Vector::Unit(n, j), h.col(j));
  return h;
}

/// A ridge that is added to the loss of a model, as derived classes do.
class Ridged final : public CompositeObjective {
 public:
  Ridged(std::shared_ptr<const OutputModel> model, std::shared_ptr<const OutputLoss> loss,
         double lambda)
      : CompositeObjective(std::move(model), std::move(loss)), lambda_(lambda) {}
  double ridge() const override { return lambda_; }
  double value(const ConstVectorRef& x) const override {
    return CompositeObjective::value(x) + lambda_ / 2 * x.squaredNorm();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    const double value = CompositeObjective::value_and_gradient(x, g);
    g += lambda_ * x;
    return value + lambda_ / 2 * x.squaredNorm();
  }

 private:
  double lambda_;
};

struct Case {
  std::vector<Index> hidden;
  Index outputs;
  Parametrization parametrization;
  double output_scale;
  bool classes;
};

std::vector<Case> cases() {
  const auto standard = Parametrization::standard, ntk = Parametrization::inverse_sqrt_width;
  return {{{}, 1, ntk, 0.5, false},
          {{4}, 1, standard, 1, false},
          {{4}, 3, ntk, 2, true},
          {{5, 3}, 2, standard, 0.7, false},
          {{3, 5}, 1, ntk, 1, true},
          {{4, 3, 5}, 3, ntk, 1.5, true},
          {{2, 4, 3}, 1, standard, 1, false}};
}

std::shared_ptr<const OutputLoss> loss_of(const Case& c, Index samples) {
  if (!c.classes) return std::make_shared<SquaredLoss>(random_matrix(samples, c.outputs, 3));
  const int classes = c.outputs == 1 ? 2 : static_cast<int>(c.outputs);
  std::vector<int> labels;
  for (Index i = 0; i < samples; ++i) labels.push_back(static_cast<int>(i) % classes);
  return std::make_shared<CrossEntropyLoss>(labels, classes);
}

class NetworkHessian : public testing::TestWithParam<std::string> {
 protected:
  Network network(const Case& c) const {
    return Network({.inputs = 3,
                    .hidden = c.hidden,
                    .outputs = c.outputs,
                    .activation = activation_from_name(GetParam()),
                    .parametrization = c.parametrization,
                    .output_scale = c.output_scale});
  }
};

TEST_P(NetworkHessian, AgreesWithDifferencesOfGradientsAndIsSymmetric) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(network(c).description() + " outputs " + std::to_string(c.outputs));
    constexpr Index samples = 11;
    const Network net = network(c);
    const Ridged problem(net.on(random_matrix(samples, 3, 1)), loss_of(c, samples), 0.25);
    const Index n = problem.dimension();
    const Vector x = net.initial_parameters(5) + RandomStream(6, "shift").normal_vector(n) / 4;
    Vector g(n);
    problem.value_and_gradient(x, g);
    ASSERT_TRUE(has_exact_hessian(problem));
    const auto exact = hessian_at(problem, x, g);
    EXPECT_EQ(exact->gradients_per_product(), 2);
    const Matrix h = dense(*exact, n);
    const Matrix measured = dense(DifferenceHessian(problem, x, g, Differences::central), n);
    EXPECT_LE((h - measured).norm(), 1e-7 * h.norm());
    EXPECT_LE((h - h.transpose()).norm(), 1e-14 * h.norm() * static_cast<double>(n));
    // A product is linear, whatever was computed before.
    const Vector v = RandomStream(8, "v").normal_vector(n);
    Vector hv(n);
    exact->apply(v, hv);
    EXPECT_LE((hv - h * v).norm(), 1e-13 * h.norm() * v.norm());
  }
}

TEST_P(NetworkHessian, CurvatureOfTheOutputsIsTheDerivativeOfTheAdjointJacobian) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(network(c).description() + " outputs " + std::to_string(c.outputs));
    constexpr Index samples = 6;
    const Network net = network(c);
    const auto model = std::make_shared<CompositeObjective>(net.on(random_matrix(samples, 3, 1)),
                                                            loss_of(c, samples));
    const OutputModel& outputs = model->model();
    const Index n = outputs.parameter_count();
    const Vector x = net.initial_parameters(9) + RandomStream(6, "shift").normal_vector(n) / 4;
    const Vector u = RandomStream(1, "u").normal_vector(outputs.output_count());
    const Vector v = RandomStream(2, "v").normal_vector(n);
    const auto at_x = outputs.linearize(x);
    Vector product(n), jv(outputs.output_count()), expected_jv(outputs.output_count());
    at_x->curvature_product(u, v, product);
    const double h = 1e-5;
    Vector up(n), down(n);
    outputs.linearize(x + h * v)->apply_adjoint(u, up);
    outputs.linearize(x - h * v)->apply_adjoint(u, down);
    const Vector measured = (up - down) / (2 * h);
    EXPECT_LE((product - measured).norm(), 1e-7 * (1 + measured.norm()));
    const auto halves = at_x->curvature(u);
    halves->apply(v, jv);
    at_x->apply(v, expected_jv);
    EXPECT_LE((jv - expected_jv).norm(), 1e-13 * (1 + expected_jv.norm()));
  }
}

INSTANTIATE_TEST_SUITE_P(AllActivations, NetworkHessian, testing::ValuesIn(activation_names()),
                         [](const auto& activation) { return activation.param; });

TEST(NetworkHessianBlocks, ManyBlocksOfSamplesAddUp) {
  constexpr Index samples = 2500;  // several blocks, several threads
  const Network net({.inputs = 5, .hidden = {70, 60}, .outputs = 2});
  const CompositeObjective problem(net.on(random_matrix(samples, 5, 1)),
                                   std::make_shared<SquaredLoss>(random_matrix(samples, 2, 2)));
  const Index n = problem.dimension();
  const Vector x = net.initial_parameters(1), v = RandomStream(2, "v").normal_vector(n);
  Vector g(n), exact(n), measured(n);
  problem.value_and_gradient(x, g);
  hessian_at(problem, x, g)->apply(v, exact);
  DifferenceHessian(problem, x, g, Differences::central).apply(v, measured);
  EXPECT_LE((exact - measured).norm(), 1e-7 * exact.norm());
}

TEST(NetworkHessianBlocks, AtTheZeroStartOfTwoHiddenLayersOnlyTheOutputBiasIsCurved) {
  const Network net({.inputs = 3, .hidden = {4, 4}, .outputs = 1});
  const Matrix targets = random_matrix(20, 1, 2);
  const CompositeObjective problem(net.on(random_matrix(20, 3, 1)),
                                   std::make_shared<SquaredLoss>(targets));
  const Index n = problem.dimension();
  Vector x = Vector::Zero(n), g(n);
  x[n - 1] = targets.mean();  // stationary: the mean residual is 0, and so are all activations
  problem.value_and_gradient(x, g);
  EXPECT_LE(g.norm(), 1e-15);
  Matrix expected = Matrix::Zero(n, n);
  expected(n - 1, n - 1) = 1;
  EXPECT_LE((dense(*hessian_at(problem, x, g), n) - expected).norm(), 1e-14);
}

TEST(NetworkHessianBlocks, ModelsWithoutSecondDerivativesSayNo) {
  const Matrix jacobian = random_matrix(4, 3, 1);
  const DenseLinearization at(Vector::Zero(4), jacobian);
  Vector product(3);
  EXPECT_EQ(at.curvature(Vector::Ones(4)), nullptr);
  EXPECT_THROW(at.curvature_product(Vector::Ones(4), Vector::Ones(3), product), UsageError);
}

}  // namespace
}  // namespace thalweg
