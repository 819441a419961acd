// What the sampled methods share, and each one's update against its formula.
#include "thalweg/method/sampled.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/method/adam.hpp"
#include "thalweg/method/clipped_sgd.hpp"
#include "thalweg/method/ian_sgd.hpp"
#include "thalweg/method/normalized.hpp"
#include "thalweg/method/nsgd_momentum.hpp"
#include "thalweg/method/sgd.hpp"
#include "thalweg/method/spider.hpp"
#include "thalweg/run/run.hpp"
#include "unit/run/scratch_folder.hpp"

namespace thalweg {
namespace {

// f(w) = (1/N) sum_i (a_i'w - b_i)^4 / 4: curvature that grows with the gradient.
class Quartics final : public Objective, public FiniteSum {
 public:
  static constexpr Index samples = 17, parameters = 4;

  Quartics() {
    RandomStream random(3, "quartics");
    rows_ = random.normal_vector(samples * parameters).reshaped(samples, parameters);
    targets_ = random.normal_vector(samples);
  }
  Index dimension() const override { return parameters; }
  Index sample_count() const override { return samples; }
  std::vector<Index> parameter_groups() const override { return {0, 3}; }
  double value(const ConstVectorRef& x) const override {
    return 0.25 * (rows_ * x - targets_).array().pow(4).mean();
  }
  double value_and_gradient(const ConstVectorRef& x, VectorRef g) const override {
    g = rows_.transpose() * (rows_ * x - targets_).array().cube().matrix() / double(samples);
    return value(x);
  }
  double value_and_gradient(const ConstVectorRef& x, Batch batch, VectorRef g) const override {
    g.setZero();
    double sum = 0;
    for (const Index i : batch) {
      const double r = rows_.row(i).dot(x) - targets_[i];
      g += std::pow(r, 3) * rows_.row(i).transpose() / double(batch.size());
      sum += 0.25 * std::pow(r, 4);
    }
    return sum / double(batch.size());
  }

 private:
  Matrix rows_;
  Vector targets_;
};

Result run_updates(const Method& method, std::int64_t updates, std::uint64_t seed = 11) {
  RunOptions options;
  options.stop = max_steps(updates);
  options.context.seed = seed;
  return run(Quartics(), method, Vector::Ones(4), options);
}

// The gradient over the next batch of a stream.
class Stream {
 public:
  Stream(std::string name, Index count) : name_(std::move(name)), count_(count) {}
  Vector gradient(const Vector& x) {
    std::vector<Index> batch;
    draw_batch(11, name_, position_, Quartics::samples, count_, batch);
    return over(x, batch);
  }
  // The batch that gradient() took last, at another point.
  Vector again(const Vector& x, std::int64_t position) const {
    std::vector<Index> batch;
    draw_batch(11, name_, position, Quartics::samples, count_, batch);
    return over(x, batch);
  }
  std::int64_t position() const { return position_; }

