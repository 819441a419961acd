#include "thalweg/method/gauss_newton_model.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/core/random.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/linalg/conjugate_gradient.hpp"
#include "thalweg/linalg/lanczos.hpp"

namespace thalweg {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Samples whose root of the Hessian is this small beside the largest one carry no curvature: their
// gradient is treated as unreachable by r instead of dividing by the root.
constexpr double curvature_cut = 1e-6;

// Below this share of the largest one, an eigenvalue of a squared matrix is not resolved.
constexpr double squared_resolution = 1e-14;

double square(double a) { return a * a; }

StepSolver choose_solver(const Linearization& at_x, double memory_limit) {
  const double m = static_cast<double>(at_x.output_count());
  const double n = static_cast<double>(at_x.parameter_count());
  const double smaller = std::min(m, n);
  // The singular values of a small A cost little, and keep all digits.
  if (smaller <= 64 && m * n <= 1e6) return StepSolver::svd;
  // Two copies: the matrix and its factor.
  const bool fits = memory_limit <= 0 || 2 * 8 * smaller * smaller <= memory_limit;
  const double cubic = smaller * smaller * smaller / 3;
  const double dense = cubic + (m <= n ? at_x.gram_flops() : at_x.normal_flops());
  constexpr double typical_iterations = 200;
  const double iterative = 2 * typical_iterations * at_x.apply_flops();
  constexpr double patience = 20;  // an exact step is worth that many inexact ones
  if (!fits || dense > patience * iterative) return StepSolver::cg;
  return m <= n ? StepSolver::dual : StepSolver::normal;
}

// Per-sample blocks of the root, (Q, Q).
Matrix block(const Matrix& root, Index sample, Index samples) {
  const Index q = root.cols();
  Matrix s(q, q);
  for (Index row = 0; row < q; ++row) s.row(row) = root.row(row * samples + sample);
  return s;
}

double largest_root_norm(const Matrix& root) {
  const Index samples = root.rows() / root.cols();
  double largest = 0;
  for (Index i = 0; i < samples; ++i) largest = std::max(largest, block(root, i, samples).norm());
  return largest;
}

}  // namespace

const std::vector<std::string>& step_solver_names() {
  static const std::vector<std::string> names{"auto", "svd", "dual", "normal", "cg"};
  return names;
}

const std::vector<std::string>& output_metric_names() {
  static const std::vector<std::string> names{"loss-hessian", "euclidean"};
  return names;
}

GaussNewtonModel::GaussNewtonModel(const CompositeObjective& problem, const ConstVectorRef& x,
                                   const Options& options)
    : linearization_(problem.model().linearize(x)),
      value_(problem.loss().value(outputs())),
      output_gradient_(problem.output_count()),
      gradient_(problem.dimension()),
      solver_(options.solver) {
  if (solver_ == StepSolver::automatic)
    solver_ = choose_solver(*linearization_, options.memory_limit);
  problem.loss().gradient(outputs(), output_gradient_);
  linearization_->apply_adjoint(output_gradient_, gradient_);

  if (const auto curvature = problem.loss().constant_hessian()) {
    root_scale_ = std::sqrt(*curvature);
  } else {
    root_ = problem.loss().hessian_root(outputs());
    if (options.metric == OutputMetric::euclidean) {
      root_scale_ = largest_root_norm(root_);
      root_.resize(0, 0);
    }
  }
  split_output_gradient();
  if (solver_ == StepSolver::svd) form();
}

bool GaussNewtonModel::finite() const {
  return std::isfinite(value_) && outputs().allFinite() && gradient_.allFinite() &&
         jacobian_.allFinite();
}

double GaussNewtonModel::rounding() const {
  return epsilon * (std::abs(value_) + output_gradient_.cwiseAbs().dot(outputs().cwiseAbs()));
}

