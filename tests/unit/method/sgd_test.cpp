#include "thalweg/method/sgd.hpp"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/method/large_step_theory.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

Matrix random_matrix(Index rows, Index columns, std::string_view name) {
  RandomStream random(5, name);
  return random.normal_vector(rows * columns).reshaped(rows, columns);
}

// (1/2N) |X w - y|^2.
struct Regression {
  Matrix inputs = random_matrix(23, 3, "inputs");
  Vector targets = inputs * Vector::LinSpaced(3, 1, 3) + 0.1 * random_matrix(23, 1, "noise").col(0);
  LinearObjective objective{
      std::make_shared<LinearModel>(inputs, LinearModel::Options{.intercept = false}),
      std::make_shared<SquaredLoss>(Matrix(targets))};
};

RunOptions updates(std::int64_t count, std::uint64_t seed = 0) {
  RunOptions options;
  options.stop = max_steps(count);
  options.context.seed = seed;
  return options;
}

// Batches of 1, of a size that does not divide N, of all, and of more than N.
class Batches : public testing::TestWithParam<Index> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Batches, testing::Values(1, 5, 23, 1000));

TEST_P(Batches, EveryUpdateIsAGradientStepOverItsBatch) {
  const Regression r;
  const double eta = 0.05;
  const Result result = run(r.objective, Sgd({.eta = eta, .sampling = {.batch = GetParam()}}),
                            Vector::Zero(3), updates(7, 17));
  std::int64_t position = 0;
  std::vector<Index> batch;
  Vector w = Vector::Zero(3);
  for (int update = 0; update < 7; ++update) {
    draw_batch(17, "batch", position, 23, GetParam(), batch);
    Vector g = Vector::Zero(3);
    for (const Index i : batch) {
      const Vector row = r.inputs.row(i);
      g += (row.dot(w) - r.targets[i]) / static_cast<double>(batch.size()) * row;
    }
    w -= eta * g;
  }
  EXPECT_LT((result.last - w).norm(), 1e-12);
  EXPECT_EQ(result.samples, 7 * std::min<Index>(23, GetParam()));
  EXPECT_EQ(result.steps, 7);
}

TEST(Sgd, RecordsTheFullObjective) {
  const Regression r;
  const Result result = run(r.objective, Sgd(), Vector::Zero(3), updates(4));
  Vector g(3);
  EXPECT_EQ(result.trace.back().value, r.objective.value_and_gradient(result.last, g));
  EXPECT_DOUBLE_EQ(*result.trace.back().gradient_norm, g.norm());
}

TEST(Sgd, TheSeedDecidesTheRun) {
  const Regression r;
  const auto last = [&](std::uint64_t seed) {
    return run(r.objective, Sgd(), Vector::Zero(3), updates(2, seed)).last;
  };
  EXPECT_EQ(last(1), last(1));
  EXPECT_NE(last(1), last(2));
}

// The floor of the value above the minimum shrinks with the stepsize and with 1 / batch.
TEST(Sgd, TheNoiseFloorFollowsStepsizeAndBatch) {
  const Regression r;
  const Vector best = r.inputs.colPivHouseholderQr().solve(r.targets);
  const double minimum = r.objective.value(best);
  const auto floor_of = [&](double eta, std::int64_t batch) {
    const Result result = run(r.objective, Sgd({.eta = eta, .sampling = {.batch = batch}}), best,
                              updates(batch == 1 ? 400 * 23 : 400 * 3, 3));
    double mean = 0;
    for (const StepRecord& record : result.trace)
      mean += (record.value - minimum) / static_cast<double>(result.trace.size());
    return mean;
  };
  const double large = floor_of(0.2, 1);
  EXPECT_LT(3 * floor_of(0.02, 1), large);
  EXPECT_LT(3 * floor_of(0.2, 10), large);
}

// Separable: any constant stepsize works, and the mean over the run obeys the bound in t updates.
TEST(Sgd, LargeStepsizesWorkOnSeparableData) {
  Matrix rows = random_matrix(50, 4, "rows");
  std::vector<int> labels;
  for (Index i = 0; i < 50; ++i) {
    rows(i, 0) += rows(i, 0) > 0 ? 0.5 : -0.5;
    labels.push_back(rows(i, 0) > 0 ? 1 : 0);
  }
  const LinearObjective f(
      std::make_shared<LinearModel>(rows, LinearModel::Options{.intercept = false}),
      std::make_shared<CrossEntropyLoss>(labels, 2));
  const double norm = rows.rowwise().norm().maxCoeff();
  const SeparableRows table{0.5 / norm, norm, 50};
  for (const double eta : {0.1, 1.0, 10.0, 1000.0}) {
    const Result result = run(f, Sgd({.eta = eta}), Vector::Zero(4), updates(200 * 50));
    EXPECT_EQ(*result.trace.back().training_error, 0) << "eta " << eta;
    double mean = 0;
    for (const StepRecord& record : result.trace)
      mean += record.value / static_cast<double>(result.trace.size());
    EXPECT_LE(std::log(mean), ln_sgd_loss_bound(table, eta, 200 * 50, 0.01)) << "eta " << eta;
    EXPECT_EQ(result.reason.outcome, Outcome::budget_exhausted);
  }
}

TEST(Sgd, TheRampEndsAtEta) {
  const Regression r;
  const Result result = run(r.objective, Sgd({.eta = 0.1, .stages = 2, .stage_measurements = 3}),
                            Vector::Zero(3), updates(10 * 23));
  double previous = 0;
  for (std::size_t i = 1; i < result.trace.size(); ++i) {
    EXPECT_GE(*result.trace[i].stepsize, previous);
    previous = *result.trace[i].stepsize;
  }
  EXPECT_EQ(*result.trace[1].stepsize, 0.1 / 16);
  EXPECT_EQ(previous, 0.1);
}

TEST(Sgd, NeedsSamples) {
  class Bowl final : public Objective {
   public:
    Index dimension() const override { return 1; }
    double value(const ConstVectorRef& x) const override { return x.squaredNorm(); }
    double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
      g = 2 * x;
      return value(x);
    }
  };
  Context context;
  EXPECT_THROW(Sgd().init(Bowl(), Vector::Ones(1), context), UsageError);
}

TEST(Sgd, NamesEveryViolatedRangeAtOnce) {
  try {
    Sgd({.eta = 0, .sampling = {.batch = -1}, .stages = -1, .stage_measurements = 0});
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    for (const char* key : {"eta", "batch", "stages", "stage-steps"})
      EXPECT_NE(error.problem().find(key), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace thalweg
