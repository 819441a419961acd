#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "thalweg/certify/second_order.hpp"
#include "thalweg/core/error.hpp"
#include "unit/certify/known_curvature.hpp"
#include "unit/problem/sampled_problems.hpp"

namespace thalweg {
namespace {

using testing::Centres;
using testing::KnownCurvature;

/// Quadratics f_i(x0 + d) = (g + e_i)'d + d'(H +- c_i w_i w_i') d / 2 in pairs of either sign, so
/// that the mean has the gradient g and the Hessian H at x0.
class NoisyQuadratics final : public testing::MeanOfSamples {
 public:
  NoisyQuadratics(const Vector& eigenvalues, const Vector& gradient, double noise, Index pairs,
                  std::uint64_t seed)
      : mean_(eigenvalues, gradient, 0, seed), noise_(noise) {
    RandomStream random(seed, "noisy quadratics");
    const Index n = eigenvalues.size();
    for (Index i = 0; i < pairs; ++i) {
      directions_.push_back(random.normal_vector(n).normalized());
      sizes_.push_back(random.normal());
    }
    shift_ = 0.1 * gradient.norm();
  }
  Index dimension() const override { return mean_.dimension(); }
  Index sample_count() const override { return 2 * static_cast<Index>(sizes_.size()); }
  const Vector& point() const { return mean_.point(); }

 private:
  double add(Index sample, const ConstVectorRef& x, VectorRef g) const override {
    Vector own(x.size());
    const double value = mean_.value_and_gradient(x, own);
    const auto pair = static_cast<std::size_t>(sample / 2);
    const double sign = sample % 2 == 0 ? 1 : -1;
    const Vector& w = directions_[pair];
    const double along = w.dot(x - point()), curvature = sign * noise_ * sizes_[pair];
    g += own + (curvature * along + sign * shift_) * w;
    return value + curvature * along * along / 2 + sign * shift_ * along;
  }