void GaussNewtonModel::split_output_gradient() {
  if (root_.size() == 0) {
    residual_ = output_gradient_ / root_scale_;
    return;
  }
  const Index q = root_.cols(), samples = root_.rows() / q;
  const double cut = curvature_cut * largest_root_norm(root_);
  residual_.setZero(output_gradient_.size());
  Vector g(q);
  for (Index i = 0; i < samples; ++i) {
    Eigen::CompleteOrthogonalDecomposition<Matrix> root_adjoint(q, q);
    const Matrix s = block(root_, i, samples);
    if (s.norm() <= cut) continue;
    root_adjoint.setThreshold(curvature_cut);
    root_adjoint.compute(s.transpose());
    for (Index o = 0; o < q; ++o) g[o] = output_gradient_[o * samples + i];
    const Vector r = root_adjoint.solve(g);
    for (Index o = 0; o < q; ++o) residual_[o * samples + i] = r[o];
  }
  Vector reached(output_gradient_.size());
  apply_root_adjoint(root_, residual_, reached);
  const Vector rest = output_gradient_ - reached;
  if (rest.norm() <= 1e-12 * output_gradient_.norm()) return;
  unreachable_.resize(gradient_.size());
  linearization_->apply_adjoint(rest, unreachable_);
}

Vector GaussNewtonModel::apply(const ConstVectorRef& d) const {
  Vector jd(linearization_->output_count());
  linearization_->apply(d, jd);
  return jd;
}

Vector GaussNewtonModel::apply_a(const ConstVectorRef& d) const {
  const Vector jd = apply(d);
  if (root_.size() == 0) return root_scale_ * jd;
  Vector ad(jd.size());
  apply_root(root_, jd, ad);
  return ad;
}

Vector GaussNewtonModel::apply_a_adjoint(const ConstVectorRef& z) const {
  Vector u(z.size()), d(gradient_.size());
  if (root_.size() == 0)
    u = root_scale_ * z;
  else
    apply_root_adjoint(root_, z, u);
  linearization_->apply_adjoint(u, d);
  return d;
}

Index GaussNewtonModel::smaller_side() const {
  return solver_ == StepSolver::dual ? linearization_->output_count()
                                     : linearization_->parameter_count();
}

double GaussNewtonModel::rank_tolerance() const {
  return linalg::default_rank_tolerance(jacobian_.rows(), jacobian_.cols());
}

Vector GaussNewtonModel::column_norms() const { return jacobian_.colwise().norm(); }

void GaussNewtonModel::set_scaling(const ConstVectorRef& scaling) {
  scaling_ = scaling;
  svd_.reset();
  smallest_.reset();
}

void GaussNewtonModel::form() {
  switch (solver_) {
    case StepSolver::svd: {
      jacobian_ = linearization_->jacobian();
      if (root_.size() == 0) {
        jacobian_ *= root_scale_;
      } else {
        Vector column(jacobian_.rows());
        for (Index k = 0; k < jacobian_.cols(); ++k) {
          apply_root(root_, jacobian_.col(k), column);
          jacobian_.col(k) = column;
        }
      }
      return;
    }
    case StepSolver::dual: {
      if (squared_.size() > 0) return;
      squared_.resize(smaller_side(), smaller_side());
      linearization_->gram(squared_);
      if (root_.size() == 0) {
        squared_.triangularView<Eigen::Lower>() *= root_scale_ * root_scale_;
        return;
      }
      linalg::symmetrize_from_lower(squared_);
      Vector column(squared_.rows());
      for (int side = 0; side < 2; ++side) {  // K <- (S K)', twice: S K S'
        for (Index k = 0; k < squared_.cols(); ++k) {
          apply_root(root_, squared_.col(k), column);
          squared_.col(k) = column;
        }
        squared_.transposeInPlace();
      }
      return;
    }
    case StepSolver::normal:
      if (squared_.size() > 0) return;
      squared_.resize(smaller_side(), smaller_side());
      linearization_->normal(root_, squared_);
      if (root_.size() == 0) squared_.triangularView<Eigen::Lower>() *= root_scale_ * root_scale_;
      return;
    case StepSolver::cg:
    case StepSolver::automatic: return;
  }
}

