#include "thalweg/model/phase_retrieval.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <string>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

constexpr Index samples = 12, dimension = 3;

Matrix random_matrix(Index rows, Index cols, const char* name) {
  return RandomStream(4, name).normal_vector(rows * cols).reshaped(rows, cols);
}

class Phase : public testing::TestWithParam<bool> {
 protected:
  Index n = GetParam() ? 2 * dimension : dimension;
  Matrix amplitudes = random_matrix(samples, n, "amplitudes");
  Vector intensities = 2 * random_matrix(samples, 1, "intensities");
  std::shared_ptr<const IntensityModel> model =
      std::make_shared<IntensityModel>(amplitudes, GetParam());
  PhaseRetrievalObjective problem{model, intensities};
  Vector z = random_matrix(n, 1, "z"), v = random_matrix(n, 1, "v");

  // |sum_j A_ij z_j|^2 in complex arithmetic.
  Vector expected_outputs(const Vector& at) const {
    if (!GetParam()) return (amplitudes * at).array().square();
    using Complex = std::complex<double>;
    Eigen::MatrixXcd a(samples, dimension);
    Eigen::VectorXcd x(dimension);
    for (Index j = 0; j < dimension; ++j) {
      x[j] = Complex(at[j], at[dimension + j]);
      for (Index i = 0; i < samples; ++i)
        a(i, j) = Complex(amplitudes(i, j), amplitudes(i, dimension + j));
    }
    return (a * x).cwiseAbs2();
  }
};

TEST_P(Phase, OutputsAndValueAreThoseOfTheFormula) {
  Vector y(samples);
  model->outputs(z, y);
  const Vector expected = expected_outputs(z);
  EXPECT_LE((y - expected).norm(), 1e-14 * expected.norm());
  const double value = (expected - intensities).squaredNorm() / (2.0 * samples);
  EXPECT_NEAR(problem.value(z), value, 1e-14 * value);
  EXPECT_EQ(problem.dimension(), n);
  EXPECT_EQ(problem.sample_count(), samples);
}

TEST_P(Phase, JacobianIsTheDifferenceOfOutputs) {
  const auto at_z = model->linearize(z);
  EXPECT_TRUE(at_z->exact());
  Vector up(samples), down(samples), y(samples), jv(samples), jtu(n);
  model->outputs(z, y);
  EXPECT_EQ((at_z->outputs() - y).norm(), 0);
  Matrix j(samples, n);
  for (Index k = 0; k < n; ++k) {  // exact for a quadratic, up to rounding
    model->outputs(z + 0.5 * Vector::Unit(n, k), up);
    model->outputs(z - 0.5 * Vector::Unit(n, k), down);
    j.col(k) = up - down;
  }
  EXPECT_LE((at_z->jacobian() - j).norm(), 1e-13 * j.norm());
  at_z->apply(v, jv);
  EXPECT_LE((jv - j * v).norm(), 1e-13 * jv.norm());
  at_z->apply_adjoint(intensities, jtu);
  EXPECT_LE((jtu - j.transpose() * intensities).norm(), 1e-13 * jtu.norm());
  Matrix normal = Matrix::Zero(n, n);
  at_z->normal(normal);
  const Matrix expected = (j.transpose() * j).triangularView<Eigen::Lower>();
  EXPECT_LE((Matrix(normal.triangularView<Eigen::Lower>()) - expected).norm(),
            1e-13 * expected.norm());
}

TEST_P(Phase, GradientAndHessianHaveTaylorSlopes) {
  Vector g(n), moved(n), hv(n);
  const double at = problem.value_and_gradient(z, g);
  problem.hessian(z)->apply(v, hv);
  const TaylorSlope value = taylor_slope(
      [&](double h) { return std::abs(problem.value(z + h * v) - at - h * g.dot(v)); }, 0.1, 1e-11);
  EXPECT_NEAR(value.slope.value_or(0), 2, 0.1);
  const TaylorSlope curvature = taylor_slope(
      [&](double h) {
        return std::abs(problem.value(z + h * v) - at - h * g.dot(v) - h * h / 2 * hv.dot(v));
      },
      0.1, 1e-11);
  EXPECT_NEAR(curvature.slope.value_or(0), 3, 0.15);
  const TaylorSlope gradient = taylor_slope(
      [&](double h) {
        problem.value_and_gradient(z + h * v, moved);
        return (moved - g - h * hv).norm();
      },
      0.1, 1e-11);
  EXPECT_NEAR(gradient.slope.value_or(0), 2, 0.1);
}

