#include "thalweg/model/matrix_completion.hpp"

#include "self_bounding.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/model/matrix_factorization.hpp"

namespace thalweg {
namespace {

using namespace testing;
using Entry = MatrixCompletionObjective::Entry;

TEST(MatrixCompletion, DerivativesAreExact) {
  const MatrixCompletion made = matrix_completion({.size = 6, .rank = 2, .samples = 7, .seed = 1});
  EXPECT_NEAR(made.objective->observed_share(), 20.0 / 36, 1e-15);
  for (const Vector& x : points_of_all_sizes(12, 20, -1, 1, "completion"))
    expect_derivatives(*made.objective, x);
  Vector g(12);
  EXPECT_LT(made.objective->value_and_gradient(made.truth, g), 1e-30);
  EXPECT_LT(g.norm(), 1e-14);
  EXPECT_GT(smallest_eigenvalue(*made.objective, made.truth), -1e-12);
  EXPECT_LT(smallest_eigenvalue(*made.objective, Vector::Zero(12)), -0.1);
}

// With every entry observed it is the factorization.
TEST(MatrixCompletion, OfAllEntriesIsTheFactorization) {
  const Matrix m = factorization_matrix(5, 2, 3);
  std::vector<Entry> entries;
  for (Index i = 0; i < 5; ++i)
    for (Index j = i; j < 5; ++j) entries.push_back({j, i, m(i, j)});
  const MatrixCompletionObjective completion(5, 2, entries);
  const MatrixFactorizationObjective factorization(m, 2);
  EXPECT_EQ(completion.observed_share(), 1);
  for (const Vector& x : points_of_all_sizes(10, 20, -1, 1, "completion")) {
    Vector a(10), b(10);
    const double f = completion.value_and_gradient(x, a);
    EXPECT_NEAR(f, factorization.value_and_gradient(x, b), 1e-13 * f);
    EXPECT_LE((a - b).norm(), 1e-13 * (1 + b.norm()));
    const Matrix h = dense_hessian(factorization, x);
    EXPECT_LE((dense_hessian(completion, x) - h).norm(), 1e-13 * h.norm());
  }
}

TEST(MatrixCompletion, BoundsItsCurvatureWhereTheDiagonalIsObserved) {
  for (const Index samples : {0, 7, 15}) {
    const MatrixCompletion made =
        matrix_completion({.size = 6, .rank = 2, .samples = samples, .seed = 2});
    std::vector<Vector> points = points_of_all_sizes(12, 300, -2, 2, "completion");
    points.push_back(Vector::Zero(12));
    points.push_back(100 * Vector::Unit(12, 0));
    const Used used = expect_self_bounding(*made.objective, points);
    EXPECT_GT(used.hessian, 0.3);
    EXPECT_GT(used.third, 0.3);
  }
  const MatrixCompletionObjective open(2, 1, {{0, 0, 1.0}, {0, 1, 1.0}});
  EXPECT_EQ(open.curvature_bound().source(), CurvatureBound::Source::none);
}

TEST(MatrixCompletion, IsTheMeanOverItsSamples) {
  const auto problem = matrix_completion({.size = 6, .rank = 2, .samples = 7, .seed = 1}).objective;
  ASSERT_EQ(problem->sample_count(), 13);
  const Vector x = points_of_all_sizes(12, 1, 0, 0, "completion")[0];
  Vector g(12), part(12), mean = Vector::Zero(12);
  const double f = problem->value_and_gradient(x, g);
  std::vector<Index> all;
  double value = 0;
  for (Index k = 0; k < 13; ++k) {
    all.push_back(k);
    value += problem->value_and_gradient(x, std::vector<Index>{k}, part) / 13;
    mean += part / 13;
  }
  EXPECT_NEAR(value, f, 1e-13 * f);
  EXPECT_LT((mean - g).norm(), 1e-13 * g.norm());
  EXPECT_NEAR(problem->value_and_gradient(x, all, part), f, 1e-13 * f);
  EXPECT_LT((part - g).norm(), 1e-13 * g.norm());
  // A sample may occur more than once.
  const double twice = problem->value_and_gradient(x, std::vector<Index>{4, 4}, part);
  EXPECT_NEAR(twice, problem->value_and_gradient(x, std::vector<Index>{4}, mean), 1e-15);
  EXPECT_LT((part - mean).norm(), 1e-14);
}

// With few entries descent may end above 0 where H is positive definite: no escape leads out.
TEST(MatrixCompletion, HasLocalMinimaAboveTheGlobalOne) {
  const auto problem =
      matrix_completion({.size = 12, .rank = 1, .samples = 40, .seed = 4}).objective;
  const CurvatureBound bound = problem->curvature_bound();
  int found = 0;
  for (const std::uint64_t seed : {0, 1, 2, 3, 4, 5, 6, 7}) {
    Vector x = problem->start(seed, 100), g(12);
    for (int step = 0; step < 20000; ++step) {
      const double f = problem->value_and_gradient(x, g);
      x -= g / bound.hessian_norm(f);
    }
    const double lowest = smallest_eigenvalue(*problem, x);
    if (problem->value(x) > 0.01 && g.norm() < 1e-10 && lowest > 1e-3) ++found;
  }
  EXPECT_GT(found, 0);
}

TEST(MatrixCompletion, ObservesDistinctPairs) {
  const MatrixCompletion made = matrix_completion({.size = 9, .rank = 1, .samples = 36});
  EXPECT_EQ(made.objective->observed_share(), 1);
  const MatrixCompletion none = matrix_completion({.size = 9, .rank = 1, .samples = 0});
  EXPECT_NEAR(none.objective->observed_share(), 1.0 / 9, 1e-15);
  const MatrixCompletion half = matrix_completion({.size = 9, .rank = 1});
  EXPECT_NEAR(half.objective->observed_share(), (9.0 + 36) / 81, 1e-15);
  EXPECT_EQ(half.objective->start(1, 0), Vector::Zero(9));
  EXPECT_EQ(matrix_completion({.size = 1, .rank = 1}).objective->observed_share(), 1);
}

TEST(MatrixCompletion, RefusesWrongEntries) {
  EXPECT_THROW(MatrixCompletionObjective(3, 1, {}), UsageError);
  EXPECT_THROW(MatrixCompletionObjective(3, 1, {{0, 3, 1.0}}), UsageError);
  EXPECT_THROW(MatrixCompletionObjective(3, 1, {{-1, 0, 1.0}}), UsageError);
  EXPECT_THROW(MatrixCompletionObjective(3, 1, {{0, 1, 1.0}, {1, 0, 1.0}}), UsageError);
  EXPECT_THROW(MatrixCompletionObjective(3, 1, {{0, 1, std::nan("")}}), UsageError);
  EXPECT_THROW(MatrixCompletionObjective(3, 4, {{0, 1, 1.0}}), UsageError);
  EXPECT_THROW(matrix_completion({.size = 3, .rank = 4}), UsageError);
  EXPECT_THROW(matrix_completion({.size = 3, .rank = 1, .samples = 4}), UsageError);
  EXPECT_THROW(matrix_completion({.size = 3, .rank = 1, .samples = -1}), UsageError);
}

}  // namespace
}  // namespace thalweg
