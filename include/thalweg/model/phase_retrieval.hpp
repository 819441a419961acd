// Phase retrieval: a vector z from the squared moduli of its inner products with known rows.
//
//     f(z) = 1/(2m) sum_i (|a_i' z|^2 - y_i)^2,      a_i' z = sum_j A_ij z_j
//
//   symbol  here                                    shape             unit
//   z       parameters; complex: (Re z, Im z)       (d), (2d)
//   A       rows a_i'; complex: columns (Re, Im)    (m, d), (m, 2d)
//   y       intensities, of any sign (noise)        (m)               |a'z|^2
//   e       |a_i'z|^2 - y_i                         (m)
//
// Real:  grad f = (2/m) sum e_i (a_i'z) a_i,   H v = (2/m) sum (3 (a_i'z)^2 - y_i) (a_i'v) a_i.
// Complex: the same of the real and imaginary parts, see IntensityModel.
//
// f is not convex: z = 0 is stationary, -z is as good as z (complex: e^{it} z for every t), and
// the curvature grows with |z|, that is with the value. With |A| the spectral norm, b the largest
// |a_i| and y+ = max(0, max y_i), for real and complex rows (derived here; |e| = sqrt(2 m f))
//     |H| <= (2/m) (2 y+ |A|^2 + 3 sqrt(2 m f) b |A|),
//     |D^3 f| <= (12/m) |A|^2 b sqrt(y+ + sqrt(2 m f)).
//
// The data of the experiments in
//   Y. Yang, E. Tripp, Y. Sun, S. Zou, Y. Zhou, arXiv:2410.14054, TMLR 2025.
// Their code leaves out the factor 2 of the gradient: a stepsize of theirs for steps gamma
// g / |g|^beta corresponds to 2^(beta - 1) gamma here, a threshold on |g| to twice it.
#pragma once

#include <cstdint>
#include <memory>

#include "thalweg/problem/composite_objective.hpp"
#include "thalweg/problem/curvature_bound.hpp"

namespace thalweg {

/// Outputs |a_i'z|^2 of one sample per row, with the exact Jacobian. Each is a sum of squares of
/// real forms: of one, r = a_i, or of two, r = (Re a_i, -Im a_i) and (Im a_i, Re a_i); its row of J
/// is 2 sum_r (r'z) r. A batch reads its own rows alone.
class IntensityModel final : public OutputModel {
 public:
  /// amplitudes (m, d); complex: (m, 2d), the real parts of all d columns, then the imaginary ones.
  /// Throws UsageError for no rows, no columns, an odd number of columns where complex, or numbers
  /// that are not finite.
  explicit IntensityModel(const ConstMatrixRef& amplitudes, bool complex = false);

  Index parameter_count() const override;
  Index output_count() const override;
  void outputs(const ConstVectorRef& z, VectorRef y) const override;
  std::unique_ptr<Linearization> linearize(const ConstVectorRef& z) const override;
  double batch_sum(const ConstVectorRef& z, Batch batch, const BatchLoss& loss,
                   VectorRef g) const override;
  std::string description() const override { return "phase retrieval"; }
  double forward_flops() const override;

  /// A bound of |A|^2 from above, within 2 % up to 4000 parameters; costs O(m n^2) once, then
  /// nothing.
  double squared_norm_bound() const;
  double largest_amplitude_norm() const;  ///< b, the largest |a_i|

  /// The second derivative of u'y along v: 2 sum_i u_i sum_r (r'v) r, (n), for u (m).
  void weighted_second_derivative(const ConstVectorRef& u, const ConstVectorRef& v,
                                  VectorRef product) const;

 private:
  class Tangent;
  struct Forms;
  std::shared_ptr<const Forms> forms_;
};

/// f, with exact Hessian products: H = 1/m (J'J + sum_i e_i d2y_i).
class PhaseRetrievalObjective final : public CompositeObjective,
                                      public TwiceDifferentiable,
                                      public SelfBounding {
 public:
  /// intensities (m). Throws UsageError for another number of them than rows, or for numbers that
  /// are not finite.
  PhaseRetrievalObjective(std::shared_ptr<const IntensityModel> model, const Vector& intensities);
  std::unique_ptr<Hessian> hessian(const ConstVectorRef& z) const override;
  CurvatureBound curvature_bound() const override;

 private:
  std::shared_ptr<const IntensityModel> intensity_;
  double largest_intensity_;  // y+
};

struct PhaseRetrievalOptions {
  Index samples = 3000;   ///< m >= 1
  Index dimension = 100;  ///< d >= 1
  double noise = 4;       ///< standard deviation of the noise of the intensities, >= 0
  bool complex = false;
  std::uint64_t seed = 0;
  double start_scale = 1;  ///< multiplies the start, >= 0; 0: the stationary point z = 0

  void validate() const;  ///< throws UsageError naming every violated range
};

struct PhaseRetrieval {
  std::shared_ptr<const CompositeObjective> objective;
  Vector truth;  ///< the vector behind generated data, (n); empty for given data
  Vector start;  ///< (n)
};

/// Generated data. Drawn from RandomStream(seed, "phase-retrieval") in this order, as published:
///
///     z_true  N(0, 0.5) each
///     A       N(0, 0.5) each, row by row
///     noise   N(0, noise^2) each, y = (A z_true)^2 + noise
///     z0      N(0, 6) each, plus 1
///
/// (variances). Complex: each of these vectors and rows has its real parts drawn first, then its
/// imaginary ones, both with half the variance, so that the mean squared moduli are the same; noise
/// is real, and 1 is added to the real part.
PhaseRetrieval phase_retrieval(const PhaseRetrievalOptions& options);

/// Given data: amplitudes as for IntensityModel, intensities (m). A table of such data has the
/// intensity as its last column and the amplitudes before it, complex ones as d columns of real
/// parts and d of imaginary parts. The start is the first thing drawn from the stream above, by the
/// law of z0. Of the options `samples`, `dimension` and `noise` are not used.
PhaseRetrieval phase_retrieval(const ConstMatrixRef& amplitudes, const Vector& intensities,
                               const PhaseRetrievalOptions& options);

}  // namespace thalweg