TEST_P(Phase, ABatchReadsItsRowsAlone) {
  const std::vector<Index> batch{7, 2, 7, 11};
  Vector g(n), expected(n);
  const double value = problem.value_and_gradient(z, batch, g);
  // The generic way, on all rows.
  const double sum = model->OutputModel::batch_sum(z, batch, problem.loss(), expected);
  EXPECT_NEAR(value, sum / 4, 1e-13 * std::abs(value));
  EXPECT_LE((g - expected / 4).norm(), 1e-13 * g.norm());
  std::vector<Index> all(samples);
  std::iota(all.begin(), all.end(), Index{0});
  EXPECT_NEAR(problem.value_and_gradient(z, all, g), problem.value_and_gradient(z, expected),
              1e-12);
  EXPECT_LE((g - expected).norm(), 1e-12 * g.norm());
  // Rows that are not in the batch do not count, not even where they overflow.
  Matrix broken = amplitudes;
  broken.row(0).setConstant(1e200);
  const PhaseRetrievalObjective other(std::make_shared<IntensityModel>(broken, GetParam()),
                                      intensities);
  EXPECT_EQ(other.value_and_gradient(z, batch, g), value);
}

INSTANTIATE_TEST_SUITE_P(Amplitudes, Phase, testing::Bool(), [](const auto& which) {
  return std::string(which.param ? "complex" : "real");
});

TEST(PhaseRetrieval, HessianOfRealAmplitudesIsTheClosedForm) {
  const Matrix a = random_matrix(samples, dimension, "amplitudes");
  const Vector y = 2 * random_matrix(samples, 1, "intensities");
  const PhaseRetrievalObjective problem(std::make_shared<IntensityModel>(a), y);
  const Vector z = random_matrix(dimension, 1, "z");
  const Vector weights = 3 * (a * z).array().square() - y.array();
  const Matrix expected = 2.0 / samples * a.transpose() * weights.asDiagonal() * a;
  const auto hessian = problem.hessian(z);
  Vector hv(dimension);
  for (Index k = 0; k < dimension; ++k) {
    hessian->apply(Vector::Unit(dimension, k), hv);
    EXPECT_LE((hv - expected.col(k)).norm(), 1e-13 * expected.norm());
  }
}

TEST(PhaseRetrieval, TheHessianIsBoundedByTheValue) {
  const PhaseRetrieval problem = phase_retrieval({.samples = 40, .dimension = 5, .noise = 1});
  const auto& objective = dynamic_cast<const PhaseRetrievalObjective&>(*problem.objective);
  // Amplitudes and intensities read back through the model: J at a unit vector is 2 a_ik a_i'.
  Matrix a(40, 5);
  const auto& model = objective.model();
  Vector squares(40), y(40);
  for (Index k = 0; k < 5; ++k) {
    model.outputs(Vector::Unit(5, k), squares);
    a.col(k) = squares.cwiseSqrt();  // signs: from the Jacobian row along the first column
  }
  const Matrix j = model.linearize(Vector::Unit(5, 0))->jacobian();
  for (Index i = 0; i < 40; ++i)
    for (Index k = 1; k < 5; ++k) a(i, k) = std::copysign(a(i, k), j(i, k));
  y = objective.loss().minimizer().value();
  const double spectral = Eigen::JacobiSVD<Matrix>(a).singularValues()[0];
  const double longest = a.rowwise().norm().maxCoeff();
  const double largest = std::max(0.0, y.maxCoeff());
  RandomStream random(5, "points");
  for (const double size : {0.0, 0.3, 1.0, 4.0}) {
    const Vector z = size * random.normal_vector(5);
    Matrix h(5, 5);
    for (Index k = 0; k < 5; ++k) objective.hessian(z)->apply(Vector::Unit(5, k), h.col(k));
    const double f = objective.value(z);
    const double bound =
        2.0 / 40 *
        (2 * largest * spectral * spectral + 3 * std::sqrt(2 * 40 * f) * longest * spectral);
    const double norm = h.selfadjointView<Eigen::Lower>().eigenvalues().cwiseAbs().maxCoeff();
    EXPECT_LE(norm, bound);
    EXPECT_GT(norm, 0.01 * bound);
  }
}

TEST(PhaseRetrieval, PublishedDataHaveTheirVariances) {
  const PhaseRetrievalOptions options;
  EXPECT_EQ(options.samples, 3000);
  EXPECT_EQ(options.dimension, 100);
  EXPECT_EQ(options.noise, 4);
  const PhaseRetrieval problem = phase_retrieval(options);
  ASSERT_EQ(problem.objective->sample_count(), 3000);
  ASSERT_EQ(problem.start.size(), 100);
  // At the truth the residual is the noise: f = sigma^2/2 = 8, standard deviation 8 sqrt(2/3000);
  // four of them are exceeded with probability 6e-5 (all bounds here are of four).
  EXPECT_NEAR(problem.objective->value(problem.truth), 8, 4 * 8 * std::sqrt(2.0 / 3000));
  EXPECT_NEAR(problem.truth.squaredNorm() / 100, 0.5, 4 * 0.5 * std::sqrt(2.0 / 100));
  const Vector centered = problem.start.array() - 1;
  EXPECT_NEAR(centered.mean(), 0, 4 * std::sqrt(6.0 / 100));
  EXPECT_NEAR(centered.squaredNorm() / 100, 6, 4 * 6 * std::sqrt(2.0 / 100));
  // Outputs at a unit vector are the squares of a column of A.
  Vector squares(3000);
  problem.objective->model().outputs(Vector::Unit(100, 17), squares);
  EXPECT_NEAR(squares.mean(), 0.5, 4 * 0.5 * std::sqrt(2.0 / 3000));
}

