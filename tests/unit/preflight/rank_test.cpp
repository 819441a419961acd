#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

// y(x) = J x + quadratic terms: the Jacobian at 0 is J, and its Lipschitz constant is known.
class QuadraticModel final : public OutputModel {
 public:
  QuadraticModel(Matrix j, double curvature) : j_(std::move(j)), curvature_(curvature) {}
  Index parameter_count() const override { return j_.cols(); }
  Index output_count() const override { return j_.rows(); }
  void outputs(const ConstVectorRef& x, VectorRef y) const override {
    y = j_ * x;
    y[0] += curvature_ * x.squaredNorm() / 2;
  }
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& x) const override {
    Vector y(output_count());
    outputs(x, y);
    Matrix j = j_;
    j.row(0) += curvature_ * x.transpose();
    return std::make_unique<DenseLinearization>(std::move(y), std::move(j));
  }

 private:
  Matrix j_;
  double curvature_;
};

Matrix random_matrix(Index rows, Index columns, const char* name) {
  RandomStream random(7, name);
  Matrix a(rows, columns);
  for (Index c = 0; c < columns; ++c) a.col(c) = random.normal_vector(rows);
  return a;
}

Matrix orthonormal(Index rows, Index columns, const char* name) {
  const Matrix a = random_matrix(rows, columns, name);
  return Eigen::HouseholderQR<Matrix>(a).householderQ() * Matrix::Identity(rows, columns);
}

struct Planted {
  Matrix u, v, j;
};

// J (m, n) = U diag(s) V'.
Planted planted(Index m, Index n, const Vector& s) {
  Planted p{orthonormal(m, s.size(), "left"), orthonormal(n, s.size(), "right"), {}};
  p.j = p.u * s.asDiagonal() * p.v.transpose();
  return p;
}

CompositeObjective least_squares(Matrix j, const Vector& targets, double curvature = 0) {
  return {std::make_shared<QuadraticModel>(std::move(j), curvature),
          std::make_shared<SquaredLoss>(targets)};
}

Vector geometric(Index k, double last) {
  Vector s(k);
  for (Index i = 0; i < k; ++i)
    s[i] = std::pow(last, static_cast<double>(i) / static_cast<double>(k - 1));
  return s;
}

bool warns_of(const RankReport& report, const std::string& words) {
  return std::any_of(report.warnings.begin(), report.warnings.end(),
                     [&](const std::string& w) { return w.find(words) != std::string::npos; });
}

// A work limit that leaves nothing but products with J.
constexpr double only_products = 1;

RankOptions without_jacobian() {
  RankOptions options;
  options.memory_limit = 1e5;  // a tenth of it holds no Jacobian of the sizes here
  return options;
}

TEST(MeasureRank, FindsAPlantedSpectrumFromTheJacobian) {
  for (const auto& [m, n] : {std::pair<Index, Index>{12, 30}, {30, 12}, {12, 12}}) {
    const Vector s = 3 * geometric(12, 1e-9);
    const auto problem = least_squares(planted(m, n, s).j, Vector::Ones(m));
    const RankReport report = measure_rank(problem, Vector::Zero(n), {});
    EXPECT_EQ(report.source, RankSource::jacobian);
    EXPECT_EQ(report.rank, 12);
    EXPECT_EQ(report.full, true);
    EXPECT_EQ(report.rows, m);
    EXPECT_EQ(report.columns, n);
    EXPECT_NEAR(report.sigma_max, 3, 1e-12);
    EXPECT_NEAR(report.sigma_min, 3e-9, 3e-9 * 1e-5);  // error eps * sigma_max = 2e-7 of it
    EXPECT_NEAR(*report.condition, 1e9, 1e4);
  }
}

TEST(MeasureRank, CountsALostRankAndTheFloorItForces) {
  const Index m = 8, n = 20, kept = 6;
  const Planted p = planted(m, n, geometric(kept, 1e-2));
  RandomStream random(3, "targets");
  const Vector targets = random.normal_vector(m);
  const auto problem = least_squares(p.j, targets);
  const RankReport report = measure_rank(problem, Vector::Zero(n), {});
  EXPECT_EQ(report.rank, kept);
  EXPECT_EQ(report.full, false);
  EXPECT_FALSE(report.condition);  // sigma_min is rounding
  // The floor of the linear problem, from its own solution.
  const Vector outside = targets - p.u * (p.u.transpose() * targets);
  EXPECT_NEAR(*report.floor, outside.squaredNorm() / (2.0 * m), 1e-13);
  EXPECT_NEAR(*report.projected_share, (p.u.transpose() * targets).norm() / targets.norm(), 1e-12);
}

