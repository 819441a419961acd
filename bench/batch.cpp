// An update of mini-batch training: the gradient of a network on a batch of drawn samples (gather,
// forward, softmax cross-entropy, backward) and x -= eta g. bench/compare_torch.py sets PyTorch
// beside it.

#include <vector>

#include "bench.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/problem/composite_objective.hpp"

namespace thalweg::bench {
namespace {

Precision precision_from_name(const std::string& name) {
  if (name == "float64") return Precision::float64;
  if (name == "float32") return Precision::float32;
  throw UsageError("--precision must be float64 or float32, got '" + name + "'");
}

std::vector<int> drawn_labels(Index rows, Index classes) {
  RandomStream random(1, "labels");
  std::vector<int> labels(static_cast<std::size_t>(rows));
  for (int& label : labels)
    label = static_cast<int>(random.below(static_cast<std::uint64_t>(classes)));
  return labels;
}

/// 3 forward passes, but for the derivatives in the inputs of the network, which nobody needs.
double update_flops(const Network& network, Index batch) {
  const Network::Options& options = network.options();
  const Index first = options.hidden.empty() ? options.outputs : options.hidden.front();
  return 3 * network.forward_flops(batch) -
         2 * static_cast<double>(batch) * static_cast<double>(options.inputs * first);
}

}  // namespace

Json batch(const std::map<std::string, std::string>& given) {
  const Options options({{"rows", "60000"},
                         {"inputs", "784"},
                         {"widths", "256,128"},
                         {"outputs", "10"},
                         {"batch", "128"},
                         {"precision", "float64"},
                         {"updates", "500"}},
                        given);
  const Index rows = options.number("rows"), size = options.number("batch");
  const Index outputs = options.number("outputs");
  if (outputs < 3) throw UsageError("--outputs must be at least 3: two classes are one output");
  const Network network({.inputs = options.number("inputs"),
                         .hidden = options.numbers("widths"),
                         .outputs = outputs,
                         .activation = Activation::tanh});
  const int classes = static_cast<int>(outputs);
  const CompositeObjective problem(
      network.on(normal_matrix(rows, network.options().inputs, "inputs"),
                 precision_from_name(options.text("precision"))),
      std::make_shared<CrossEntropyLoss>(drawn_labels(rows, classes), classes));
  const FiniteSum& sum = problem;

  RandomStream random(1, "batch");
  std::vector<Index> samples(static_cast<std::size_t>(size));
  Vector x = network.initial_parameters(1), gradient(x.size());
  const auto update = [&] {
    sum.value_and_gradient(x, samples, gradient);
    x -= 1e-2 * gradient;
  };
  std::vector<double> seconds;
  const Index warm_up = 20, updates = options.number("updates");
  for (Index k = 0; k < warm_up + updates; ++k) {
    for (Index& sample : samples)
      sample = static_cast<Index>(random.below(static_cast<std::uint64_t>(rows)));
    const double once = seconds_of(update);
    if (k >= warm_up) seconds.push_back(once);
  }
  const double middle = median(seconds);
  return {{"seconds", middle},
          {"flops", update_flops(network, size)},
          {"samples_per_second", static_cast<double>(size) / middle},
          {"precision", options.text("precision")},
          {"blas", linalg::blas_name()}};
}

}  // namespace thalweg::bench
