// Small sampled problems whose gradients and noise are known.
#pragma once

#include <cmath>

#include "thalweg/core/random.hpp"
#include "thalweg/problem/objective.hpp"

namespace thalweg::testing {

// A mean over samples, each given by its value and gradient.
class MeanOfSamples : public Objective, public FiniteSum {
 public:
  double value(const ConstVectorRef& x) const override {
    Vector g(dimension());
    return value_and_gradient(x, g);
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    double sum = 0;
    g.setZero();
    for (Index i = 0; i < sample_count(); ++i) sum += add(i, x, g);
    g /= static_cast<double>(sample_count());
    return sum / static_cast<double>(sample_count());
  }
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override {
    double sum = 0;
    g.setZero();
    for (const Index i : batch) sum += add(i, x, g);
    g /= static_cast<double>(batch.size());
    return sum / static_cast<double>(batch.size());
  }

 private:
  virtual double add(Index sample, const ConstVectorRef& x, VectorRef g) const = 0;
};

// E (w - a)^2 / 2 with a = 10 of probability 1/5 and -1 of 4/5 (or any other centres): the gradient
// is w - 1.2, with noise of variance 4.4^2 everywhere.
class Centres final : public MeanOfSamples {
 public:
  explicit Centres(Vector centres = Vector{{10, -1, -1, -1, -1}}) : a_(std::move(centres)) {}
  Index dimension() const override { return 1; }
  Index sample_count() const override { return a_.size(); }

 private:
  double add(Index i, const ConstVectorRef& x, VectorRef g) const override {
    g[0] += x[0] - a_[i];
    return (x[0] - a_[i]) * (x[0] - a_[i]) / 2;
  }
  Vector a_;
};

// f_i = c_i |x|^2 / 2 - a_i'x with c_i = 1 +- tau1 and a_i = +- tau2 e_k, all combinations: the
// gradient is x, and its noise has exactly the variance tau1^2 |x|^2 + tau2^2.
class AffineNoiseProblem final : public MeanOfSamples {
 public:
  AffineNoiseProblem(Index n, double tau1, double tau2) : n_(n), tau1_(tau1), tau2_(tau2) {}
  Index dimension() const override { return n_; }
  Index sample_count() const override { return 4 * n_; }

 private:
  double add(Index i, const ConstVectorRef& x, VectorRef g) const override {
    const double c = 1 + (i % 2 ? tau1_ : -tau1_), a = i / 2 % 2 ? tau2_ : -tau2_;
    g += c * x;
    g[i / 4] -= a;
    return c * x.squaredNorm() / 2 - a * x[i / 4];
  }
  Index n_;
  double tau1_, tau2_;
};

// (1/2N) sum (a_i'x - y_i)^2 with normal rows and noise of size 1.
class LeastSquares final : public MeanOfSamples {
 public:
  LeastSquares(Index samples, Index n, std::uint64_t seed) {
    RandomStream random(seed, "least-squares");
    a_ = random.normal_vector(samples * n).reshaped(samples, n);
    y_ = a_ * random.normal_vector(n) + random.normal_vector(samples);
  }
  Index dimension() const override { return a_.cols(); }
  Index sample_count() const override { return a_.rows(); }
  const Matrix& rows() const { return a_; }

 private:
  double add(Index i, const ConstVectorRef& x, VectorRef g) const override {
    const double r = a_.row(i).dot(x) - y_[i];
    g += r * a_.row(i).transpose();
    return r * r / 2;
  }
  Matrix a_;
  Vector y_;
};

// (1/2N) sum ((a_i'z)^2 - y_i)^2, y_i the intensity of a true z with noise of size 4.
class PhaseRetrieval final : public MeanOfSamples {
 public:
  PhaseRetrieval(Index samples, Index n, std::uint64_t seed) {
    RandomStream random(seed, "phase-retrieval");
    const double half = std::sqrt(0.5);
    a_ = half * random.normal_vector(samples * n).reshaped(samples, n);
    y_ = (a_ * (half * random.normal_vector(n))).array().square();
    y_ += 4 * random.normal_vector(samples);
  }
  Index dimension() const override { return a_.cols(); }
  Index sample_count() const override { return a_.rows(); }

 private:
  double add(Index i, const ConstVectorRef& x, VectorRef g) const override {
    const double p = a_.row(i).dot(x), r = p * p - y_[i];
    g += 2 * r * p * a_.row(i).transpose();
    return r * r / 2;
  }
  Matrix a_;
  Vector y_;
};

}  // namespace thalweg::testing