 private:
  static Vector over(const Vector& x, const std::vector<Index>& batch) {
    Vector g(4);
    Quartics().value_and_gradient(x, batch, g);
    return g;
  }
  std::string name_;
  Index count_;
  std::int64_t position_ = 0;
};

Vector full_gradient(const Vector& x) {
  Vector g(4);
  Quartics().value_and_gradient(x, g);
  return g;
}

TEST(DrawBatch, IsASubsetWithoutRepetition) {
  std::int64_t position = 0;
  std::vector<Index> batch;
  for (const Index count : {1, 2, 7, 16, 17, 40}) {
    draw_batch(1, "test", position, 17, count, batch);
    EXPECT_EQ(static_cast<Index>(batch.size()), std::min<Index>(17, count));
    EXPECT_TRUE(std::is_sorted(batch.begin(), batch.end()));
    EXPECT_EQ(std::set<Index>(batch.begin(), batch.end()).size(), batch.size());
    EXPECT_GE(batch.front(), 0);
    EXPECT_LT(batch.back(), 17);
  }
}

// Every one of the 10 pairs out of 5 equally often: chi-square with 9 degrees of freedom is above
// 33.7 with probability 1e-4 only, and the seed is fixed.
TEST(DrawBatch, EverySubsetIsEquallyLikely) {
  std::int64_t position = 0;
  std::vector<Index> batch;
  std::map<std::vector<Index>, int> counts;
  constexpr int draws = 20000;
  for (int k = 0; k < draws; ++k) {
    draw_batch(5, "pairs", position, 5, 2, batch);
    ++counts[batch];
  }
  ASSERT_EQ(counts.size(), 10u);
  double chi_square = 0;
  for (const auto& [pair, count] : counts)
    chi_square += std::pow(count - draws / 10.0, 2) / (draws / 10.0);
  EXPECT_LT(chi_square, 33.7);
}

TEST(Sampled, IsMeasuredOncePerEpochAndAtTheEnd) {
  const Result result = run_updates(Sgd({.eta = 0.01, .sampling = {.batch = 5}}), 10);
  std::vector<std::int64_t> steps;
  for (const StepRecord& record : result.trace) {
    steps.push_back(record.iteration);
    EXPECT_EQ(record.samples, 5 * record.iteration);
  }
  EXPECT_EQ(steps, (std::vector<std::int64_t>{0, 4, 8, 10}));  // 4 updates pass 17 samples
  EXPECT_EQ(result.steps, 10);
  EXPECT_EQ(result.samples, 50);
}

TEST(Sampled, WhenItIsMeasuredDoesNotChangeTheIterates) {
  const auto last = [](std::int64_t evaluate) {
    return run_updates(IanSgd({.stepsize = 0.01, .sampling = {.batch = 5, .evaluate = evaluate}}),
                       23)
        .last;
  };
  EXPECT_EQ(last(1), last(0));
  EXPECT_EQ(last(7), last(0));
}

TEST(Sampled, TailAveragesAreMeansOfTheLastIterates) {
  const SamplingOptions iterates{.batch = 3, .evaluate = 1};
  SamplingOptions averaged = iterates;
  averaged.output = SamplingOptions::Output::tail_average;
  // At t = 21 those since update 8, the last but one power of two.
  Vector mean = Vector::Zero(4);
  for (std::int64_t t = 8; t <= 21; ++t)
    mean += run_updates(Sgd({.eta = 0.02, .sampling = iterates}), t).last / 14;
  const Result result = run_updates(Sgd({.eta = 0.02, .sampling = averaged}), 21);
  EXPECT_LT((result.last - mean).norm(), 1e-14);
  EXPECT_NEAR(result.trace.back().value, Quartics().value(mean), 1e-14);
}

TEST(Sampled, AveragesAndEpochsGoOnAfterAnInterruption) {
  struct Interrupter final : Observer {
    void on_step(const Progress&) override { token.request(); }
    StopToken token;
  };
  SamplingOptions sampling{.batch = 3};
  sampling.output = SamplingOptions::Output::tail_average;
  const Spider method({.stepsize = 0.01, .period = 4, .sampling = sampling});
  const ScratchFolder folder;
  const Quartics problem;
  Interrupter interrupter;
  RunOptions options;
  options.stop = max_steps(40);
  options.context.seed = 11;
  RunOptions first = options;
  first.stop_token = &interrupter.token;
  first.observers = {&interrupter};
  first.checkpoint = CheckpointPlan{folder / "checkpoint", 1e9, {}};
  const Result part = run(problem, method, Vector::Ones(4), first);
  ASSERT_EQ(part.reason.outcome, Outcome::interrupted);
  ASSERT_LT(part.steps, 40);
  const Result whole = run(problem, method, Vector::Ones(4), options);
  const Result resumed = resume(problem, method, folder / "checkpoint", options);
  EXPECT_EQ(resumed.last, whole.last);
  EXPECT_EQ(resumed.samples, whole.samples);
  EXPECT_EQ(resumed.trace.size(), whole.trace.size());
}

TEST(IanSgd, DividesByTheNormOfAnIndependentBatch) {
  const double gamma = 0.05, beta = 0.75, threshold = 0.8, offset = 0.1;
  Stream batch("batch", 5), independent("independent batch", 2);
  Vector x = Vector::Ones(4);
  for (int t = 0; t < 12; ++t) {
    const Vector g = batch.gradient(x), other = independent.gradient(x);
    x -= gamma * g / std::pow(std::max(2 * other.norm() + offset, threshold), beta);
  }
  const IanSgd method({.stepsize = gamma,
                       .exponent = beta,
                       .threshold = threshold,
                       .offset = offset,
                       .independent_batch = 2,
                       .sampling = {.batch = 5}});
  const Result result = run_updates(method, 12);
  EXPECT_LT((result.last - x).norm(), 1e-13);
  EXPECT_EQ(result.samples, 12 * (5 + 2)) << "both batches are paid for";
}

TEST(IanSgd, GroupsAreNormalizedApart) {
  Stream batch("batch", 5), independent("independent batch", 4);
  Vector x = Vector::Ones(4);
  for (int t = 0; t < 5; ++t) {
    const Vector g = batch.gradient(x), other = independent.gradient(x);
    x.head(3) -= 0.01 * g.head(3) / std::max(2 * other.head(3).norm(), 0.5);
    x.tail(1) -= 0.01 * g.tail(1) / std::max(2 * other.tail(1).norm(), 0.5);
  }
  const IanSgd method({.stepsize = 0.01,
                       .exponent = 1,
                       .threshold = 0.5,
                       .sampling = {.batch = 5},
                       .per_group = true});
  EXPECT_LT((run_updates(method, 5).last - x).norm(), 1e-14);
}

TEST(ClippedSgd, TheTableIsAsPublished) {
  const double L0 = 2, L1 = 0.5, R = 3, s = 0.4, T = 12, n = s * std::sqrt(T) / R;
  const double c = std::max(10 * L0, n) / L1;
  using Rule = ClippedSgd::Rule;
  for (const Rule rule : {Rule::standard, Rule::implicit, Rule::adaptive}) {
    Stream batch("batch", 5), independent("independent batch", 3);
    Vector x = 3 * Vector::Ones(4);
    double squares = 0;
    for (int t = 0; t < 12; ++t) {
      const Vector g = batch.gradient(x), other = independent.gradient(x);
      const double a = std::min(1.0, c / other.norm());
      squares += a * a * g.squaredNorm();
      const double eta = rule == Rule::standard
                             ? a * std::min(1 / (11 * L0), 1 / (L0 + n)) / 16
                             : (rule == Rule::implicit ? 1 / (8 * (L0 + L1 * other.norm() + n))
                                                       : a * R / std::sqrt(squares));
      x -= eta * g;
    }
    const ClippedSgd method({.rule = rule,
                             .L0 = L0,
                             .L1 = L1,
                             .radius = R,
                             .noise = s,
                             .steps = 12,
                             .independent_batch = 3,
                             .sampling = {.batch = 5}});
    RunOptions options;
    options.stop = max_steps(12);
    options.context.seed = 11;
    const Result result = run(Quartics(), method, 3 * Vector::Ones(4), options);
    EXPECT_LT((result.last - x).norm(), 1e-12) << static_cast<int>(rule);
    EXPECT_EQ(result.samples, 12 * (5 + 3));
  }
}

TEST(NsgdMomentum, TheScheduleNeedsNoConstant) {
  Stream batch("batch", 5);
  Vector x = Vector::Ones(4), m = Vector::Zero(4);
  for (int t = 1; t <= 12; ++t) {
    const double b = 1 - std::pow(t, -0.5);
    m = b * m + (1 - b) * batch.gradient(x);
    x -= 0.3 * std::pow(t, -0.75) * m / m.norm();
  }
  const NsgdMomentum method({.stepsize = 0.3, .sampling = {.batch = 5}});
  EXPECT_LT((run_updates(method, 12).last - x).norm(), 1e-13);
}

TEST(Spider, RefreshesEveryPeriodAndCorrectsInBetween) {
  Stream batch("batch", 5);
  Vector x = Vector::Ones(4), previous = x, v;
  std::int64_t samples = 0;
  for (int t = 0; t < 10; ++t) {
    if (t % 4 == 0) {
      v = full_gradient(x);
      samples += Quartics::samples;
    } else {
      const std::int64_t position = batch.position();
      v += batch.gradient(x) - batch.again(previous, position);
      samples += 10;
    }
    previous = x;
    x -= 0.02 * v / v.norm();
  }
  const Result result =
      run_updates(Spider({.stepsize = 0.02, .period = 4, .sampling = {.batch = 5}}), 10);
  EXPECT_LT((result.last - x).norm(), 1e-13);
  EXPECT_EQ(result.samples, samples);
}

TEST(Adam, TakesBatches) {
  Stream batch("batch", 5);
  Vector x = Vector::Ones(4), m = Vector::Zero(4), v = Vector::Zero(4);
  for (int t = 1; t <= 9; ++t) {
    const Vector g = batch.gradient(x);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g.cwiseAbs2();
    const Vector mh = m / (1 - std::pow(0.9, t)), vh = v / (1 - std::pow(0.999, t));
    x.array() -= 0.05 * mh.array() / (vh.array().sqrt() + 1e-8);
  }
  const Adam method({.stepsize = 0.05, .sampling = {.batch = 5}});
  EXPECT_LT((run_updates(method, 9).last - x).norm(), 1e-12);
}

TEST(Sampled, StepsFollowTheSchedule) {
  const Schedule cosine{.kind = Schedule::Kind::cosine, .horizon = 20};
  const Result result = run_updates(NsgdMomentum({.stepsize = 0.5,
                                                  .momentum = 0.5,
                                                  .sampling = {.batch = 5, .evaluate = 1},
                                                  .schedule = cosine}),
                                    20);
  for (std::size_t t = 1; t < result.trace.size(); ++t)
    EXPECT_NEAR(*result.trace[t].step_norm, 0.5 * cosine.at(static_cast<std::int64_t>(t) - 1),
                1e-12);
}

}  // namespace
}  // namespace thalweg
