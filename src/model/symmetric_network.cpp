#include "thalweg/model/symmetric_network.hpp"

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/output_losses.hpp"

namespace thalweg {

void SymmetricNetworkOptions::validate() const {
  OptionChecker check("symmetric network");
  check.require(samples >= 1, "samples", "be at least 1", static_cast<double>(samples));
  check.require(inputs >= 1, "inputs", "be at least 1", static_cast<double>(inputs));
  check.require(hidden >= 1, "hidden", "be at least 1", static_cast<double>(hidden));
  check.throw_if_any();
}

SymmetricNetwork symmetric_network(const SymmetricNetworkOptions& options) {
  options.validate();
  const Index d = options.inputs, h = options.hidden;
  const Network network({.inputs = d, .hidden = {h}, .outputs = 1, .activation = Activation::tanh});
  RandomStream random(options.seed, "symmetric-network");
  const Matrix inputs = random.normal_vector(options.samples * d).reshaped(options.samples, d);
  Vector truth = random.normal_vector(network.parameter_count());
  truth[truth.size() - 1] = 0;
  // Storage: hidden weights (h, d) row by row, hidden biases, output weights, output bias.
  Vector start(truth.size());
  start << random.normal_vector(d).replicate(h, 1), Vector::Constant(h, random.normal()),
      Vector::Constant(h, random.normal() / static_cast<double>(h)), 0;
  auto objective = std::make_shared<CompositeObjective>(
      network.on(inputs), std::make_shared<SquaredLoss>(network.predict(truth, inputs)));
  return {network, std::move(objective), std::move(truth), std::move(start)};
}

}  // namespace thalweg
