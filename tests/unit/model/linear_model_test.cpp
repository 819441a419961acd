#include "thalweg/model/linear_model.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed, const char* name) {
  RandomStream random(seed, name);
  Matrix m(rows, cols);
  for (Index j = 0; j < cols; ++j) m.col(j) = random.normal_vector(rows);
  return m;
}

std::vector<int> random_labels(Index count, int classes, std::uint64_t seed) {
  RandomStream random(seed, "labels");
  std::vector<int> labels(static_cast<std::size_t>(count));
  for (int& label : labels)
    label = static_cast<int>(random.below(static_cast<std::uint64_t>(classes)));
  return labels;
}

Matrix lower(const Matrix& m) { return m.triangularView<Eigen::Lower>(); }

double relative_difference(const Matrix& a, const Matrix& b) {
  return (a - b).norm() / std::max(b.norm(), 1e-300);
}

enum class Kind { dense, sparse, ones };

struct Case {
  Kind kind;
  Index rows, columns, outputs;
  bool intercept;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  const char* kinds[] = {"dense", "sparse", "ones"};
  return out << kinds[static_cast<int>(c.kind)] << ' ' << c.rows << 'x' << c.columns << " outputs "
             << c.outputs << (c.intercept ? " with" : " without") << " intercept";
}

// A table, what a model sees of it as an explicit Z (N, D [+ 1]), and the model.
struct Table {
  explicit Table(const Case& c, std::uint64_t seed = 7) {
    const LinearModel::Options options{.outputs = c.outputs, .intercept = c.intercept};
    Matrix seen = random_matrix(c.rows, c.columns, seed, "table");
    if (c.kind == Kind::dense) {
      model = std::make_shared<LinearModel>(seen, options);
    } else {
      // About a quarter of the numbers are not zero; one row and one column are empty.
      Matrix raw = (seen.array() > 0.7)
                       .select(c.kind == Kind::ones ? Matrix::Ones(c.rows, c.columns) : seen, 0);
      raw.row(c.rows / 2).setZero();
      raw.col(c.columns / 2).setZero();
      const Vector mean = random_matrix(c.columns, 1, seed, "mean");
      const Vector scale = random_matrix(c.columns, 1, seed, "scale").array().abs() + 0.1;
      model = std::make_shared<LinearModel>(SparseMatrix(raw.sparseView()), mean, scale, options);
      seen = (raw.rowwise() - mean.transpose()) * scale.cwiseInverse().asDiagonal();
    }
    z.resize(c.rows, c.columns + (c.intercept ? 1 : 0));
    z.leftCols(c.columns) = seen;
    if (c.intercept) z.rightCols(1).setOnes();
  }

  /// J explicitly, from the documented order of the parameters.
  Matrix jacobian() const {
    const Index n = z.rows(), d = model->inputs(), outputs = model->outputs_per_sample();
    Matrix j = Matrix::Zero(n * outputs, model->parameter_count());
    for (Index q = 0; q < outputs; ++q) {
      j.block(q * n, q * d, n, d) = z.leftCols(d);
      if (model->intercept()) j.block(q * n, outputs * d + q, n, 1).setOnes();
    }
    return j;
  }

  std::shared_ptr<const LinearModel> model;
  Matrix z;
};

std::shared_ptr<const OutputLoss> cross_entropy(const LinearModel& model, std::uint64_t seed = 3) {
  const Index outputs = model.outputs_per_sample();
  const int classes = outputs == 1 ? 2 : static_cast<int>(outputs);
  return std::make_shared<CrossEntropyLoss>(
      random_labels(model.output_count() / outputs, classes, seed), classes);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Kind kind : {Kind::dense, Kind::sparse, Kind::ones})
    for (const Index outputs : {1, 3})
      for (const bool intercept : {true, false})
        for (const Index columns : {1, 5, 16, 37})
          all.push_back(
              {kind, columns == 5 ? Index{2500} : Index{43}, columns, outputs, intercept});
  return all;
}