bool GaussNewtonModel::factorize(double mu) {
  form();
  if (factor_mu_ != mu || !factor_) {
    factor_.emplace(squared_, mu);
    factor_mu_ = mu;
  }
  return factor_->ok();
}

ModelStep GaussNewtonModel::step(double mu) {
  last_mu_ = mu;
  ModelStep step;
  switch (solver_) {
    case StepSolver::svd:
      decompose();
      step = svd_step(mu);
      break;
    case StepSolver::dual: step = dual_step(mu); break;
    case StepSolver::normal: step = normal_step(mu); break;
    case StepSolver::cg:
    case StepSolver::automatic: step = cg_step(mu); break;
  }
  step.solved = step.solved && step.direction.allFinite() && std::isfinite(step.image_norm2) &&
                std::isfinite(step.damping_term);
  return step;
}

void GaussNewtonModel::decompose() {
  if (svd_) return;
  svd_.emplace(scaled() ? Matrix(jacobian_ * scaling_.cwiseInverse().asDiagonal()) : jacobian_);
}

// d = -D^-1 V (s^2 + mu)^-1 (s U' r + V' D^-1 q), with q the unreachable part of the gradient,
// whose component outside the range of V is divided by mu alone.
ModelStep GaussNewtonModel::svd_step(double mu) const {
  ModelStep step;
  if (!svd_->ok()) return step;
  const Vector& s = svd_->singular_values();
  const double tolerance = rank_tolerance();
  const Vector ur = svd_->u().transpose() * residual_;
  Vector q, vq;
  if (unreachable_.size() > 0 && mu > 0) {
    q = scaled() ? Vector(unreachable_.cwiseQuotient(scaling_)) : unreachable_;
    vq = svd_->v().transpose() * q;
  }
  Vector z = Vector::Zero(s.size());
  for (Index i = 0; i < s.size(); ++i) {
    const double resolved = s[i] > tolerance * s[0] ? s[i] : 0;
    const double slope = resolved * ur[i] + (vq.size() > 0 ? vq[i] : 0);
    if (slope == 0) continue;
    z[i] = -slope / (resolved * resolved + mu);
    step.image_norm2 += square(resolved * z[i]);
  }
  Vector direction = svd_->v() * z;
  if (q.size() > 0) direction -= (q - svd_->v() * vq) / mu;
  step.scaled_norm = direction.norm();
  step.damping_term = mu * square(step.scaled_norm);
  if (scaled()) direction.array() /= scaling_.array();
  step.direction = std::move(direction);
  step.solved = s[0] > 0 || q.size() > 0;
  return step;
}

// d = -A' z - (q - A' w) / mu with (A A' + mu I) z = r and (A A' + mu I) w = A q.
ModelStep GaussNewtonModel::dual_step(double mu) {
  ModelStep step;
  if (!factorize(mu)) return step;
  const Vector z = factor_->solve(residual_);
  Vector direction = -apply_a_adjoint(z);
  if (unreachable_.size() > 0 && mu > 0) {
    const Vector w = factor_->solve(apply_a(unreachable_));
    direction -= (unreachable_ - apply_a_adjoint(w)) / mu;
    return measured(std::move(direction), mu);
  }
  step.image_norm2 = (residual_ - mu * z).squaredNorm();  // A d = -(r - mu z)
  step.scaled_norm = direction.norm();
  step.damping_term = mu * square(step.scaled_norm);
  step.direction = std::move(direction);
  step.solved = true;
  return step;
}

ModelStep GaussNewtonModel::normal_step(double mu) {
  if (!factorize(mu)) return {};
  return measured(-factor_->solve(gradient_), mu);
}

ModelStep GaussNewtonModel::cg_step(double mu) const {
  const linalg::Product product = [&](const ConstVectorRef& v, VectorRef av) {
    av = apply_a_adjoint(apply_a(v)) + mu * v;
  };
  auto solution = linalg::conjugate_gradient(product, -gradient_, {}, {});
  auto step = measured(std::move(solution.x), mu);
  step.iterations = solution.iterations;
  return step;
}

