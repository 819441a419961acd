// Householder QR in place, blocked. Private.
#pragma once

#include "thalweg/core/types.hpp"

namespace thalweg::linalg {

/// A (m, n) = Q R, m >= n: R in the upper triangle of A, the Householder vectors below it.
/// 2 m n^2 - 2/3 n^3 flops.
class HouseholderQr {
 public:
  explicit HouseholderQr(Matrix a);
  /// R in the upper triangle; below it the Householder vectors, to be ignored.
  auto r() const { return packed_.topRows(packed_.cols()); }
  Vector apply_q(Vector v) const;  ///< Q v, with the full Q (m, m)
  Matrix thin_q() const;           ///< the first n columns of Q, (m, n)

 private:
  Matrix packed_;
  Vector tau_;  // H_i = I - tau_i v_i v_i'
};

}  // namespace thalweg::linalg