TEST(MeasureRank, AnUnderparametrizedLinearProblemHasTheFloorOfItsLeastSquaresSolution) {
  const Index m = 25, n = 4;
  const Matrix j = random_matrix(m, n, "tall");
  RandomStream random(4, "targets");
  const Vector targets = random.normal_vector(m);
  const auto problem = least_squares(j, targets);
  const Vector solution = j.colPivHouseholderQr().solve(targets);
  const double floor = (targets - j * solution).squaredNorm() / (2.0 * m);
  for (const double memory : {0.0, 1e3}) {  // from J itself, and from J'J
    RankOptions options;
    options.memory_limit = memory;
    const RankReport report = measure_rank(problem, Vector::Zero(n), options);
    EXPECT_EQ(report.source, memory > 0 ? RankSource::gram : RankSource::jacobian);
    EXPECT_EQ(report.full, true);
    EXPECT_NEAR(*report.floor, floor, 1e-12);
    EXPECT_NEAR(*report.trial_reduction, std::sqrt(2 * m * floor) / targets.norm(), 1e-12);
  }
}

TEST(MeasureRank, AReachableProblemHasFloorZero) {
  const auto problem = least_squares(random_matrix(5, 9, "wide"), Vector::Ones(5));
  const RankReport report = measure_rank(problem, Vector::Zero(9), {});
  EXPECT_EQ(report.full, true);
  EXPECT_EQ(*report.floor, 0);
  EXPECT_NEAR(*report.projected_share, 1, 1e-14);
  EXPECT_LT(*report.trial_reduction, 1e-13);  // one step solves a linear problem
  EXPECT_EQ(*report.curvature, 0);
}

TEST(MeasureRank, TheGramMatrixAgreesWithTheJacobianWhereItResolves) {
  for (const auto& [m, n] : {std::pair<Index, Index>{40, 90}, {90, 40}}) {
    const auto problem = least_squares(planted(m, n, geometric(40, 1e-5)).j, Vector::Ones(m));
    const Vector x = Vector::Zero(n);
    const RankReport exact = measure_rank(problem, x, {});
    RankOptions options = without_jacobian();
    for (const double flops : {0.0, 1.3e5}) {  // eigenvalues; a Cholesky factorization only
      options.max_flops = flops > 0 ? problem.model().linearize(x)->gram_flops() + flops : 0;
      const RankReport report = measure_rank(problem, x, options);
      EXPECT_EQ(report.source, RankSource::gram);
      EXPECT_EQ(report.tolerance, 1e-7);
      EXPECT_EQ(report.full, true);
      EXPECT_EQ(report.rank, 40);
      // Eigenvalues of the squared matrix carry eps * sigma_max^2: 1e-6 of sigma_min^2 here; the
      // inverse iteration stops at 1e-3.
      EXPECT_NEAR(report.sigma_min / exact.sigma_min, 1, 1e-3);
      EXPECT_NEAR(report.sigma_max / exact.sigma_max, 1, 1e-2);
      EXPECT_NEAR(*report.projected_share, *exact.projected_share, 1e-6);
    }
  }
}

TEST(MeasureRank, TheGramMatrixDoesNotGuessWhatItCannotResolve) {
  // Two rows of J at distance 1e-8: full rank, seen by J itself and by nothing squared.
  Matrix j = random_matrix(30, 60, "pairs");
  j.row(1) = j.row(0) + 1e-8 * random_matrix(1, 60, "apart");
  const auto problem = least_squares(j, Vector::Ones(30));
  const Vector x = Vector::Zero(60);

  const RankReport exact = measure_rank(problem, x, {});
  EXPECT_EQ(exact.full, true);
  EXPECT_GT(*exact.condition, 1e8);
  EXPECT_TRUE(warns_of(exact, "condition"));

  RankOptions options = without_jacobian();
  const double gram = problem.model().linearize(x)->gram_flops();
  for (const double flops : {0.0, gram + 1e4}) {
    options.max_flops = flops;
    const RankReport report = measure_rank(problem, x, options);
    EXPECT_FALSE(report.full.has_value());
    EXPECT_FALSE(report.condition.has_value());
    EXPECT_TRUE(warns_of(report, flops == 0 ? "unknown" : "not resolved"));
    if (flops == 0) {
      EXPECT_EQ(report.rank, 29);
    }
  }
}

TEST(MeasureRank, WithoutAFactorizationOnlyTheLargestSingularValueIsKnown) {
  const auto problem = least_squares(planted(20, 50, geometric(20, 1e-3)).j, Vector::Ones(20));
  RankOptions options;
  options.max_flops = only_products;
  const RankReport report = measure_rank(problem, Vector::Zero(50), options);
  EXPECT_FALSE(report.full.has_value());
  EXPECT_EQ(report.rank, 0);
  EXPECT_EQ(report.sigma_min, 0);
  EXPECT_NEAR(report.sigma_max, 1, 1e-2);
  EXPECT_FALSE(report.floor.has_value());
  EXPECT_TRUE(warns_of(report, "only the largest"));
}

