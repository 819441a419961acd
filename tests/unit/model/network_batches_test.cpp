#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/core/threads.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace thalweg {
namespace {

// float32 rounds by 2^-24 = 6e-8. A few such errors (of inputs, parameters, activations, and of the
// sums forward and back) come together in g, of terms that partly cancel: 1e-6 is to be expected.
constexpr double float_accuracy = 5e-6;
constexpr double double_accuracy = 1e-12;

Matrix normal_matrix(Index rows, Index cols, const char* name) {
  const Vector entries = RandomStream(7, name).normal_vector(rows * cols);
  return Eigen::Map<const Matrix>(entries.data(), rows, cols);
}

std::vector<Index> draw(Index count, Index samples, std::uint64_t seed) {
  RandomStream stream(seed, "batch");
  std::vector<Index> batch(static_cast<std::size_t>(count));
  for (Index& sample : batch)
    sample = static_cast<Index>(stream.below(static_cast<std::uint64_t>(samples)));
  return batch;
}

double relative_difference(const Vector& a, const Vector& b) { return (a - b).norm() / b.norm(); }

// A network on seeded inputs with labels, one output for two classes.
struct Problem {
  Network network;
  Matrix inputs;
  std::shared_ptr<const CrossEntropyLoss> loss;
  Vector x;

  Problem(const Network::Options& options, Index samples)
      : network(options),
        inputs(normal_matrix(samples, options.inputs, "inputs")),
        loss(std::make_shared<CrossEntropyLoss>(
            labels(options.outputs, samples),
            static_cast<int>(std::max<Index>(2, options.outputs)))),
        x(network.initial_parameters(3)) {
    // Away from the start, where output biases are zero and scales are those of the draw.
    x += 0.1 * RandomStream(5, "away").normal_vector(x.size());
  }

  static std::vector<int> labels(Index outputs, Index samples) {
    const Index classes = std::max<Index>(2, outputs);
    std::vector<int> labels;
    for (Index i = 0; i < samples; ++i)
      labels.push_back(static_cast<int>((i * i + i / 3) % classes));
    return labels;
  }

  std::shared_ptr<const OutputModel> model(Precision precision) const {
    return network.on(inputs, precision);
  }

  struct Gradient {
    double value;
    Vector g;
  };
  Gradient of(const OutputModel& model, Batch batch) const {
    Gradient result{0, Vector::Constant(x.size(), std::numeric_limits<double>::quiet_NaN())};
    result.value = model.batch_sum(x, batch, *loss, result.g);
    return result;
  }

