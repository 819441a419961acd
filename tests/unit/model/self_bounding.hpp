// What every problem with derivatives, and every one that bounds its curvature, is held to.
#pragma once

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "thalweg/core/random.hpp"
#include "thalweg/problem/curvature_bound.hpp"
#include "thalweg/problem/derivative_check.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg::testing {

inline Matrix dense_hessian(const TwiceDifferentiable& problem, const Vector& x) {
  const auto hessian = problem.hessian(x);
  Matrix h(x.size(), x.size());
  Vector column(x.size());
  for (Index j = 0; j < x.size(); ++j) {
    hessian->apply(Vector::Unit(x.size(), j), column);
    h.col(j) = column;
  }
  return h;
}

/// Eigenvalues, ascending.
inline Vector eigenvalues(const Matrix& h) {
  return Eigen::SelfAdjointEigenSolver<Matrix>(h, Eigen::EigenvaluesOnly).eigenvalues();
}

inline double smallest_eigenvalue(const TwiceDifferentiable& problem, const Vector& x) {
  return eigenvalues(dense_hessian(problem, x))[0];
}

/// Taylor slopes of value and gradient at x along a random direction, and the symmetry of H.
/// `length` is the largest step over 10.
template <class Problem>
void expect_derivatives(const Problem& problem, const Vector& x, double length = 1,
                        const std::string& where = "") {
  RandomStream random(3, "direction");
  const Vector v = random.normal_vector(x.size()).normalized();
  const Index n = x.size();
  Vector g(n), moved(n), hv(n);
  const double value = problem.value_and_gradient(x, g);
  EXPECT_EQ(problem.value(x), value) << where;
  problem.hessian(x)->apply(v, hv);
  const double rounding = 1e-13 * (1 + std::abs(value));
  const TaylorSlope first = taylor_slope(
      [&](double t) { return std::abs(problem.value(x + t * v) - value - t * g.dot(v)); }, length,
      rounding);
  EXPECT_NEAR(first.slope.value_or(2), 2, 0.15) << where;
  const TaylorSlope second = taylor_slope(
      [&](double t) {
        problem.value_and_gradient(x + t * v, moved);
        return (moved - g - t * hv).norm();
      },
      length, 1e-13 * (1 + g.norm() + x.norm()));
  EXPECT_NEAR(second.slope.value_or(2), 2, 0.15) << where;
  const Matrix h = dense_hessian(problem, x);
  EXPECT_LE((h - h.transpose()).norm(), 1e-12 * h.norm()) << where;
}

/// Of differences of Hessians at x.
struct Step {
  double absolute = 0, relative = 0;
  double at(const Vector& x) const { return absolute + relative * x.norm(); }
};

/// The largest share of each bound that was met.
struct Used {
  double gradient = 0, hessian = 0, third = 0;
};

/// |D^3 f| from below: the largest norm of the derivative of H along a direction, improved by
/// taking the top eigenvector of it as the next direction.
inline double third_derivative(const TwiceDifferentiable& problem, const Vector& x, Vector v,
                               double step) {
  double largest = 0;
  for (int k = 0; k < 4; ++k) {
    const Matrix change =
        (dense_hessian(problem, x + step * v) - dense_hessian(problem, x - step * v)) / (2 * step);
    const Eigen::SelfAdjointEigenSolver<Matrix> solved(change);
    Index top = 0;
    largest = std::max(largest, solved.eigenvalues().cwiseAbs().maxCoeff(&top));
    v = solved.eigenvectors().col(top);
  }
  return largest;
}

/// Gradient, Hessian and third derivative never exceed what the problem states, and a gradient step
/// of 1/rho_1 lowers f by |g|^2/(2 rho_1).
template <class Problem>
Used expect_self_bounding(const Problem& problem, const std::vector<Vector>& points,
                          Step step = {1e-3, 1e-3}) {
  const CurvatureBound bound = problem.curvature_bound();
  EXPECT_TRUE(bound.proved());
  EXPECT_EQ(bound.lower_bound(), problem.lower_bound());
  constexpr double slack = 1e-6;  // of the differences
  Used used;
  RandomStream random(11, "third derivative");
  for (std::size_t k = 0; k < points.size(); ++k) {
    const Vector& x = points[k];
    Vector g(x.size());
    const double f = problem.value_and_gradient(x, g);
    const double rho_0 = bound.gradient_norm(f), rho_1 = bound.hessian_norm(f),
                 rho_2 = bound.third_derivative(f);
    EXPECT_GE(f, problem.lower_bound() - 1e-13 * (1 + std::abs(f)));
    const double h = eigenvalues(dense_hessian(problem, x)).cwiseAbs().maxCoeff();
    const double t =
        third_derivative(problem, x, random.normal_vector(x.size()).normalized(), step.at(x));
    // Differences of large matrices have the rounding of those.
    const double rounding = 1e-14 * h / (step.at(x));
    EXPECT_LE(g.norm(), rho_0 * (1 + slack) + 1e-7) << "point " << k;
    EXPECT_LE(h, rho_1 * (1 + slack)) << "point " << k;
    EXPECT_LE(t, rho_2 * (1 + slack) + rounding) << "point " << k;
    const double promised = g.squaredNorm() / (2 * rho_1);
    const double decrease = f - problem.value(x - g / rho_1);
    EXPECT_GE(decrease, promised * (1 - slack) - 1e-13 * (1 + std::abs(f))) << "point " << k;
    used.gradient = std::max(used.gradient, g.norm() / rho_0);
    used.hessian = std::max(used.hessian, h / rho_1);
    used.third = std::max(used.third, (t - rounding) / rho_2);
  }
  return used;
}

/// Normal vectors of sizes from 10^low to 10^high.
inline std::vector<Vector> points_of_all_sizes(Index n, int count, double low, double high,
                                               std::string_view name) {
  RandomStream random(5, name);
  std::vector<Vector> points;
  for (int k = 0; k < count; ++k) {
    const double size = std::pow(10, low + (high - low) * random.uniform());
    points.push_back(size * random.normal_vector(n));
  }
  return points;
}

}  // namespace thalweg::testing