TEST(MeasureRank, EqualInputsProveRankLossWithoutArithmetic) {
  Matrix inputs = random_matrix(10, 3, "inputs");
  inputs.row(7) = inputs.row(2);
  const Matrix targets = random_matrix(10, 1, "targets");
  const Network network({.inputs = 3, .hidden = {16}, .outputs = 1});
  const CompositeObjective problem(network.on(inputs), std::make_shared<SquaredLoss>(targets));
  const Vector x = network.initial_parameters(1);
  const double gap = targets(7) - targets(2);

  RankOptions options;
  options.inputs = &inputs;
  options.targets = &targets;
  for (const double flops : {0.0, only_products}) {
    options.max_flops = flops;
    const RankReport report = measure_rank(problem, x, options);
    EXPECT_EQ(report.full, false);
    EXPECT_EQ(report.conflicting_duplicates, 2);
    EXPECT_NEAR(report.duplicate_floor, gap * gap / (4 * 10), 1e-15);
    if (flops == 0) {
      EXPECT_EQ(report.rank, 9);
      EXPECT_NEAR(*report.floor, report.duplicate_floor, 1e-12);
    }
  }
}

TEST(MeasureRank, AnAllZeroNetworkHasRankOneAndThePlateauOfTheMean) {
  const Matrix inputs = random_matrix(12, 2, "inputs");
  const Matrix targets = random_matrix(12, 1, "targets");
  const Network network({.inputs = 2, .hidden = {9}, .outputs = 1});
  const CompositeObjective problem(network.on(inputs), std::make_shared<SquaredLoss>(targets));
  const RankReport report = measure_rank(problem, Vector::Zero(network.parameter_count()), {});
  EXPECT_EQ(report.rank, 1);
  EXPECT_EQ(report.full, false);
  const double variance = (targets.array() - targets.mean()).square().mean();
  EXPECT_NEAR(*report.floor, variance / 2, 1e-13);
  EXPECT_TRUE(warns_of(report, "parameters are zero"));
}

TEST(MeasureRank, TheCurvatureEstimateIsALowerBoundThatAKnownProblemAttains) {
  // The first output bends by c |x|^2 / 2, so J has Lipschitz constant c, seen along every step.
  const double c = 0.3;
  const auto problem = least_squares(random_matrix(4, 8, "wide"), Vector::Ones(4), c);
  const RankReport report = measure_rank(problem, Vector::Zero(8), {});
  EXPECT_NEAR(*report.curvature, c, 1e-9);
  const double expected = c * 2 / (report.sigma_min * report.sigma_min);  // |r| = |ones(4)| = 2
  EXPECT_NEAR(*report.curvature_ratio, expected, 1e-6 * expected);
}

TEST(MeasureRank, WorksForClassesWithoutPromisingAFloor) {
  const Matrix inputs = random_matrix(9, 2, "inputs");
  const Network network({.inputs = 2, .hidden = {5}, .outputs = 3});
  const CompositeObjective problem(
      network.on(inputs),
      std::make_shared<CrossEntropyLoss>(std::vector<int>{0, 1, 2, 0, 1, 2, 0, 1, 2}, 3));
  const RankReport report = measure_rank(problem, network.initial_parameters(2), {});
  EXPECT_EQ(report.rows, 27);
  EXPECT_FALSE(report.floor.has_value());
  EXPECT_FALSE(report.curvature_ratio.has_value());
  EXPECT_TRUE(report.projected_share.has_value());
}

TEST(MeasureRank, ANonFiniteJacobianIsReportedNotThrown) {
  Matrix j = random_matrix(4, 6, "broken");
  j(2, 3) = std::nan("");
  const auto problem = least_squares(j, Vector::Ones(4));
  for (const double flops : {0.0, only_products}) {
    RankOptions options;
    options.max_flops = flops;
    const RankReport report = measure_rank(problem, Vector::Zero(6), options);
    EXPECT_FALSE(report.full.has_value());
    EXPECT_TRUE(std::isfinite(report.sigma_max));
    EXPECT_FALSE(report.warnings.empty());
  }
}

RC_GTEST_PROP(MeasureRank, FindsAnyPlantedRank, ()) {
  const Index m = *rc::gen::inRange<Index>(1, 20), n = *rc::gen::inRange<Index>(1, 20);
  const Index rank = *rc::gen::inRange<Index>(1, std::min(m, n) + 1);
  const Planted p = planted(m, n, Vector::Ones(rank));
  const auto problem = least_squares(p.j, Vector::Ones(m));
  const RankReport report = measure_rank(problem, Vector::Zero(n), {});
  RC_ASSERT(report.rank == rank);
  RC_ASSERT(*report.full == (rank == std::min(m, n)));
  RC_ASSERT(*report.projected_share <= 1 + 1e-12);
  RC_ASSERT(*report.floor >= 0);
}

}  // namespace
}  // namespace thalweg