  // The sum over a batch from the Jacobian of all samples and the formulas of the loss.
  Gradient by_jacobian(Batch batch) const {
    const auto at = model(Precision::float64)->linearize(x);
    const Matrix j = at->jacobian();
    const Index n = inputs.rows(), outputs = network.options().outputs;
    Gradient result{0, Vector::Zero(x.size())};
    for (const Index sample : batch) {
      Vector slope(outputs);
      if (outputs == 1) {
        const double sign = loss->label(sample) == 1 ? 1 : -1;
        const double margin = sign * at->outputs()[sample];
        result.value += std::log(1 + std::exp(-margin));
        slope[0] = -sign / (1 + std::exp(margin));
      } else {
        for (Index q = 0; q < outputs; ++q) slope[q] = std::exp(at->outputs()[q * n + sample]);
        result.value += std::log(slope.sum()) - std::log(slope[loss->label(sample)]);
        slope /= slope.sum();
        slope[loss->label(sample)] -= 1;
      }
      for (Index q = 0; q < outputs; ++q) result.g += slope[q] * j.row(q * n + sample).transpose();
    }
    return result;
  }
};

std::vector<Network::Options> architectures() {
  std::vector<Network::Options> all;
  for (const Activation activation : {Activation::tanh, Activation::softplus, Activation::sigmoid,
                                      Activation::gelu, Activation::relu}) {
    all.push_back({.inputs = 11, .hidden = {17, 9}, .outputs = 4, .activation = activation});
    all.push_back({.inputs = 5,
                   .hidden = {13},
                   .outputs = 1,
                   .activation = activation,
                   .parametrization = Parametrization::inverse_sqrt_width,
                   .output_scale = 0.5});
  }
  all.push_back({.inputs = 3,
                 .hidden = {4, 5, 6},
                 .outputs = 3,
                 .parametrization = Parametrization::inverse_sqrt_width,
                 .output_scale = 2});
  all.push_back({.inputs = 6, .hidden = {}, .outputs = 3, .output_scale = 3});  // no hidden layers
  all.push_back({.inputs = 900, .hidden = {90}, .outputs = 1});  // more than one tile of units
  return all;
}

class EveryBatch : public testing::TestWithParam<Network::Options> {};

TEST_P(EveryBatch, IsTheSumOverItsSamplesInBothPrecisions) {
  const bool wide = GetParam().inputs > 100;
  const Problem problem(GetParam(), wide ? 12 : 60);
  const Index n = problem.inputs.rows();
  const auto in_double = problem.model(Precision::float64);
  const auto in_float = problem.model(Precision::float32);
  // One sample; blocks with samples more than once; several chunks.
  for (const Index size : {Index{1}, Index{150}, Index{2500}}) {
    const std::vector<Index> batch = draw(size, n, 1);
    const auto expected = problem.by_jacobian(batch);
    const auto exact = problem.of(*in_double, batch), rounded = problem.of(*in_float, batch);
    EXPECT_NEAR(exact.value, expected.value, double_accuracy * expected.value);
    EXPECT_LT(relative_difference(exact.g, expected.g), double_accuracy) << size;
    EXPECT_NEAR(rounded.value, expected.value, float_accuracy * expected.value);
    EXPECT_LT(relative_difference(rounded.g, expected.g), float_accuracy) << size;
    // It is computed in float32 indeed.
    EXPECT_GT(relative_difference(rounded.g, expected.g), 1e-9) << size;
  }
}

TEST_P(EveryBatch, OfAllSamplesIsTheWholeGradient) {
  const Problem problem(GetParam(), 100);
  std::vector<Index> all;
  for (Index i = 0; i < problem.inputs.rows(); ++i) all.push_back(i);
  for (const Precision precision : {Precision::float64, Precision::float32}) {
    const CompositeObjective objective(problem.model(precision), problem.loss);
    Vector whole(problem.x.size()), batch(problem.x.size());
    const double value = objective.value_and_gradient(problem.x, whole);
    const double tolerance = precision == Precision::float64 ? double_accuracy : float_accuracy;
    EXPECT_NEAR(objective.value_and_gradient(problem.x, all, batch), value, tolerance * value);
    EXPECT_LT(relative_difference(batch, whole), tolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(NetworkBatches, EveryBatch, testing::ValuesIn(architectures()),
                         [](const auto& which) { return "case" + std::to_string(which.index); });

// Restores the number of threads, which is a setting of the process.
class BothPrecisions : public testing::TestWithParam<Precision> {
 protected:
  ~BothPrecisions() override { set_threads(before_); }
  int before_ = threads();
};

TEST_P(BothPrecisions, HaveTheSameBitsForEveryNumberOfThreadsAndWhateverCameBefore) {
  // Enough work for a team, 200 = 4 blocks, and more than one tile of units.
  const Problem problem({.inputs = 500, .hidden = {180, 40}, .outputs = 3}, 300);
  const std::vector<Index> batch = draw(200, 300, 2), other = draw(70, 300, 3);
  set_threads(1);
  const auto model = problem.model(GetParam());
  const auto first = problem.of(*model, batch);
  for (const int count : {1, 2, 3, 4}) {
    set_threads(count);
    problem.of(*model, other);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const auto again = problem.of(*model, batch);
      EXPECT_EQ(again.value, first.value);
      EXPECT_TRUE(again.g == first.g) << count << " threads";
    }
  }
}

TEST_P(BothPrecisions, OfOneModelMayBeAskedForBySeveralThreads) {
  const Problem problem({.inputs = 6, .hidden = {8}, .outputs = 3}, 50);
  const std::vector<std::vector<Index>> batches = {draw(20, 50, 4), draw(90, 50, 5)};
  const auto model = problem.model(GetParam());
  std::vector<Problem::Gradient> together(2), alone;
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < 2; ++i)
    running.emplace_back([&, i] { together[i] = problem.of(*model, batches[i]); });
  for (std::thread& thread : running) thread.join();
  for (std::size_t i = 0; i < 2; ++i) {
    alone.push_back(problem.of(*problem.model(GetParam()), batches[i]));
    EXPECT_TRUE(together[i].g == alone[i].g);
  }
}

TEST_P(BothPrecisions, PassOnWhatIsNotFinite) {
  Problem problem({.inputs = 6, .hidden = {8}, .outputs = 3}, 50);
  problem.x[3] = std::numeric_limits<double>::quiet_NaN();
  const auto result = problem.of(*problem.model(GetParam()), draw(20, 50, 4));
  EXPECT_TRUE(std::isnan(result.value));
  EXPECT_FALSE(result.g.allFinite());
}

TEST_P(BothPrecisions, OfNothingAreZero) {
  const Problem problem({.inputs = 6, .hidden = {8}, .outputs = 3}, 50);
  const auto result = problem.of(*problem.model(GetParam()), {});
  EXPECT_EQ(result.value, 0);
  EXPECT_TRUE(result.g.isZero(0));
}

INSTANTIATE_TEST_SUITE_P(NetworkBatches, BothPrecisions,
                         testing::Values(Precision::float64, Precision::float32));

TEST(NetworkBatches, OfALinearNetworkInFloatAgreeWithTheLinearModel) {
  const Problem problem({.inputs = 6, .hidden = {}, .outputs = 3}, 50);
  const std::vector<Index> batch = draw(80, 50, 6);
  const auto linear = problem.of(*problem.network.linear_on(problem.inputs), batch);
  const auto rounded = problem.of(*problem.model(Precision::float32), batch);
  EXPECT_NEAR(rounded.value, linear.value, float_accuracy * linear.value);
  EXPECT_LT(relative_difference(rounded.g, linear.g), float_accuracy);
  const Network without({.inputs = 6, .hidden = {}, .outputs = 3, .intercept = false});
  EXPECT_THROW(without.on(problem.inputs, Precision::float32), UsageError);
}

}  // namespace
}  // namespace thalweg
