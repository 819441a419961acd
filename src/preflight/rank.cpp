#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "thalweg/linalg/lanczos.hpp"
#include "thalweg/linalg/least_squares.hpp"
#include "thalweg/linalg/symmetric_solve.hpp"
#include "thalweg/preflight/preflight.hpp"

namespace thalweg {
namespace {

constexpr double gram_tolerance = 1e-7;  // a squared matrix resolves no less
constexpr double condition_warning = 1e8;
constexpr double jacobian_memory_share = 0.1;

// What one factorization tells of J at the point. r is the residual in output space, P the
// projector onto range(J) at the tolerance.
struct Spectrum {
  RankSource source = RankSource::jacobian;
  double tolerance = 0;
  Index rank = 0;
  std::optional<bool> full;
  double sigma_max = 0;
  double sigma_min = 0;                          // smallest of all min(m, n), as far as resolved
  double sigma_resolved = 0;                     // smallest above the tolerance
  std::optional<double> removable, unremovable;  // |P r|, |(I - P) r|
  std::function<Vector(double damping)> step;    // -(J'J + damping I)^+ J' r; empty: not available
};

double count(Index n) { return static_cast<double>(n); }

// A singular value decomposition by way of QR: 6 L k^2 + 20 k^3 flops for the longer side L, the
// shorter side k (Golub and Van Loan, Matrix Computations, 4th ed., figure 8.6.1).
double svd_flops(double m, double n) {
  const double k = std::min(m, n), longer = std::max(m, n);
  return 6 * longer * k * k + 20 * k * k * k;
}

double svd_bytes(double m, double n) {  // J twice, then U and V
  return sizeof(double) * (2 * m * n + (m + n) * std::min(m, n));
}

double eigen_flops(double k) { return 9 * k * k * k; }  // tridiagonalization and vectors
double cholesky_flops(double k) { return k * k * k / 3; }

// Takes descending singular values and the coefficients U'r to what the report needs.
void count_rank(Spectrum& s, const Vector& singular_values) {
  s.sigma_max = singular_values.size() > 0 ? singular_values[0] : 0;
  const double cut = s.tolerance * s.sigma_max;
  s.rank = (singular_values.array() > cut).count();
  s.sigma_resolved = s.rank > 0 ? singular_values[s.rank - 1] : 0;
}

// Combines weights(sigma_i) * coefficient_i over the resolved singular values.
Vector weighted(const Vector& sigma, const Vector& coefficients, Index rank, double damping) {
  Vector z = Vector::Zero(sigma.size());
  for (Index i = 0; i < rank; ++i)
    z[i] = -coefficients[i] * sigma[i] / (sigma[i] * sigma[i] + damping);
  return z;
}

Spectrum from_jacobian(const Linearization& at_x, const Vector& r,
                       const std::optional<double>& tolerance) {
  const auto svd = std::make_shared<linalg::ThinSvd>(at_x.jacobian());
  Spectrum s;
  s.source = RankSource::jacobian;
  s.tolerance = tolerance.value_or(
      linalg::default_rank_tolerance(at_x.output_count(), at_x.parameter_count()));
  if (!svd->ok()) return s;
  const Vector& sigma = svd->singular_values();
  count_rank(s, sigma);
  s.full = s.rank == sigma.size();
  s.sigma_min = sigma[sigma.size() - 1];
  const Vector c = svd->u().transpose() * r;
  s.removable = c.head(s.rank).norm();
  s.unremovable = (r - svd->u().leftCols(s.rank) * c.head(s.rank)).norm();
  s.step = [svd, c, rank = s.rank](double damping) -> Vector {
    return svd->v() * weighted(svd->singular_values(), c, rank, damping);
  };
  return s;
}

// The smaller of J J' and J' J, lower triangle.
Matrix squared_matrix(const Linearization& at_x) {
  const bool dual = at_x.parameter_count() >= at_x.output_count();
  const Index k = std::min(at_x.parameter_count(), at_x.output_count());
  Matrix a(k, k);
  dual ? at_x.gram(a) : at_x.normal(a);
  return a;
}

bool lower_is_finite(const Matrix& a) {
  for (Index c = 0; c < a.cols(); ++c)
    if (!a.col(c).tail(a.rows() - c).allFinite()) return false;
  return true;
}

Vector adjoint_product(const Linearization& at_x, const Vector& u) {
  Vector jtu(at_x.parameter_count());
  at_x.apply_adjoint(u, jtu);
  return jtu;
}

// |(I - P) r| from |r| and |P r|.
double remaining(double norm, double removable) {
  return std::sqrt(std::max(0.0, (norm - removable) * (norm + removable)));
}

Spectrum from_eigenpairs(const Linearization& at_x, const Matrix& squared, const Vector& r,
                         double tolerance) {
  Spectrum s;
  s.source = RankSource::gram;
  s.tolerance = tolerance;
  auto pairs = linalg::eigenpairs(squared);
  const Vector sigma = pairs.values.reverse().cwiseMax(0).cwiseSqrt();
  const auto vectors = std::make_shared<Matrix>(pairs.vectors.rowwise().reverse());
  count_rank(s, sigma);
  if (s.rank == sigma.size()) s.full = true;
  s.sigma_min = s.full ? sigma[sigma.size() - 1] : 0;
  const Index rank = s.rank;
  Vector c;
  if (at_x.parameter_count() >= at_x.output_count()) {  // vectors are the left singular ones
    c = vectors->transpose() * r;
    s.unremovable = (r - vectors->leftCols(rank) * c.head(rank)).norm();
    s.step = [&at_x, vectors, sigma, c, rank](double damping) {
      Vector z = weighted(sigma, c, rank, damping);
      z.head(rank).array() /= sigma.head(rank).array();
      return adjoint_product(at_x, *vectors * z);
    };
  } else {  // the right singular ones
    c = vectors->transpose() * adjoint_product(at_x, r);
    c.head(rank).array() /= sigma.head(rank).array();
    s.unremovable = remaining(r.norm(), c.head(rank).norm());
    s.step = [vectors, sigma, c, rank](double damping) -> Vector {
      return *vectors * weighted(sigma, c, rank, damping);
    };
  }
  s.removable = c.head(rank).norm();
  return s;
}

// By at most so many products with J J' or J'J.
double largest_singular_value(const Linearization& at_x, int products = 60) {
  constexpr double relative = 1e-3;
  RandomStream random(0, "preflight-lanczos");  // a fixed stream: preflight is deterministic
  const bool dual = at_x.parameter_count() >= at_x.output_count();
  Vector jv(at_x.output_count()), jtu(at_x.parameter_count());
  const auto product = [&](const ConstVectorRef& v, VectorRef av) {
    if (dual) {
      at_x.apply_adjoint(v, jtu);
      at_x.apply(jtu, av);
    } else {
      at_x.apply(v, jv);
      at_x.apply_adjoint(jv, av);
    }
  };
  const Index k = std::min(at_x.parameter_count(), at_x.output_count());
  const double largest =
      linalg::extreme_eigenpair(product, k, linalg::Extreme::largest, relative, products, random)
          .value;
  return std::sqrt(std::max(0.0, largest));
}

// One factorization and inverse iteration: tells whether the rank is full, but counts none that is
// not.
Spectrum from_cholesky(const Linearization& at_x, const Matrix& squared, const Vector& r,
                       double tolerance) {
  Spectrum s;
  s.source = RankSource::gram;
  s.tolerance = tolerance;
  s.sigma_max = largest_singular_value(at_x);
  const auto factor = std::make_shared<linalg::CholeskyFactor>(squared, 0);
  if (!factor->ok()) return s;
  const double smallest = std::sqrt(std::max(0.0, factor->smallest_eigenvalue()));
  if (smallest <= tolerance * s.sigma_max) return s;
  s.full = true;
  s.rank = squared.rows();
  s.sigma_min = s.sigma_resolved = smallest;
  if (at_x.parameter_count() >= at_x.output_count()) {
    s.removable = r.norm();
    s.unremovable = 0;
  } else {
    s.removable = factor->solve_lower(adjoint_product(at_x, r)).norm();
    s.unremovable = remaining(r.norm(), *s.removable);
  }
  return s;
}

Spectrum from_products(const Linearization& at_x, double max_flops) {
  constexpr double fewest = 4, most = 60;
  const double product = 2 * at_x.apply_flops();
  Spectrum s;
  s.source = RankSource::gram;
  s.tolerance = gram_tolerance;
  s.sigma_max = largest_singular_value(
      at_x, static_cast<int>(max_flops > 0 ? std::clamp(max_flops / product, fewest, most) : most));
  return s;
}

Spectrum measure_spectrum(const Linearization& at_x, const Vector& r, const RankOptions& options) {
  const double m = count(at_x.output_count()), n = count(at_x.parameter_count());
  const double k = std::min(m, n);
  const auto fits = [](double need, double limit) { return limit <= 0 || need <= limit; };

  if (fits(svd_bytes(m, n), jacobian_memory_share * options.memory_limit) &&
      fits(svd_flops(m, n), options.max_flops))
    return from_jacobian(at_x, r, options.tolerance);

  const double tolerance = std::max(options.tolerance.value_or(0), gram_tolerance);
  const double squared_flops = n >= m ? at_x.gram_flops() : at_x.normal_flops();
  constexpr double copies = 3;  // the matrix, its vectors or factor, workspace
  if (!fits(copies * sizeof(double) * k * k, options.memory_limit) ||
      !fits(squared_flops + cholesky_flops(k), options.max_flops))
    return from_products(at_x, options.max_flops);

  const Matrix squared = squared_matrix(at_x);
  if (!lower_is_finite(squared)) return from_products(at_x, options.max_flops);
  return fits(squared_flops + eigen_flops(k), options.max_flops)
             ? from_eigenpairs(at_x, squared, r, tolerance)
             : from_cholesky(at_x, squared, r, tolerance);
}

// The residual in output space: y - minimiser for losses that have one, else the gradient of the
// loss, which plays its part.
struct Residual {
  Vector r;
  bool exact;  // r is the distance from the minimiser
};

Residual residual_at(const OutputLoss& loss, const Vector& y) {
  if (const auto minimizer = loss.minimizer()) return {y - *minimizer, true};
  Vector gradient(y.size());
  loss.gradient(y, gradient);
  return {gradient, false};
}

// beta_hat along the minimum-norm step, cut to a tenth of the size of x so that it is local.
void measure_curvature(const CompositeObjective& problem, const ConstVectorRef& x,
                       const Linearization& at_x, const Spectrum& spectrum, RankReport& report) {
  constexpr double locality = 0.1, rounding_steps = 1e3;
  const Vector d = spectrum.step(0);
  const double length = d.norm();
  if (!(length > 0) || !std::isfinite(length)) return;
  const double reach = locality * (x.norm() > 0 ? x.norm() : 1);
  const double t = std::min(1.0, reach / length);
  Vector moved(at_x.output_count()), linear(at_x.output_count());
  at_x.apply(d, linear);
  problem.model().outputs(x + t * d, moved);
  double remainder = (moved - at_x.outputs() - t * linear).norm();
  if (!std::isfinite(remainder)) return;
  const double rounding = rounding_steps * std::numeric_limits<double>::epsilon() *
                          std::max(at_x.outputs().norm(), moved.norm());
  if (remainder <= rounding) remainder = 0;
  report.curvature = 2 * remainder / (t * length * t * length);
  const double sigma = spectrum.sigma_resolved;
  const double ratio = *report.curvature * *spectrum.removable / sigma / sigma;
  if (std::isfinite(ratio)) report.curvature_ratio = ratio;
}

void try_steps(const CompositeObjective& problem, const ConstVectorRef& x, const Residual& residual,
               const Vector& target, const Spectrum& spectrum, RankReport& report) {
  constexpr double dampings[] = {0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2};  // relative to sigma_max^2
  const double before = residual.r.norm();
  double best = 1;
  Vector y(target.size());
  for (const double damping : dampings) {
    const Vector d = spectrum.step(damping * spectrum.sigma_max * spectrum.sigma_max);
    problem.model().outputs(x + d, y);
    const double after = (y - target).norm();
    if (std::isfinite(after)) best = std::min(best, after / before);
  }
  report.trial_reduction = best;
}

void add_duplicates(const CompositeObjective& problem, const RankOptions& options,
                    RankReport& report) {
  if (!options.inputs || !options.targets || options.inputs->rows() < 1) return;
  const DuplicateReport duplicates = find_duplicates(*options.inputs, *options.targets);
  report.conflicting_duplicates = duplicates.conflicting;
  if (const auto curvature = problem.loss().constant_hessian())
    report.duplicate_floor = *curvature * duplicates.spread / 2;

  const Index samples = options.inputs->rows();
  if (duplicates.distinct == samples) return;
  report.warnings.push_back(fmt::format(
      "{} of {} rows repeat the inputs of another row{}", samples - duplicates.distinct, samples,
      duplicates.conflicting > 0 ? fmt::format(" ({} with another target)", duplicates.conflicting)
                                 : ""));
  // Equal inputs have equal rows of J: a bound on the rank that needs no arithmetic.
  const Index most = duplicates.distinct * problem.model().outputs_per_sample();
  if (most < std::min(report.rows, report.columns)) {
    report.full = false;
    report.rank = std::min(report.rank, most);
  }
}

void add_warnings(const CompositeObjective& problem, const ConstVectorRef& x,
                  const Spectrum& spectrum, RankReport& report) {
  if (report.condition && *report.condition > condition_warning)
    report.warnings.push_back(fmt::format(
        "condition {:.1e} of the Jacobian is above 1e8: its full rank hangs on rounding",
        *report.condition));
  if (x.size() > 0 && x.isZero(0) && !problem.model().linear())
    report.warnings.emplace_back(
        "all parameters are zero: hidden units are alike there and the rank is lost; start from "
        "random parameters");
  if (!report.full && spectrum.rank > 0)
    report.warnings.push_back(fmt::format(
        "{} of {} singular values lie under {:.0e} of the largest, where a squared matrix resolves "
        "nothing: whether the rank is full is unknown",
        std::min(report.rows, report.columns) - spectrum.rank,
        std::min(report.rows, report.columns), report.tolerance));
  if (!report.full && spectrum.rank == 0)
    report.warnings.emplace_back(
        spectrum.source == RankSource::gram
            ? "the rank was not resolved within the memory and work allowed: only the largest "
              "singular value is known"
            : "the Jacobian is not finite at the start");
}

}  // namespace

RankReport measure_rank(const CompositeObjective& problem, const ConstVectorRef& x,
                        const RankOptions& options) {
  const auto at_x = problem.model().linearize(x);
  const Residual residual = residual_at(problem.loss(), at_x->outputs());
  const double norm = residual.r.norm();
  const Spectrum spectrum = measure_spectrum(*at_x, residual.r, options);

  RankReport report;
  report.rows = at_x->output_count();
  report.columns = at_x->parameter_count();
  report.rank = spectrum.rank;
  report.full = spectrum.full;
  report.tolerance = spectrum.tolerance;
  report.sigma_min = spectrum.sigma_min;
  report.sigma_max = spectrum.sigma_max;
  report.source = spectrum.source;
  const double resolution =
      spectrum.sigma_max * linalg::default_rank_tolerance(report.rows, report.columns);
  if (spectrum.sigma_min > resolution) report.condition = spectrum.sigma_max / spectrum.sigma_min;
  if (residual.exact && std::isfinite(norm)) report.residual_norm = norm;
  if (spectrum.removable && norm > 0) report.projected_share = *spectrum.removable / norm;

  const bool reachable = spectrum.full.value_or(false) && report.columns >= report.rows;
  const auto curvature = problem.loss().constant_hessian();
  if (residual.exact && curvature && spectrum.unremovable) {
    const double distance = reachable ? 0 : *spectrum.unremovable;
    report.floor = problem.loss().lower_bound() + *curvature * distance * distance / 2;
  }
  if (residual.exact && norm > 0 && spectrum.step && spectrum.rank > 0) {
    measure_curvature(problem, x, *at_x, spectrum, report);
    try_steps(problem, x, residual, at_x->outputs() - residual.r, spectrum, report);
  }
  add_duplicates(problem, options, report);
  add_warnings(problem, x, spectrum, report);
  return report;
}

}  // namespace thalweg