class EveryTable : public testing::TestWithParam<Case> {};

TEST_P(EveryTable, OutputsAndAdjointAgreeWithTheExplicitMatrix) {
  const Table table(GetParam());
  const LinearModel& model = *table.model;
  const Matrix j = table.jacobian();
  ASSERT_EQ(model.parameter_count(), j.cols());
  ASSERT_EQ(model.output_count(), j.rows());
  const Vector x = random_matrix(j.cols(), 1, 1, "x"), u = random_matrix(j.rows(), 1, 2, "u");
  Vector y(j.rows()), jv(j.rows()), jtu(j.cols());
  model.outputs(x, y);
  const auto at_x = model.linearize(x);
  at_x->apply(x, jv);
  at_x->apply_adjoint(u, jtu);
  EXPECT_LT(relative_difference(y, j * x), 1e-13);
  EXPECT_LT(relative_difference(at_x->outputs(), j * x), 1e-13);
  EXPECT_LT(relative_difference(jv, j * x), 1e-13);
  EXPECT_LT(relative_difference(jtu, j.transpose() * u), 1e-13);
  EXPECT_LT(relative_difference(model.squared_row_norms(), table.z.rowwise().squaredNorm()), 1e-13);
  EXPECT_TRUE(model.linear());
  EXPECT_TRUE(at_x->exact());
}

TEST_P(EveryTable, RowsGramAndNormalAgreeWithTheExplicitMatrix) {
  const Table table(GetParam());
  const auto at_zero = table.model->linearize(Vector::Zero(table.model->parameter_count()));
  const Matrix j = table.jacobian();
  const Index m = j.rows(), n = j.cols(), outputs = GetParam().outputs;
  EXPECT_LT(relative_difference(at_zero->jacobian(), j), 1e-14);
  const Index first = m / 3, count = m / 2;
  Matrix rows(n, count);
  at_zero->rows(first, count, rows);
  EXPECT_LT(relative_difference(rows, j.middleRows(first, count).transpose()), 1e-14);

  constexpr double untouched = 7;
  std::vector<Matrix> written;
  if (m < 200) {
    Matrix k = Matrix::Constant(m, m, untouched);
    at_zero->gram(k);
    EXPECT_LT(relative_difference(lower(k), lower(j * j.transpose())), 1e-13);
    written.push_back(k);
  }
  Matrix h = Matrix::Constant(n, n, untouched);
  at_zero->normal(h);
  EXPECT_LT(relative_difference(lower(h), lower(j.transpose() * j)), 1e-13);
  written.push_back(h);

  const Matrix root = random_matrix(m, outputs, 8, "root");
  Matrix sj(m, n);
  for (Index c = 0; c < n; ++c) apply_root(root, j.col(c), sj.col(c));
  at_zero->normal(root, h = Matrix::Constant(n, n, untouched));
  EXPECT_LT(relative_difference(lower(h), lower(sj.transpose() * sj)), 1e-13);
  written.push_back(h);
  for (const Matrix& matrix : written)
    for (Index c = 1; c < matrix.cols(); ++c)
      ASSERT_TRUE((matrix.col(c).head(c).array() == untouched).all()) << "column " << c;
}

TEST_P(EveryTable, OnePassAgreesWithOutputsAndLossApart) {
  const Table table(GetParam());
  const LinearModel& model = *table.model;
  const auto loss = cross_entropy(model);
  const Matrix j = table.jacobian();
  const auto samples = static_cast<double>(model.sample_count());
  const Vector x = random_matrix(j.cols(), 1, 1, "x");
  const Vector outputs = j * x;
  Vector gy(outputs.size()), y(outputs.size()), g(x.size()), again(x.size());
  loss->gradient(outputs, gy);
  const double sum = model.sum_and_gradient(x, *loss, g, y);
  EXPECT_NEAR(sum, samples * loss->value(outputs), 1e-13 * sum);
  EXPECT_LT(relative_difference(g, samples * j.transpose() * gy), 1e-12);
  EXPECT_LT(relative_difference(y, outputs), 1e-13);
  EXPECT_EQ(model.sum_and_gradient(x, *loss, again), sum);
  EXPECT_TRUE(again == g);
  EXPECT_EQ(model.sum(x, *loss), sum);
}