  KnownCurvature mean_;
  double noise_, shift_ = 0;
  std::vector<Vector> directions_;
  std::vector<double> sizes_;
};

SampledSecondOrderOptions small_batches(std::uint64_t seed) {
  SampledSecondOrderOptions options;
  options.eps = 1e-2;
  options.hessian_lipschitz = 1;  // threshold -0.1
  options.batch = 64;
  options.batches = 10;
  options.max_products = 40;
  options.seed = seed;
  return options;
}

TEST(CertifySecondOrderSampled, TellsSaddlesFromMinima) {
  Vector values = Vector::LinSpaced(20, 0.5, 2);
  const Vector gradient = Vector::Constant(20, 1e-3);
  const NoisyQuadratics minimum(values, gradient, 0.3, 100, 1);
  const SampledSecondOrderOptions options = small_batches(1);
  const Certificate holds = certify_second_order_sampled(minimum, minimum.point(), options);
  EXPECT_EQ(holds.claim, "second-order");
  EXPECT_EQ(holds.verdict, Verdict::holds) << holds.because;
  EXPECT_EQ(holds.kind, "minimum-like");
  EXPECT_EQ(holds.confidence, 1 - 1e-3);
  EXPECT_LE(*holds.lower_bound, 0.5);
  EXPECT_GE(*holds.measured, 0.5 - 0.1);
  EXPECT_NEAR(*holds.gradient_norm, gradient.norm(), 0.5 * gradient.norm());

  values[4] = -0.6;
  const NoisyQuadratics saddle(values, gradient, 0.3, 100, 1);
  const Certificate refuted = certify_second_order_sampled(saddle, saddle.point(), options);
  EXPECT_EQ(refuted.verdict, Verdict::refuted) << refuted.because;
  EXPECT_EQ(refuted.kind, "saddle");
  EXPECT_NEAR(*refuted.measured, -0.6, 0.1);
  const KnownCurvature known(values, gradient, 0, 1);
  EXPECT_GT(std::abs(refuted.direction->dot(known.eigenvector(4))), 0.95);
}

TEST(CertifySecondOrderSampled, ALargeGradientRefutesAndTooMuchNoiseLeavesUndecided) {
  const Vector values = Vector::LinSpaced(20, 0.05, 2);
  const NoisyQuadratics steep(values, Vector::Constant(20, 0.1), 0.3, 100, 1);
  const Certificate far = certify_second_order_sampled(steep, steep.point(), small_batches(1));
  EXPECT_EQ(far.kind, "not stationary");
  EXPECT_EQ(far.products, 0);
  const NoisyQuadratics noisy(values, Vector::Constant(20, 1e-3), 20, 100, 1);
  const Certificate open = certify_second_order_sampled(noisy, noisy.point(), small_batches(1));
  EXPECT_EQ(open.verdict, Verdict::undecided);
  EXPECT_NE(open.because.find("larger batches"), std::string::npos) << open.because;
  EXPECT_FALSE(open.confidence.has_value());
}

/// What is true of a random problem, and what the certificate said.
struct Judged {
  bool decided, right, near, false_minimum;
};

Judged judge(std::uint64_t seed) {
  RandomStream random(seed, "sampled second order");
  const auto n = static_cast<Index>(2 + random.below(24));
  const SampledSecondOrderOptions options = small_batches(seed);
  const double unit = -options.threshold();
  const bool near = random.below(4) == 0;
  double smallest = near ? -1 + 0.01 * (2 * random.uniform() - 1) : 0.0;
  if (!near) smallest = random.below(2) == 0 ? -2 - 6 * random.uniform() : 6 * random.uniform();
  Vector values(n);
  const double spread = std::pow(10.0, 1 + random.uniform());
  for (Index i = 0; i < n; ++i) values[i] = unit * (smallest + spread * random.uniform());
  values.head(1 + n / 5).setConstant(unit * smallest);
  const double size = options.eps * (random.below(10) == 0 ? 1.5 : 0.8 * random.uniform());
  const NoisyQuadratics problem(values, size * random.normal_vector(n).normalized(),
                                unit * 2 * random.uniform(), 150, seed);
  const Certificate c = certify_second_order_sampled(problem, problem.point(), options);
  const bool truth = smallest >= -1 && size <= options.eps;
  const bool decided = c.verdict != Verdict::undecided;
  return {decided, !decided || (c.verdict == Verdict::holds) == truth, near,
          c.kind == "minimum-like" && smallest <= 0};
}

TEST(CertifySecondOrderSampled, NoFalseVerdictOnProblemsWithKnownHessians) {
  int others = 0, decided = 0, near = 0, wrong = 0, false_minima = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Judged judged = judge(seed);
    near += judged.near;
    others += !judged.near;
    decided += !judged.near && judged.decided;
    wrong += !judged.right;
    false_minima += judged.false_minimum;
  }
  fmt::print("{} near the threshold, {} others ({} decided), {} false\n", near, others, decided,
             wrong);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(false_minima, 0);
  EXPECT_GE(near, 60);
  EXPECT_GE(decided, 0.8 * others);
}

TEST(CertifySecondOrderSampled, NumbersThatAreNotFiniteDecideNothing) {
  const Vector far{{std::numeric_limits<double>::infinity()}};
  const Certificate c = certify_second_order_sampled(Centres(), far, small_batches(1));
  EXPECT_EQ(c.verdict, Verdict::undecided);
  EXPECT_NE(c.because.find("not finite"), std::string::npos);
}

TEST(CertifySecondOrderSampled, CountsSamplesAndRefusesWhatItCannotDo) {
  const Centres problem;  // 5 samples, curvature 1 everywhere, mean 1.2
  SampledSecondOrderOptions options = small_batches(1);
  options.eps = 10;
  const Certificate c = certify_second_order_sampled(problem, Vector{{1.2}}, options);
  EXPECT_EQ(c.kind, "minimum-like") << c.because;
  EXPECT_NEAR(*c.measured, 1, 1e-8);
  // One dimension: one product of Lanczos a batch and one along the direction; five of the pilot.
  EXPECT_EQ(*c.products, 2 * 10 + 5);
  EXPECT_EQ(*c.evaluations, std::ceil((20 * 64 + 2 * 20 * 64 + 2 * 5 * 256) / 5.0));
  EXPECT_THROW(certify_second_order_sampled(KnownCurvature(Vector::Ones(2), Vector::Zero(2), 0, 1),
                                            Vector::Zero(2), options),
               UsageError);
  options.batches = 3;
  options.eps = -1;
  EXPECT_THROW(certify_second_order_sampled(problem, Vector{{1.2}}, options), UsageError);
}

}  // namespace
}  // namespace thalweg
