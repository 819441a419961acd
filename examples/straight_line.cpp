// Trains from five seeds to the time promised beforehand, and measures how straight the outputs
// went. With a path it also draws forecast against run: example_straight_line figure.svg
#include <cmath>
#include <cstdio>

#include "line_picture.hpp"
#include "thalweg/method/adapted_flow.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/run/run.hpp"

using namespace thalweg;

int main(int argc, char** argv) {
  constexpr Index samples = 32;
  constexpr double target = 1e-8;
  RandomStream random(0, "inputs");
  Matrix inputs(samples, 3), targets(samples, 1);
  for (Index i = 0; i < samples; ++i) {
    inputs.row(i) = random.normal_vector(3).transpose();
    targets(i, 0) = std::sin(inputs(i, 0)) + inputs(i, 1) * inputs(i, 2);
  }
  const Network network({.inputs = 3, .hidden = {64, 64}, .outputs = 1});
  const CompositeObjective objective(network.on(inputs), std::make_shared<SquaredLoss>(targets));

  std::vector<std::vector<StepRecord>> traces;
  std::printf("seed  loss at start  promised s*  measured s*  off the line\n");
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Vector start = network.initial_parameters(seed);
    AdaptedFlow::Options options;
    options.flow_time = flow_time_to(samples, objective.value(start), target);
    RunOptions how;
    how.stop = max_steps(1000);
    const Result result = run(objective, AdaptedFlow(options), start, how);

    double off_line = 0;
    for (const StepRecord& record : result.trace)
      off_line = std::max(off_line, record.deviation.value_or(0));
    // The run ends on s*; where its loss differs from the target, the law turns that into time.
    const double measured = options.flow_time + 0.5 * samples * std::log(result.value / target);
    std::printf("%4d  %13.3f  %11.4f  %11.4f  %s\n", static_cast<int>(seed),
                result.trace.front().value, options.flow_time, measured,
                off_line < 1e-6 ? "below 1e-6" : "1e-6 or more");
    traces.push_back(result.trace);
  }
  if (argc > 1) draw_forecast_against_run(argv[1], traces, samples, target);
}
