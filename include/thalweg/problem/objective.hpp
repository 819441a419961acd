// What a problem can compute. A problem states the least it can; adaptors derive the rest
// (problem/adaptors.hpp).
#pragma once

#include <optional>
#include <string>

#include "thalweg/core/types.hpp"

namespace thalweg {

/// A scalar function of the parameters x, shape (n), to be minimised: the MEAN over samples unless
/// it says otherwise. All calls are const and may be made from one thread at a time.
class Objective {
 public:
  virtual ~Objective() = default;
  Objective() = default;
  Objective(const Objective&) = delete;
  Objective& operator=(const Objective&) = delete;

  virtual Index dimension() const = 0;  ///< n
  virtual double value(const ConstVectorRef& x) const = 0;
  /// Returns f(x) and writes the gradient g, shape (n). Non-finite numbers are returned as they
  /// are, never thrown.
  virtual double value_and_gradient(const ConstVectorRef& x, VectorRef g) const = 0;

  virtual Index sample_count() const { return 1; }  ///< N, for counting epochs
  virtual double lower_bound() const;  ///< a proved lower bound of f; -infinity if none is known
  virtual std::string description() const { return "objective"; }
};

/// An objective with exact Hessian-vector products.
class TwiceDifferentiable {
 public:
  virtual ~TwiceDifferentiable() = default;
  virtual void hessian_product(const ConstVectorRef& x, const ConstVectorRef& v,
                               VectorRef hv) const = 0;
};

}  // namespace thalweg
