// Gradients of a network on batches of its samples: what mini-batch training calls.
//
// Here the samples are columns: A (in, b) inputs of a layer, Z (out, b) = W A + w, D (out, b) the
// derivatives of the loss in Z; so a sample of a batch is copied as one piece of memory, and the
// gradient of a layer is A D' (in, out), which lies in g as it is computed. A batch is cut into
// blocks of samples for the way forward and back, and the gradient into tiles of units. Both cuts
// depend on shapes alone, so that the bits are the same for every number of threads.
#pragma once

#include <memory>

#include "network_model.hpp"

namespace thalweg {

class NetworkBatches {
 public:
  virtual ~NetworkBatches() = default;
  NetworkBatches() = default;
  NetworkBatches(const NetworkBatches&) = delete;
  NetworkBatches& operator=(const NetworkBatches&) = delete;

  /// As OutputModel::batch_sum, value and gradient times `weight`. Calls of several threads take
  /// turns.
  virtual double weighted_sum(const ConstVectorRef& x, Batch batch, const BatchLoss& loss,
                              double weight, VectorRef g) = 0;
};

/// In float32 parameters are rounded to it, products, activations and derivatives are computed in
/// it, and the loss and its derivatives in double; g is summed in double over every 1024 samples.
/// The inputs are copied in the precision at the first batch.
std::unique_ptr<NetworkBatches> make_network_batches(std::shared_ptr<const BoundNetwork> bound,
                                                     Precision precision);

}  // namespace thalweg
