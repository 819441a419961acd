// How fast the curvature of an objective may grow with its gradient.
//
//   J. Zhang, T. He, S. Sra, A. Jadbabaie: Why gradient clipping accelerates training, ICLR 2020,
//   arXiv:1905.11881 (alpha = 1). Z. Chen, Y. Zhou, Y. Liang, Z. Lu: Generalized-smooth nonconvex
//   optimization is as efficient as smooth nonconvex optimization, ICML 2023 (alpha in [0, 1]).
#pragma once

#include <cmath>

namespace thalweg {

/// |H(x)| <= L0 + L1 |grad f(x)|^alpha, |.| the spectral norm. alpha = 0 or L1 = 0: ordinary
/// smoothness with L0 + L1.
struct GeneralizedSmoothness {
  double l0 = 0;     ///< L0 >= 0, objective / parameter^2
  double l1 = 0;     ///< L1 >= 0
  double alpha = 0;  ///< in [0, 1]

  /// The bound on |H| at a gradient of that norm.
  double at(double gradient_norm) const { return l0 + l1 * std::pow(gradient_norm, alpha); }
};

}  // namespace thalweg
