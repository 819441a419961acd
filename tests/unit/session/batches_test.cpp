// Networks on batches: what preflight leaves out where it would cost more than the run, and runs
// whose batches are worked on in float32.
#include <gtest/gtest.h>

#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/problem/difference_hessian.hpp"
#include "thalweg/problem/sample_subset.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

constexpr int classes = 3;

struct Task {
  Network network;
  Matrix inputs;
  std::vector<int> labels;

  // Classes by the angle of two of the inputs: no linear model tells them apart.
  Task(Index samples, Index columns, Index width)
      : network({.inputs = columns, .hidden = {width}, .outputs = classes}),
        inputs(
            RandomStream(5, "inputs").normal_vector(samples * columns).reshaped(samples, columns)) {
    for (Index i = 0; i < samples; ++i)
      labels.push_back(static_cast<int>(std::abs(std::atan2(inputs(i, 0), inputs(i, 1)))));
    for (int& label : labels) label = std::min(label, classes - 1);
  }
  CompositeObjective objective(Precision precision) const {
    return {network.on(inputs, precision), std::make_shared<CrossEntropyLoss>(labels, classes)};
  }
  Subject subject(const CompositeObjective& objective) const {
    Subject subject{.size = describe(objective)};
    subject.size.inputs = inputs.cols();
    subject.size.hidden = network.options().hidden;
    subject.size.gradient_flops = 3 * objective.model().forward_flops();
    return subject;
  }
  Vector start() const { return network.initial_parameters(2); }
};

Goal by(const std::string& method, std::int64_t steps) {
  Goal goal;
  goal.method = method;
  goal.max_steps = steps;
  return goal;
}

TEST(Batches, InFloatAreMeasuredInFloatAndReportedInDouble) {
  const Task task(1200, 6, 12);
  const CompositeObjective single = task.objective(Precision::float32);
  const CompositeObjective exact = task.objective(Precision::float64);
  EXPECT_GT(single.batch_rounding(), 1e8 * exact.batch_rounding());
  SolveOptions options;
  options.subject = task.subject(single);
  for (const char* method : {"adam", "clipped-sgd", "sgd"}) {
    const Solved solved = solve(single, task.start(), by(method, 200), options);
    Vector gradient(single.dimension());
    const double value = exact.value_and_gradient(solved.result.best, gradient);
    EXPECT_NE(solved.result.value, value) << method;  // rounding shows
    EXPECT_NEAR(solved.result.value, value, 1e-5 * value) << method;
    EXPECT_EQ(solved.record.outcome->gradient_norm, gradient.stableNorm()) << method;
    EXPECT_LT(value, 0.8 * solved.result.trace.front().value) << method;
  }
}

// Differences of gradients in float32 take a longer step, and stay near the curvature.
TEST(Batches, InFloatHaveTheCurvatureOfDouble) {
  const Task task(600, 5, 8);
  const CompositeObjective single = task.objective(Precision::float32);
  const CompositeObjective exact = task.objective(Precision::float64);
  const Vector x = task.start(), v = RandomStream(1, "direction").normal_vector(x.size());
  Vector products[2];
  for (int k = 0; k < 2; ++k) {
    const SampleSubset part(k == 0 ? single : exact, 300, 4);
    Vector gradient(x.size());
    part.value_and_gradient(x, gradient);
    products[k].resize(x.size());
    DifferenceHessian(part, x, gradient).apply(v, products[k]);
  }
  EXPECT_LT((products[0] - products[1]).norm(), 0.02 * products[1].norm());
}

TEST(Batches, OfManySamplesAskForNoRank) {
  const Task task(40000, 40, 400);
  const CompositeObjective objective = task.objective(Precision::float32);
  const Subject subject = task.subject(objective);
  const Preflight preflight = measure(objective, task.start(), subject, by("adam", 100), 0, 0);
  EXPECT_FALSE(preflight.rank);
  EXPECT_FALSE(preflight.curvature);  // steps of adam do not follow it
  EXPECT_TRUE(preflight.gradient_check.passed);
  ASSERT_TRUE(preflight.gradient_check.slope);
  EXPECT_NEAR(*preflight.gradient_check.slope, 2, 0.2);

  const Task small(300, 4, 4);
  const CompositeObjective few = small.objective(Precision::float64);
  const Preflight whole =
      measure(few, small.start(), small.subject(few), by("clipped-sgd", 100), 0, 0);
  EXPECT_TRUE(whole.rank && whole.curvature && whole.normalization_bias);
}

}  // namespace
}  // namespace thalweg