TEST(PhaseRetrieval, ComplexDataHaveTheSameModuli) {
  const PhaseRetrieval problem =
      phase_retrieval({.samples = 2000, .dimension = 50, .noise = 0, .complex = true});
  ASSERT_EQ(problem.truth.size(), 100);
  ASSERT_EQ(problem.start.size(), 100);
  EXPECT_LE(problem.objective->value(problem.truth), 1e-20);
  EXPECT_NEAR(problem.truth.squaredNorm() / 50, 0.5, 4 * 0.5 * std::sqrt(1.0 / 50));
  EXPECT_NEAR(problem.start.head(50).mean(), 1, 4 * std::sqrt(3.0 / 50));
  EXPECT_NEAR(problem.start.tail(50).mean(), 0, 4 * std::sqrt(3.0 / 50));
  Vector squares(2000);
  problem.objective->model().outputs(Vector::Unit(100, 3), squares);
  EXPECT_NEAR(squares.mean(), 0.5, 4 * 0.5 * std::sqrt(1.0 / 2000));
  // A common phase changes nothing: (1 + 2i)/sqrt(5) times the truth.
  Vector turned(100);
  const double c = 1 / std::sqrt(5.0), s = 2 / std::sqrt(5.0);
  turned << c * problem.truth.head(50) - s * problem.truth.tail(50),
      s * problem.truth.head(50) + c * problem.truth.tail(50);
  EXPECT_LE(problem.objective->value(turned), 1e-20);
}

TEST(PhaseRetrieval, SeedsAndScaleDoWhatTheySay) {
  const PhaseRetrievalOptions small{.samples = 20, .dimension = 4};
  const PhaseRetrieval one = phase_retrieval(small), again = phase_retrieval(small);
  EXPECT_EQ(one.objective->value(one.start), again.objective->value(again.start));
  PhaseRetrievalOptions other = small;
  other.seed = 1;
  EXPECT_NE(phase_retrieval(other).start, one.start);
  // Noise moves the intensities alone: what is drawn after it stays.
  other = small;
  other.noise = 0;
  other.start_scale = 0.25;
  const PhaseRetrieval clean = phase_retrieval(other);
  EXPECT_LE((clean.start - 0.25 * one.start).norm(), 1e-15 * one.start.norm());
  EXPECT_EQ(clean.truth, one.truth);
  EXPECT_LE(clean.objective->value(clean.truth), 1e-25);
  // The documented order of the draws.
  RandomStream random(0, "phase-retrieval");
  EXPECT_LE((one.truth - std::sqrt(0.5) * random.normal_vector(4)).norm(), 1e-15);
  Vector first_row = std::sqrt(0.5) * random.normal_vector(4), outputs(20);
  one.objective->model().outputs(one.truth, outputs);
  EXPECT_NEAR(outputs[0], std::pow(first_row.dot(one.truth), 2), 1e-14);
}

TEST(PhaseRetrieval, GivenDataAreUsedAsTheyAre) {
  const Matrix a = random_matrix(samples, 4, "given");
  const Vector truth = random_matrix(4, 1, "truth");
  const Vector y = (a * truth).array().square();
  const PhaseRetrieval real = phase_retrieval(a, y, {.seed = 3, .start_scale = 2});
  EXPECT_LE(real.objective->value(truth), 1e-28);
  EXPECT_LE(real.objective->value(-truth), 1e-28);
  EXPECT_EQ(real.truth.size(), 0);
  const Vector start =
      2 * (std::sqrt(6.0) * RandomStream(3, "phase-retrieval").normal_vector(4).array() + 1);
  EXPECT_LE((real.start - start).norm(), 1e-14);
  const PhaseRetrieval complex = phase_retrieval(a, y, {.complex = true});
  EXPECT_EQ(complex.start.size(), 4);  // two complex numbers
  EXPECT_EQ(complex.objective->dimension(), 4);
}

TEST(PhaseRetrieval, MisuseIsNamedAllAtOnce) {
  try {
    phase_retrieval({.samples = 0, .dimension = -1, .noise = -2, .start_scale = std::nan("")});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    for (const char* name : {"samples", "dimension", "noise", "start_scale"})
      EXPECT_NE(error.problem().find(name), std::string::npos) << error.problem();
  }
  const Vector y = Vector::Ones(3);
  EXPECT_THROW(phase_retrieval(Matrix::Ones(2, 2), y, {}), UsageError);
  EXPECT_THROW(phase_retrieval(Matrix::Ones(3, 3), y, {.complex = true}), UsageError);
  EXPECT_THROW(phase_retrieval(Matrix(3, 0), y, {}), UsageError);
  EXPECT_THROW(phase_retrieval(Matrix::Constant(3, 2, HUGE_VAL), y, {}), UsageError);
  EXPECT_THROW(phase_retrieval(Matrix::Ones(3, 2), Vector::Constant(3, std::nan("")), {}),
               UsageError);
  EXPECT_THROW(PhaseRetrievalObjective(nullptr, y), UsageError);
}

}  // namespace
}  // namespace thalweg
