// What a problem can compute: an Objective, and capabilities that it may have besides.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

  /// ln f(x) where f >= 0: stays meaningful where f(x) underflows. The default is the logarithm of
  /// value(x); losses that fall below 1e-300 override it. NaN where f(x) < 0.
  virtual double log_value(const ConstVectorRef& x) const;

  /// false: the infimum is approached at infinity alone, as by the logistic loss, so that a value
  /// which underflows is no minimum.
  virtual bool attains_infimum() const { return true; }

  virtual Index sample_count() const { return 1; }  ///< N, for counting epochs
  /// The first parameter of each group that belongs together (the layers of a network, the primal
  /// and the dual variables of a robust objective), ascending from 0.
  virtual std::vector<Index> parameter_groups() const { return {0}; }
  /// Relative error of a gradient by rounding, in the order of magnitude: that of its arithmetic.
  virtual double rounding() const { return std::numeric_limits<double>::epsilon(); }
  /// Norm that parameters have which are drawn as a start; 0: not known.
  virtual double start_norm() const { return 0; }
  virtual double lower_bound() const;  ///< a proved lower bound of f; -infinity if none is known
  virtual std::string description() const { return "objective"; }
};

/// The Hessian H at one point, a symmetric operator on (n). It stays valid as long as its problem.
class Hessian {
 public:
  virtual ~Hessian() = default;
  Hessian() = default;
  Hessian(const Hessian&) = delete;
  Hessian& operator=(const Hessian&) = delete;

  virtual void apply(const ConstVectorRef& v, VectorRef hv) const = 0;  ///< H v
  /// The diagonal of H, (n), where it costs no more than a few products; else absent. Where H may
  /// be indefinite it is that of a positive semidefinite bound of H, since it serves as a
  /// preconditioner.
  virtual std::optional<Vector> diagonal() const { return std::nullopt; }
  /// What a product costs in gradients of the objective, for counts.
  virtual int gradients_per_product() const { return 1; }
};

/// Capability: exact Hessian-vector products.
class TwiceDifferentiable {
 public:
  virtual ~TwiceDifferentiable() = default;
  virtual std::unique_ptr<Hessian> hessian(const ConstVectorRef& x) const = 0;
};

/// Sample numbers, each in 0 .. N-1; a sample may occur more than once.
using Batch = std::span<const Index>;

/// Capability: f is the mean over samples, and the mean over some of them can be had for their
/// share of the work.
class FiniteSum {
 public:
  virtual ~FiniteSum() = default;
  /// Returns the MEAN over the batch of the samples' objectives at x (a term that belongs to no
  /// sample, such as a ridge penalty, counts in full) and writes its gradient g, shape (n).
  virtual double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const = 0;
  /// As Objective::rounding, of batches: larger where they are worked on in float32.
  virtual double batch_rounding() const { return std::numeric_limits<double>::epsilon(); }
};

}  // namespace thalweg