TEST_P(EveryTable, ABatchIsTheSumOfItsSamples) {
  const Table table(GetParam());
  const LinearModel& model = *table.model;
  const auto loss = cross_entropy(model);
  const Vector x = random_matrix(model.parameter_count(), 1, 1, "x");
  const std::vector<Index> batch = {41, 0, 7, 7, 21, 8, 9, 10, 11, 12, 42};
  Vector g(x.size()), single(x.size()), sum = Vector::Zero(x.size());
  double losses = 0;
  for (const Index& sample : batch) {
    losses += model.batch_sum(x, Batch(&sample, 1), *loss, single);
    sum += single;
  }
  EXPECT_NEAR(model.batch_sum(x, batch, *loss, g), losses, 1e-13 * losses);
  EXPECT_LT(relative_difference(g, sum), 1e-13);

  std::vector<Index> all(static_cast<std::size_t>(model.sample_count()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
  const double whole = model.sum_and_gradient(x, *loss, sum);
  EXPECT_NEAR(model.batch_sum(x, all, *loss, g), whole, 1e-12 * whole);
  EXPECT_LT(relative_difference(g, sum), 1e-12);
}

TEST_P(EveryTable, HessianIsTheDerivativeOfTheGradient) {
  const Table table(GetParam());
  const double ridge = 0.3;
  const LinearObjective f(table.model, cross_entropy(*table.model), ridge);
  const Index n = f.dimension();
  const Vector x = 0.5 * random_matrix(n, 1, 1, "x"), v = random_matrix(n, 1, 2, "v").normalized();
  const auto hessian = f.hessian(x);
  Vector g(n), moved(n), hv(n);
  f.value_and_gradient(x, g);
  hessian->apply(v, hv);
  const TaylorSlope slope = taylor_slope(
      [&](double h) {
        f.value_and_gradient(x + h * v, moved);
        return (moved - g - h * hv).norm() / hv.norm();
      },
      1, 1e-13);
  ASSERT_TRUE(slope.slope.has_value());
  EXPECT_NEAR(*slope.slope, 2, 0.1);

  // The whole matrix, from the loss's Hessian and the explicit Jacobian.
  const Matrix j = table.jacobian();
  Matrix lj(j.rows(), n), h(n, n);
  for (Index c = 0; c < n; ++c) f.loss().hessian_product(j * x, j.col(c), lj.col(c));
  const Matrix expected = j.transpose() * lj + ridge * Matrix::Identity(n, n);
  for (Index c = 0; c < n; ++c) hessian->apply(Vector::Unit(n, c), h.col(c));
  EXPECT_LT(relative_difference(h, expected), 1e-12);
  ASSERT_TRUE(hessian->diagonal().has_value());
  EXPECT_LT(relative_difference(*hessian->diagonal(), expected.diagonal()), 1e-12);
}

TEST_P(EveryTable, GradientHasTaylorSlopeTwoAndCountsThePenalty) {
  const Table table(GetParam());
  const LinearObjective f(table.model, cross_entropy(*table.model), 0.7),
      bare(table.model, cross_entropy(*table.model));
  const Index n = f.dimension();
  const Vector x = random_matrix(n, 1, 1, "x"), v = random_matrix(n, 1, 2, "v").normalized();
  Vector g(n), g_bare(n);
  const double value = f.value_and_gradient(x, g);
  EXPECT_EQ(f.value(x), value);
  EXPECT_NEAR(value, bare.value_and_gradient(x, g_bare) + 0.35 * x.squaredNorm(), 1e-13 * value);
  EXPECT_LT(relative_difference(g, g_bare + 0.7 * x), 1e-13);
  EXPECT_NEAR(f.log_value(x), std::log(value), 1e-13);
  const TaylorSlope slope = taylor_slope(
      [&](double h) { return std::abs(f.value(x + h * v) - value - h * g.dot(v)); }, 1, 1e-12);
  ASSERT_TRUE(slope.slope.has_value());
  EXPECT_NEAR(*slope.slope, 2, 0.1);
}

INSTANTIATE_TEST_SUITE_P(LinearModel, EveryTable, testing::ValuesIn(cases()),
                         [](const auto& which) { return "case" + std::to_string(which.index); });

TEST(LinearModel, OnesGiveTheBitsOfStoredNumbers) {
  // One stored number of another size keeps the general way; its column has no weight.
  const Index rows = 300, columns = 20;
  const Matrix chosen = (random_matrix(rows, columns, 1, "ones").array() > 0.5).cast<double>();
  Matrix with_other(rows, columns + 1), ones(rows, columns + 1);
  ones << chosen, Vector::Zero(rows);
  with_other << chosen, Vector::Unit(rows, 4) * 0.5;
  for (const Index outputs : {1, 3}) {
    const LinearModel::Options options{.outputs = outputs};
    const LinearModel fast(SparseMatrix(ones.sparseView()), {}, {}, options);
    const LinearModel general(SparseMatrix(with_other.sparseView()), {}, {}, options);
    Vector x = random_matrix(fast.parameter_count(), 1, 2, "x");
    for (Index q = 0; q < outputs; ++q) x[q * (columns + 1) + columns] = 0;
    Vector y(fast.output_count()), y_general(fast.output_count()), g(x.size()), g_general(x.size());
    const auto loss = cross_entropy(fast);
    EXPECT_EQ(fast.sum_and_gradient(x, *loss, g, y),
              general.sum_and_gradient(x, *loss, g_general, y_general));
    EXPECT_TRUE(y == y_general);
    for (Index q = 0; q < outputs; ++q) {
      EXPECT_EQ(g[q * (columns + 1) + columns], 0);
      g_general[q * (columns + 1) + columns] = 0;
    }
    EXPECT_TRUE(g == g_general);
  }
}

// Large enough that a second thread is started.
TEST(LinearModel, TwoThreadsRepeatTheirBitsAndAgreeWithOne) {
  const int before = threads();
  for (const Case& c : {Case{Kind::dense, 80000, 30, 1, true},
                        {Kind::dense, 30000, 30, 3, true},
                        {Kind::sparse, 120000, 80, 1, true},
                        {Kind::ones, 60000, 60, 3, false}}) {
    SCOPED_TRACE(testing::PrintToString(c));
    const Table table(c);
    const LinearModel& model = *table.model;
    const auto loss = cross_entropy(model);
    const Vector x = random_matrix(model.parameter_count(), 1, 1, "x");
    const Vector u = random_matrix(model.output_count(), 1, 2, "u");
    struct Results {
      double sum;
      Vector g, y, jtu, weighted;
    };
    const auto compute = [&](int count) {
      set_threads(count);
      Results r{0, Vector(x.size()), Vector(u.size()), Vector(x.size()), Vector::Zero(x.size())};
      r.sum = model.sum_and_gradient(x, *loss, r.g, r.y);
      model.linearize(x)->apply_adjoint(u, r.jtu);
      if (c.outputs == 1) model.weighted_normal_product(u.cwiseAbs(), x, r.weighted);
      return r;
    };
    const Results one = compute(1), one_again = compute(1), two = compute(2), again = compute(2);
    for (const auto& [a, b] : {std::pair{&one, &one_again}, std::pair{&two, &again}}) {
      EXPECT_EQ(a->sum, b->sum);
      EXPECT_TRUE(a->g == b->g);
      EXPECT_TRUE(a->y == b->y);
      EXPECT_TRUE(a->jtu == b->jtu);
      EXPECT_TRUE(a->weighted == b->weighted);
    }
    EXPECT_NEAR(one.sum, two.sum, 1e-12 * one.sum);
    EXPECT_LE((one.g - two.g).norm(), 1e-12 * one.g.norm());
    EXPECT_TRUE(one.y == two.y);
    EXPECT_LE((one.jtu - two.jtu).norm(), 1e-12 * one.jtu.norm());
    EXPECT_LE((one.weighted - two.weighted).norm(), 1e-12 * one.weighted.norm());
    if (hardware_threads() > 1) {  // a build without OpenMP has one
      EXPECT_FALSE(one.g == two.g) << "the second thread was not started";
    }
  }
  set_threads(before);
}

// More rows than one block of the Gram matrix, and than one of the normal matrix.
TEST(LinearModel, ProductsOfSeveralBlocksAgreeWithTheExplicitMatrix) {
  const Table wide({Kind::dense, 150, 20000, 1, true});
  Matrix k = Matrix::Zero(150, 150);
  wide.model->linearize(Vector::Zero(20001))->gram(k);
  EXPECT_LT(relative_difference(lower(k), lower(wide.z * wide.z.transpose())), 1e-13);

  const Table tall({Kind::sparse, 20000, 3, 2, true});
  const Matrix j = tall.jacobian(), root = random_matrix(j.rows(), 2, 8, "root");
  Matrix sj(j.rows(), j.cols()), h = Matrix::Zero(8, 8);
  for (Index c = 0; c < 8; ++c) apply_root(root, j.col(c), sj.col(c));
  tall.model->linearize(Vector::Zero(8))->normal(root, h);
  EXPECT_LT(relative_difference(lower(h), lower(sj.transpose() * sj)), 1e-13);
}

TEST(LinearModel, LogValueOutlivesTheValue) {
  const Matrix inputs = Matrix::Ones(4, 1);
  const auto model =
      std::make_shared<LinearModel>(inputs, LinearModel::Options{.intercept = false});
  const LinearObjective f(model, std::make_shared<CrossEntropyLoss>(std::vector<int>(4, 1), 2));
  EXPECT_EQ(f.value(Vector::Constant(1, 5000.0)), 0);
  EXPECT_EQ(f.log_value(Vector::Constant(1, 5000.0)), -5000);
  // The penalty takes over: its logarithm is -726, not -5000.
  const LinearObjective penalized(model,
                                  std::make_shared<CrossEntropyLoss>(std::vector<int>(4, 1), 2),
                                  std::numeric_limits<double>::denorm_min());
  EXPECT_NEAR(penalized.log_value(Vector::Constant(1, 5000.0)),
              std::log(std::numeric_limits<double>::denorm_min()) + std::log(12.5e6), 1e-12);
}

TEST(LinearModel, RegressionLossesWorkToo) {
  const Table table({Kind::dense, 50, 4, 2, true});
  const Matrix targets = random_matrix(50, 2, 4, "targets");
  const LinearObjective f(table.model, std::make_shared<SquaredLoss>(targets), 0.1);
  const Matrix j = table.jacobian();
  const Vector x = random_matrix(f.dimension(), 1, 1, "x");
  const Eigen::Map<const Vector> stacked(targets.data(), targets.size());
  Vector g(x.size());
  EXPECT_NEAR(f.value_and_gradient(x, g),
              (j * x - stacked).squaredNorm() / 100 + 0.05 * x.squaredNorm(), 1e-12);
  EXPECT_LT(relative_difference(g, j.transpose() * (j * x - stacked) / 50 + 0.1 * x), 1e-13);
}

TEST(LinearModel, NonFiniteParametersGiveNonFiniteNumbersWithoutThrowing) {
  for (const Kind kind : {Kind::dense, Kind::sparse}) {
    const Table table({kind, 30, 5, 1, true});
    const LinearObjective f(table.model, cross_entropy(*table.model));
    Vector x = Vector::Ones(f.dimension()), g(f.dimension());
    x[1] = std::nan("");
    EXPECT_FALSE(std::isfinite(f.value_and_gradient(x, g)));
    EXPECT_FALSE(g.allFinite());
  }
}

TEST(LinearModel, LinearizationOutlivesItsModel) {
  auto table = std::make_unique<Table>(Case{Kind::sparse, 12, 5, 2, true});
  const Matrix j = table->jacobian();
  const auto at_zero = table->model->linearize(Vector::Zero(j.cols()));
  table.reset();
  EXPECT_LT(relative_difference(at_zero->jacobian(), j), 1e-14);
}

TEST(LinearModel, MisuseIsNamed) {
  const SparseMatrix table(4, 3);
  const Vector ones = Vector::Ones(3);
  Vector bad = ones;
  EXPECT_THROW(LinearModel(Matrix::Zero(0, 2), {}), UsageError);
  EXPECT_THROW(LinearModel(Matrix::Zero(2, 2), {.outputs = 0}), UsageError);
  EXPECT_THROW(LinearModel(table, Vector::Zero(2), ones, {}), UsageError);
  EXPECT_THROW(LinearModel(table, ones, Vector::Ones(4), {}), UsageError);
  for (const double scale : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    bad[1] = scale;
    EXPECT_THROW(LinearModel(table, ones, bad, {}), UsageError) << scale;
  }
  const auto model = std::make_shared<LinearModel>(Matrix::Ones(2, 2), LinearModel::Options{});
  const auto loss = std::make_shared<CrossEntropyLoss>(std::vector<int>{0, 1}, 2);
  for (const double ridge : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_THROW(LinearObjective(model, loss, ridge), UsageError) << ridge;
  EXPECT_THROW(
      LinearObjective(model, std::make_shared<CrossEntropyLoss>(std::vector<int>{0, 1, 1}, 2)),
      UsageError);
  EXPECT_THROW(LinearObjective(nullptr, loss), UsageError);
  const LinearModel three(Matrix::Ones(2, 2), {.outputs = 3});
  Vector product(9);
  EXPECT_THROW(three.sum(Vector::Ones(9), *loss), UsageError);
  EXPECT_THROW(three.batch_sum(Vector::Ones(9), std::vector<Index>{0}, *loss, product), UsageError);
  EXPECT_THROW(three.weighted_normal_product(Vector::Ones(2), Vector::Ones(9), product),
               UsageError);
}

RC_GTEST_PROP(LinearModelProperty, SparseAgreesWithDense, ()) {
  const auto rows = *rc::gen::inRange<Index>(1, 40), columns = *rc::gen::inRange<Index>(1, 30);
  const auto outputs = *rc::gen::element<Index>(1, 3, 4);
  const auto seed = *rc::gen::inRange<std::uint64_t>(0, 1000);
  const bool intercept = *rc::gen::arbitrary<bool>();
  const double threshold = *rc::gen::element(-10.0, 0.0, 1.0, 10.0);
  const Matrix numbers = random_matrix(rows, columns, seed, "numbers");
  const Matrix raw = (numbers.array() > threshold).select(numbers, 0);
  const LinearModel::Options options{.outputs = outputs, .intercept = intercept};
  const LinearModel dense(raw, options), sparse(SparseMatrix(raw.sparseView()), {}, {}, options);
  const Vector x = random_matrix(dense.parameter_count(), 1, seed, "x");
  const auto loss = cross_entropy(dense, seed);
  Vector g(x.size()), g_sparse(x.size());
  const double sum = dense.sum_and_gradient(x, *loss, g);
  RC_ASSERT(std::abs(sparse.sum_and_gradient(x, *loss, g_sparse) - sum) <=
            1e-13 * (sum + static_cast<double>(rows)));  // losses are Lipschitz in the outputs
  RC_ASSERT((g - g_sparse).norm() <= 1e-13 * (g.norm() + static_cast<double>(rows)));
}

}  // namespace
}  // namespace thalweg