ModelStep GaussNewtonModel::measured(Vector direction, double mu) const {
  ModelStep step;
  step.image_norm2 = apply_a(direction).squaredNorm();
  step.scaled_norm = direction.norm();
  step.damping_term = mu * square(step.scaled_norm);
  step.direction = std::move(direction);
  step.solved = true;
  return step;
}

std::optional<Vector> GaussNewtonModel::response(const ConstVectorRef& u) {
  Vector au(u.size());  // S u: the change in the metric of r
  if (root_.size() == 0)
    au = root_scale_ * u;
  else
    apply_root(root_, u, au);
  switch (solver_) {
    case StepSolver::svd: {
      if (!svd_ || !svd_->ok()) return std::nullopt;
      const Vector response = svd_->damped_step(au, last_mu_, rank_tolerance());
      return scaled() ? Vector(response.cwiseQuotient(scaling_)) : response;
    }
    case StepSolver::dual:
      if (!factorize(last_mu_)) return std::nullopt;
      return -apply_a_adjoint(factor_->solve(au));
    case StepSolver::normal:
      if (!factorize(last_mu_)) return std::nullopt;
      return -factor_->solve(apply_a_adjoint(au));
    case StepSolver::cg:
    case StepSolver::automatic: return std::nullopt;
  }
  return std::nullopt;
}

std::optional<double> GaussNewtonModel::smallest_eigenvalue() {
  if (!smallest_) smallest_ = resolve_smallest();
  return smallest_;
}

std::optional<double> GaussNewtonModel::resolve_smallest() {
  if (solver_ == StepSolver::cg) return std::nullopt;
  if (solver_ == StepSolver::svd) {
    decompose();
    const Index rank = svd_->ok() ? svd_->rank(rank_tolerance()) : 0;
    if (rank == 0) return std::nullopt;
    return square(svd_->singular_values()[rank - 1]);
  }
  form();
  const double resolved = squared_resolution * squared_.trace();
  if (factorize(0)) {
    const double smallest = factor_->smallest_eigenvalue();
    if (smallest > resolved) return smallest;
  }
  const Vector values = linalg::eigenpairs(squared_).values;
  for (Index i = 0; i < values.size(); ++i)
    if (values[i] > resolved) return values[i];
  return std::nullopt;
}

std::optional<double> GaussNewtonModel::sigma_min() const {
  if (scaled() || root_.size() > 0) return std::nullopt;
  if (smallest_) return std::sqrt(*smallest_) / root_scale_;
  if (!svd_ || !svd_->ok()) return std::nullopt;
  const Index rank = svd_->rank(rank_tolerance());
  if (rank == 0) return std::nullopt;
  return svd_->singular_values()[rank - 1] / root_scale_;
}

double GaussNewtonModel::largest_eigenvalue() {
  if (solver_ == StepSolver::svd) {
    decompose();
    return svd_->ok() ? square(svd_->singular_values()[0]) : 0;
  }
  form();
  const linalg::Product product = [&](const ConstVectorRef& v, VectorRef av) {
    if (squared_.size() > 0)
      av = squared_.selfadjointView<Eigen::Lower>() * v;
    else
      av = apply_a_adjoint(apply_a(v));
  };
  constexpr double tolerance = 1e-2;
  constexpr int most_products = 200;
  RandomStream random(0, "largest-eigenvalue");
  return linalg::extreme_eigenpair(product, smaller_side(), linalg::Extreme::largest, tolerance,
                                   most_products, random)
      .value;
}

std::optional<double> GaussNewtonModel::attainable_decrease() {
  if (solver_ != StepSolver::svd) return std::nullopt;
  decompose();
  if (!svd_->ok()) return std::nullopt;
  return svd_->project(residual_, rank_tolerance()).squaredNorm() / 2;
}

}  // namespace thalweg
