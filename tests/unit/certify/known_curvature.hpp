// Objectives whose Hessian at a point is known, hidden behind orthogonal transforms.
#pragma once

#include <memory>

#include "thalweg/core/random.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg::testing {

/// f(x0 + d) = g'd + d'H d / 2 + sum_i t_i (w_i'd)^3 / 6 + s_i (w_i'd)^4 / 24 with H = V diag V', V
/// a product of three random reflections. At x0 the gradient is g and the Hessian H.
class KnownCurvature : public Objective {
 public:
  KnownCurvature(Vector eigenvalues, Vector gradient, double bend, std::uint64_t seed)
      : eigenvalues_(std::move(eigenvalues)), gradient_(std::move(gradient)), bend_(bend) {
    RandomStream random(seed, "known curvature");
    const Index n = eigenvalues_.size();
    point_ = random.normal_vector(n);
    for (Vector& r : reflectors_) r = random.normal_vector(n).normalized();
    for (Vector& w : bent_) w = random.normal_vector(n).normalized();
  }

  const Vector& point() const { return point_; }
  /// The eigenvector of the j-th eigenvalue.
  Vector eigenvector(Index j) const {
    Vector v = Vector::Unit(eigenvalues_.size(), j);
    for (const Vector& r : reflectors_) v -= 2 * r.dot(v) * r;
    return v;
  }
  Vector at_point_times(const ConstVectorRef& v) const {
    Vector hv = v;
    for (int k = 2; k >= 0; --k) hv -= 2 * reflectors_[k].dot(hv) * reflectors_[k];
    hv.array() *= eigenvalues_.array();
    for (const Vector& r : reflectors_) hv -= 2 * r.dot(hv) * r;
    return hv;
  }

  Index dimension() const override { return eigenvalues_.size(); }
  double value(const ConstVectorRef& x) const override {
    Vector g(x.size());
    return value_and_gradient(x, g);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    const Vector d = x - point_;
    const Vector hd = at_point_times(d);
    g = gradient_ + hd;
    double value = gradient_.dot(d) + d.dot(hd) / 2;
    for (const Vector& w : bent_) {
      const double along = w.dot(d);
      value += bend_ * (along * along * along / 6 + along * along * along * along / 24);
      g += bend_ * (along * along / 2 + along * along * along / 6) * w;
    }
    return value;
  }

 private:
  Vector eigenvalues_, gradient_, point_;
  double bend_;
  Vector reflectors_[3], bent_[3];
};

/// The same with exact Hessian products.
class TwiceKnownCurvature final : public KnownCurvature, public TwiceDifferentiable {
 public:
  using KnownCurvature::KnownCurvature;
  /// Of the point where it is known; `wrong` is added to the products.
  std::unique_ptr<Hessian> hessian(const ConstVectorRef&) const override {
    class AtPoint final : public Hessian {
     public:
      explicit AtPoint(const TwiceKnownCurvature& problem) : problem_(problem) {}
      void apply(const ConstVectorRef& v, VectorRef hv) const override {
        hv = problem_.at_point_times(v) + problem_.wrong * v;
      }

     private:
      const TwiceKnownCurvature& problem_;
    };
    return std::make_unique<AtPoint>(*this);
  }
  double wrong = 0;
};

}  // namespace thalweg::testing
