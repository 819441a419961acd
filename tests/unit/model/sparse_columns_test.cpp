// Tables whose columns are long enough to be read by columns, against explicit linear algebra.
#include "model/sparse_columns.hpp"

#include <gtest/gtest.h>

#include "thalweg/core/random.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"

namespace thalweg {
namespace {

// A share of `density` stored entries; all 1, or normal numbers.
SparseMatrix random_table(Index rows, Index columns, double density, bool ones) {
  RandomStream random(5, "table");
  std::vector<Eigen::Triplet<double, int>> entries;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      if (random.uniform() < density) entries.emplace_back(i, j, ones ? 1 : random.normal());
  SparseMatrix table(rows, columns);
  table.setFromTriplets(entries.begin(), entries.end());
  return table;
}

struct Case {
  Index rows;
  bool ones;
};

class ByColumns : public testing::TestWithParam<Case> {
 protected:
  const SparseMatrix table = random_table(GetParam().rows, 13, 0.2, GetParam().ones);
  const Matrix dense = Matrix(table);
};
// One block, exactly two, and a last one of a single row.
INSTANTIATE_TEST_SUITE_P(Tables, ByColumns,
                         testing::Values(Case{700, true}, Case{700, false}, Case{4096, true},
                                         Case{6145, true}, Case{6145, false}));

TEST_P(ByColumns, ProductsOfEveryBlock) {
  ASSERT_TRUE(SparseColumns::pays(table));
  const SparseColumns columns(table);
  const Vector w = RandomStream(1, "w").normal_vector(table.cols());
  const Vector u = RandomStream(1, "u").normal_vector(table.rows());
  Vector z = Vector::Ones(table.rows()), sums = Vector::Ones(table.cols());
  for (Index first = 0; first < table.rows(); first += SparseColumns::block_rows) {
    columns.add_products(first, w.data(), z.data() + first);
    columns.add_adjoint(first, u.data() + first, sums.data());
  }
  EXPECT_LT((z - Vector::Ones(table.rows()) - dense * w).norm(), 1e-12 * z.norm());
  EXPECT_LT((sums - Vector::Ones(table.cols()) - dense.transpose() * u).norm(),
            1e-12 * sums.norm());
}

TEST_P(ByColumns, ModelOfTheSparseTableIsThatOfTheDenseOne) {
  const Vector mean = RandomStream(1, "mean").normal_vector(table.cols());
  const Vector scale = RandomStream(1, "scale").normal_vector(table.cols()).array().abs() + 0.5;
  const Matrix inputs =
      (dense.rowwise() - mean.transpose()).array().rowwise() / scale.transpose().array();
  std::vector<int> labels;
  for (Index i = 0; i < table.rows(); ++i) labels.push_back(inputs.row(i).sum() > 0 ? 1 : 0);
  const auto loss = std::make_shared<CrossEntropyLoss>(labels, 2);
  const LinearObjective sparse(
      std::make_shared<LinearModel>(table, mean, scale, LinearModel::Options{}), loss, 0.1);
  const LinearObjective full(std::make_shared<LinearModel>(inputs, LinearModel::Options{}), loss,
                             0.1);
  const Vector x = RandomStream(2, "x").normal_vector(table.cols() + 1);
  const Vector v = RandomStream(2, "v").normal_vector(table.cols() + 1);
  for (const int count : {1, 2}) {
    set_threads(count);
    Vector g(x.size()), expected_g(x.size()), hv(x.size()), expected_hv(x.size());
    EXPECT_NEAR(sparse.value_and_gradient(x, g), full.value_and_gradient(x, expected_g), 1e-12);
    EXPECT_LT((g - expected_g).norm(), 1e-12 * expected_g.norm());
    sparse.hessian(x)->apply(v, hv);
    full.hessian(x)->apply(v, expected_hv);
    EXPECT_LT((hv - expected_hv).norm(), 1e-12 * expected_hv.norm());
    const Vector expected_diagonal = *full.hessian(x)->diagonal();
    EXPECT_LT((*sparse.hessian(x)->diagonal() - expected_diagonal).norm(),
              1e-12 * expected_diagonal.norm());
  }
  set_threads(hardware_threads());
}

// Every single sample, and a batch across the ends of blocks, are read by rows.
TEST_P(ByColumns, BatchesAreMeansOverTheirSamples) {
  std::vector<int> labels(static_cast<std::size_t>(table.rows()));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i % 2);
  const LinearObjective objective(
      std::make_shared<LinearModel>(table, Vector(), Vector(), LinearModel::Options{}),
      std::make_shared<CrossEntropyLoss>(labels, 2));
  std::vector<Index> all(labels.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
  const Vector x = RandomStream(2, "x").normal_vector(table.cols() + 1);
  Vector g(x.size()), expected(x.size());
  EXPECT_NEAR(objective.value_and_gradient(x, Batch(all), g),
              objective.value_and_gradient(x, expected), 1e-12);
  EXPECT_LT((g - expected).norm(), 1e-12 * expected.norm());
}

TEST(SparseColumns, DoNotPayWhereColumnsAreShort) {
  EXPECT_FALSE(SparseColumns::pays(random_table(300, 500, 0.01, true)));
}

}  // namespace
}  // namespace thalweg
