// The adapted flow on fifty rows of concrete: what is promised beforehand is what is measured.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "thalweg/data/dataset.hpp"
#include "thalweg/method/adapted_flow.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/run/run.hpp"

namespace thalweg {
namespace {

// The first `rows` rows, standardized, as the command line sees them.
Part concrete(std::size_t rows) {
  const std::string path = std::string(THALWEG_SOURCE_DIR) + "/data/concrete/concrete.csv";
  const std::string bytes = read_bytes(path);
  std::size_t end = 0;
  for (std::size_t line = 0; line <= rows; ++line) end = bytes.find('\n', end) + 1;
  DatasetOptions options;
  options.targets = {"strength_mpa"};
  return make_dataset(parse_csv(bytes.substr(0, end), path), options).train;
}

Network network_for(const Part& part, Index width) {
  return Network({.inputs = part.inputs.cols(), .hidden = {width, width}, .outputs = 1});
}

CompositeObjective squared(const Network& network, const Part& part) {
  return {network.on(part.inputs), std::make_shared<SquaredLoss>(part.targets)};
}

Result run_flow(const CompositeObjective& problem, const AdaptedFlow::Options& options,
                const Vector& x0) {
  RunOptions how;
  how.stop = max_steps(5000);
  return run(problem, AdaptedFlow(options), x0, how);
}

class PromisedTime : public testing::TestWithParam<Index> {};

TEST_P(PromisedTime, IsTheMeasuredTimeForFiveSeeds) {
  const Part part = concrete(50);
  const Network network = network_for(part, GetParam());
  const CompositeObjective problem = squared(network, part);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Vector x0 = network.initial_parameters(seed);
    const double initial = problem.value(x0), target = 1e-8 * initial;
    AdaptedFlow::Options options;
    options.flow_time = flow_time_to(50, initial, target);
    const Result result = run_flow(problem, options, x0);

    // The loss is measured again, from the returned parameters alone. Where it is off the target,
    // the law gives the time at which the run met it.
    const double reached =
        (network.predict(result.best, part.inputs) - part.targets).squaredNorm() / 100;
    const double measured = options.flow_time + 25 * std::log(reached / target);
    EXPECT_NEAR(measured / options.flow_time, 1, 1e-3);
    EXPECT_NEAR(reached / target, 1, 0.01);
    EXPECT_EQ(result.reason.outcome, Outcome::converged);
    EXPECT_EQ(result.reason.criterion, "flow-time");

    // The straight line, from outputs at the points themselves.
    for (const StepRecord& record : result.trace) {
      EXPECT_LE(record.deviation.value(), 1e-6);
      EXPECT_LE(std::abs(std::log(record.value / record.predicted.value())), 0.02);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(ThreeWidths, PromisedTime,
                         testing::Values(Index{32}, Index{64}, Index{128}),
                         testing::PrintToStringParamName());

TEST(StraightLine, HoldsWhenTheOutputsAreMeasuredFromOutside) {
  const Part part = concrete(50);
  const Network network = network_for(part, 64);
  const CompositeObjective problem = squared(network, part);
  const AdaptedFlow flow;
  Context context;
  const auto state = flow.init(problem, network.initial_parameters(1), context);
  const Matrix first = network.predict(state->x, part.inputs);
  const Matrix line = part.targets - first;
  for (int step = 0; step < 40; ++step) {
    flow.step(problem, *state, context);
    const Matrix moved = network.predict(state->x, part.inputs) - first;
    const double along = moved.cwiseProduct(line).sum() / line.squaredNorm();
    EXPECT_LE((moved - along * line).norm(), 1e-6 * line.norm());
  }
}

TEST(ConflictingRows, EndAtThePredictedFloor) {
  Part part = concrete(50);
  part.inputs.row(49) = part.inputs.row(48);
  part.targets(49, 0) = part.targets(48, 0) + 1;
  part.inputs.row(20) = part.inputs.row(10);
  part.targets(20, 0) = part.targets(10, 0) - 2;
  const double floor = (1.0 + 4.0) / (4 * 50);  // sum of (difference of targets)^2 / (4N)
  const Network network = network_for(part, 64);
  const Result result = run_flow(squared(network, part), {}, network.initial_parameters(1));
  EXPECT_EQ(result.reason.outcome, Outcome::converged);
  EXPECT_EQ(result.reason.criterion, "rank-loss floor");
  EXPECT_NEAR(result.value / floor, 1, 1e-6);
}

TEST(AllZeroStart, IsReportedAsAPlateauOfRankOne) {
  const Part part = concrete(50);
  const Network network = network_for(part, 64);
  const CompositeObjective problem = squared(network, part);
  const Result result = run_flow(problem, {}, Vector::Zero(problem.dimension()));
  EXPECT_EQ(result.reason.criterion, "rank-loss plateau");
  EXPECT_NE(result.reason.advice.find("rank 1 of 50"), std::string::npos);
  EXPECT_NEAR(result.value, 0.5, 1e-6);  // half the variance of a standardized target
}

}  // namespace
}  // namespace thalweg
