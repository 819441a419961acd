#include "thalweg/model/robust_objective.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/problem/derivative_check.hpp"

namespace thalweg {
namespace {

using Over = RobustObjective::Over;
using Options = RobustObjective::Options;

constexpr Index samples = 18, columns = 3, group_count = 4;
constexpr Divergence divergences[] = {Divergence::chi_square, Divergence::kl, Divergence::cvar};

Matrix normal_matrix(Index rows, Index cols, const char* name) {
  const Vector entries = RandomStream(3, name).normal_vector(rows * cols);
  return Eigen::Map<const Matrix>(entries.data(), rows, cols);
}

std::vector<int> labels(int classes) {
  std::vector<int> all(samples);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(5 * i + i / 3) % classes;
  return all;
}

// Of sizes 6, 5, 4 and 3, mixed.
std::vector<int> groups() { return {0, 1, 2, 3, 0, 1, 2, 0, 1, 3, 0, 2, 1, 0, 3, 2, 1, 0}; }

struct Case {
  std::string name;
  std::shared_ptr<const OutputModel> model;
  std::shared_ptr<const OutputLoss> loss;
};

std::vector<Case> cases() {
  const Matrix inputs = normal_matrix(samples, columns, "inputs");
  const auto network = [&](std::vector<Index> hidden, Index outputs) {
    return Network({.inputs = columns, .hidden = std::move(hidden), .outputs = outputs}).on(inputs);
  };
  return {
      {"linear regression", network({}, 1),
       std::make_shared<SquaredLoss>(normal_matrix(samples, 1, "targets"))},
      {"linear, two classes", network({}, 1), std::make_shared<CrossEntropyLoss>(labels(2), 2)},
      {"linear, three classes", network({}, 3), std::make_shared<CrossEntropyLoss>(labels(3), 3)},
      {"network, two targets", network({4}, 2),
       std::make_shared<SquaredLoss>(normal_matrix(samples, 2, "targets"))},
      {"network, two classes", network({3}, 1), std::make_shared<CrossEntropyLoss>(labels(2), 2)},
  };
}

// Every case with every divergence, over samples and over groups. lambda is such that neither all
// samples nor one alone count.
template <class Check>
void for_every_objective(Check check) {
  for (const Case& c : cases())
    for (const Divergence divergence : divergences)
      for (const Over over : {Over::samples, Over::groups}) {
        SCOPED_TRACE(c.name + ", " + to_string(divergence) +
                     (over == Over::groups ? " over groups" : " over samples"));
        const Options options{.divergence = divergence,
                              .lambda = divergence == Divergence::kl ? 0.7 : 0.15,
                              .fraction = 0.4,
                              .over = over};
        check(c, RobustObjective(c.model, c.loss, options, groups()));
      }
}

// Parameters away from the kink of the penalty at 0, and an eta in the middle between two losses,
// so that no kink of cvar is near.
Vector point_of(const RobustObjective& objective, std::uint64_t seed = 1) {
  Vector x = RandomStream(seed, "point").normal_vector(objective.dimension());
  for (double& entry : x) entry += entry < 0 ? -0.1 : 0.1;
  x[x.size() - 1] = objective.best_eta(x).eta + 0.01;
  return x;
}

// Losses of the samples with the penalty, from the definitions.
Vector stated_losses(const Case& c, const Options& options, const Vector& x) {
  const Vector w = x.head(x.size() - 1);
  double penalty = 0;
  for (const double entry : w) penalty += options.penalty * std::log(1 + std::abs(entry));
  Vector y(c.model->output_count()), losses(samples);
  c.model->outputs(w, y);
  const Index outputs = c.loss->outputs_per_sample();
  for (Index i = 0; i < samples; ++i) {
    Vector own(outputs), unused(outputs);
    for (Index q = 0; q < outputs; ++q) own[q] = y[q * samples + i];
    losses[i] = c.loss->batch_sum(Batch(&i, 1), own, unused) + penalty;
  }
  return losses;
}

double stated_conjugate(const Options& options, double t) {
  if (options.divergence == Divergence::kl) return std::exp(t) - 1;
  if (options.divergence == Divergence::cvar) return std::max(t, 0.0) / options.fraction;
  const double u = std::max(t / 2 + 1, 0.0);
  return u * u - 1;
}

TEST(RobustObjective, ValueIsTheStatedFormula) {
  for_every_objective([](const Case& c, const RobustObjective& objective) {
    const Options& options = objective.options();
    for (const std::uint64_t seed : {1, 2, 3}) {
      const Vector x = point_of(objective, seed);
      const double eta = x[x.size() - 1];
      const Vector losses = stated_losses(c, options, x);
      double expected = eta;
      if (options.over == Over::samples) {
        for (Index i = 0; i < samples; ++i)
          expected += options.lambda *
                      stated_conjugate(options, (losses[i] - eta) / options.lambda) / samples;
      } else {
        for (int g = 0; g < group_count; ++g) {
          double sum = 0, size = 0;
          for (Index i = 0; i < samples; ++i)
            if (groups()[static_cast<std::size_t>(i)] == g) sum += losses[i], size += 1;
          expected += options.lambda * size / samples *
                      stated_conjugate(options, (sum / size - eta) / options.lambda);
        }
      }
      Vector g(x.size());
      EXPECT_NEAR(objective.value(x), expected, 1e-12 * std::abs(expected));
      EXPECT_NEAR(objective.value_and_gradient(x, g), expected, 1e-12 * std::abs(expected));
    }
  });
}

TEST(RobustObjective, GradientHasTaylorSlopeTwo) {
  for_every_objective([](const Case&, const RobustObjective& objective) {
    const Vector x = point_of(objective);
    const Vector v = RandomStream(4, "direction").normal_vector(x.size()).normalized();
    Vector g(x.size());
    const double value = objective.value_and_gradient(x, g);
    EXPECT_GT(g.head(x.size() - 1).norm(), 1e-3);
    const TaylorSlope slope = taylor_slope(
        [&](double h) { return std::abs(objective.value(x + h * v) - value - h * g.dot(v)); }, 0.02,
        1e-13 * std::max(1.0, std::abs(value)));
    ASSERT_TRUE(slope.slope.has_value());
    EXPECT_NEAR(*slope.slope, 2, 0.1);
    // In eta alone.
    const double h = 1e-6;
    Vector up = x, down = x;
    up[x.size() - 1] += h;
    down[x.size() - 1] -= h;
    EXPECT_NEAR(g[x.size() - 1], (objective.value(up) - objective.value(down)) / (2 * h), 1e-7);
  });
}

TEST(RobustObjective, BatchesAverageToTheWhole) {
  for_every_objective([](const Case&, const RobustObjective& objective) {
    const Vector x = point_of(objective);
    const Index terms = objective.sample_count();
    EXPECT_EQ(terms, objective.options().over == Over::groups ? group_count : samples);
    Vector g(x.size()), of_batch(x.size()), mean = Vector::Zero(x.size());
    const double value = objective.value_and_gradient(x, g);
    double mean_value = 0;
    for (Index k = 0; k < terms; ++k) {
      mean_value += objective.value_and_gradient(x, Batch(&k, 1), of_batch);
      mean += of_batch;
    }
    const auto count = static_cast<double>(terms);
    EXPECT_NEAR(mean_value / count, value, 1e-13 * std::abs(value) + 1e-14);
    EXPECT_LE((mean / count - g).norm(), 1e-13 * g.norm());

    std::vector<Index> all(static_cast<std::size_t>(terms));
    std::iota(all.rbegin(), all.rend(), Index{0});
    EXPECT_NEAR(objective.value_and_gradient(x, all, of_batch), value, 1e-13 * std::abs(value));
    EXPECT_LE((of_batch - g).norm(), 1e-13 * g.norm());
  });
}

TEST(RobustObjective, ABatchMayNameATermTwice) {
  for_every_objective([](const Case&, const RobustObjective& objective) {
    const Vector x = point_of(objective);
    const std::vector<Index> batch = {3, 1, 3};
    const Index one = 1, three = 3;
    Vector g(x.size()), g_one(x.size()), g_three(x.size());
    const double value = objective.value_and_gradient(x, batch, g);
    const double v_one = objective.value_and_gradient(x, Batch(&one, 1), g_one);
    const double v_three = objective.value_and_gradient(x, Batch(&three, 1), g_three);
    EXPECT_NEAR(value, (v_one + 2 * v_three) / 3, 1e-13 * (1 + std::abs(value)));
    EXPECT_LE((g - (g_one + 2 * g_three) / 3).norm(), 1e-13 * (1 + g.norm()));
  });
}

TEST(RobustObjective, PsiIsTheMinimumOverEta) {
  RandomStream random(6, "eta");
  for_every_objective([&](const Case&, const RobustObjective& objective) {
    Vector x = point_of(objective), g(x.size());
    const double psi = objective.psi(x);
    for (int k = 0; k < 50; ++k) {
      x[x.size() - 1] = 2 * random.normal();
      EXPECT_GE(objective.value(x), psi * (1 - 1e-14));
      EXPECT_EQ(objective.psi(x), psi);
    }
    const Vector best = objective.with_best_eta(x);
    EXPECT_EQ(best.head(x.size() - 1), x.head(x.size() - 1));
    EXPECT_NEAR(objective.value_and_gradient(best, g), psi, 1e-13 * psi);
    if (objective.options().divergence != Divergence::cvar) {
      EXPECT_NEAR(g[x.size() - 1], 0, 1e-12);
    }
    EXPECT_GE(psi, objective.lower_bound());
  });
}

TEST(RobustObjective, ThePenaltyAddsItselfToPsi) {
  const Case c = cases().front();
  for (const Divergence divergence : divergences) {
    Options options{.divergence = divergence, .penalty = 0};
    const RobustObjective plain(c.model, c.loss, options);
    options.penalty = 0.3;
    const RobustObjective penalized(c.model, c.loss, options);
    const Vector x = point_of(plain);
    const double penalty = 0.3 * x.head(x.size() - 1).array().abs().log1p().sum();
    EXPECT_NEAR(penalized.psi(x), plain.psi(x) + penalty, 1e-13);
  }
  // At 0 its derivative is 0: only the losses are seen.
  const RobustObjective plain(c.model, c.loss, {.penalty = 0});
  const RobustObjective penalized(c.model, c.loss, {});
  Vector x = Vector::Zero(plain.dimension()), g(x.size()), expected(x.size());
  x[x.size() - 1] = 0.5;
  plain.value_and_gradient(x, expected);
  penalized.value_and_gradient(x, g);
  EXPECT_EQ(g, expected);
}

// The mean of the squared loss and its penalty, by CVaR of everything and by a large lambda.
TEST(RobustObjective, WithoutAWorstCaseItIsTheMean) {
  const Case c = cases().front();
  const Vector x = point_of(RobustObjective(c.model, c.loss, {}));
  const double mean = stated_losses(c, {}, x).mean();
  const auto psi = [&](const Options& options) {
    return RobustObjective(c.model, c.loss, options, groups()).psi(x);
  };
  EXPECT_NEAR(psi({.divergence = Divergence::cvar, .fraction = 1}), mean, 1e-14 * mean);
  EXPECT_NEAR(psi({.divergence = Divergence::cvar, .fraction = 1, .over = Over::groups}), mean,
              1e-14 * mean);
  for (const Divergence divergence : {Divergence::kl, Divergence::chi_square})
    EXPECT_NEAR(psi({.divergence = divergence, .lambda = 1e7}), mean, 1e-6 * mean);
}

TEST(RobustObjective, GroupLossesAndErrorsFollowTheDefinition) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const RobustObjective objective(c.model, c.loss, {}, groups());
    EXPECT_EQ(objective.sample_count(), samples);  // groups alone do not change the objective
    const Vector x = point_of(objective);
    const Vector losses = stated_losses(c, {.penalty = 0}, x);
    Vector y(c.model->output_count());
    c.model->outputs(x.head(x.size() - 1), y);
    const Index outputs = c.loss->outputs_per_sample();
    const auto* labelled = dynamic_cast<const MarginLoss*>(c.loss.get());
    const Vector group_losses = objective.group_losses(x), errors = objective.group_errors(x);
    const Vector sizes = objective.group_sizes();
    ASSERT_EQ(objective.group_count(), group_count);
    ASSERT_EQ(group_losses.size(), group_count);
    ASSERT_EQ(errors.size(), group_count);
    for (int g = 0; g < group_count; ++g) {
      double size = 0, sum = 0, error = 0;
      for (Index i = 0; i < samples; ++i) {
        if (groups()[static_cast<std::size_t>(i)] != g) continue;
        size += 1;
        sum += losses[i];
        if (labelled == nullptr) {  // half of the sum of squares is the loss
          error += 2 * losses[i] / static_cast<double>(outputs);
          continue;
        }
        int predicted = y[i] > 0 ? 1 : 0;
        if (outputs > 1) {
          predicted = 0;
          for (int q = 1; q < outputs; ++q)
            if (y[q * samples + i] > y[predicted * samples + i]) predicted = q;
        }
        error += predicted == labelled->label(i) ? 0 : 1;
      }
      EXPECT_EQ(sizes[g], size);
      EXPECT_NEAR(group_losses[g], sum / size, 1e-14 * sum);
      const double expected = labelled == nullptr ? std::sqrt(error / size) : error / size;
      EXPECT_NEAR(errors[g], expected, 1e-14);
    }
    EXPECT_GT(errors.maxCoeff(), 0);
  }
}

TEST(RobustObjective, WithoutGroupsThereIsOneOfAll) {
  const Case c = cases().front();
  const RobustObjective objective(c.model, c.loss, {});
  const Vector x = point_of(objective);
  EXPECT_EQ(objective.group_count(), 1);
  EXPECT_NEAR(objective.group_losses(x)[0], stated_losses(c, {.penalty = 0}, x).mean(), 1e-14);
}

TEST(RobustObjective, OneGroupPerSampleIsTheSameObjective) {
  for (const Case& c : cases()) {
    std::vector<int> own(samples);
    std::iota(own.begin(), own.end(), 0);
    const RobustObjective plain(c.model, c.loss, {.lambda = 0.2});
    const RobustObjective grouped(c.model, c.loss, {.lambda = 0.2, .over = Over::groups}, own);
    const Vector x = point_of(plain);
    Vector g(x.size()), of_groups(x.size());
    EXPECT_NEAR(plain.value_and_gradient(x, g), grouped.value_and_gradient(x, of_groups), 1e-13);
    EXPECT_LE((g - of_groups).norm(), 1e-13 * g.norm());
  }
}

TEST(RobustObjective, OverflowIsInfiniteAndNeverNotANumber) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const RobustObjective objective(c.model, c.loss,
                                    {.divergence = Divergence::kl, .lambda = 1e-4});
    Vector x = 3 * objective.random_start(1), g(x.size());
    EXPECT_EQ(objective.value(x), infinity);
    EXPECT_EQ(objective.value_and_gradient(x, g), infinity);
    EXPECT_TRUE((g.array() == infinity).all());
    std::vector<Index> all(samples);
    std::iota(all.begin(), all.end(), Index{0});
    EXPECT_EQ(objective.value_and_gradient(x, all, g), infinity);
    EXPECT_TRUE((g.array() == infinity).all());

    const Vector start = objective.with_best_eta(x);
    EXPECT_NEAR(objective.value_and_gradient(start, g), objective.psi(x), 1e-12 * objective.psi(x));
    EXPECT_TRUE(g.allFinite());
    EXPECT_NEAR(g[x.size() - 1], 0, 1e-9);

    x[0] = std::nan("");
    EXPECT_TRUE(std::isnan(objective.value_and_gradient(x, g)));
    EXPECT_FALSE(g.allFinite());
    EXPECT_TRUE(std::isnan(objective.psi(x)));
  }
}

TEST(RobustObjective, RandomStartIsThatOfItsSeed) {
  const Case c = cases().front();
  const RobustObjective objective(c.model, c.loss, {});
  const Vector start = objective.random_start(7);
  ASSERT_EQ(start.size(), objective.dimension());
  ASSERT_EQ(start.size(), columns + 2);
  EXPECT_EQ(start[columns + 1], 0.1);
  EXPECT_EQ(start.head(columns + 1), RandomStream(7, "dro").normal_vector(columns + 1));
  EXPECT_NE(start, objective.random_start(8));
}

TEST(RobustObjective, TheInfimumIsAttainedWithAPenalty) {
  const Case c = cases()[1];  // logistic loss, which attains none
  EXPECT_FALSE(RobustObjective(c.model, c.loss, {.penalty = 0}).attains_infimum());
  EXPECT_TRUE(RobustObjective(c.model, c.loss, {}).attains_infimum());
}

std::string message_of(const Case& c, const Options& options, const std::vector<int>& of_samples) {
  try {
    const RobustObjective objective(c.model, c.loss, options, of_samples);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(RobustObjective, MisuseIsNamedAllAtOnce) {
  const Case c = cases().front();
  const std::string text = message_of(
      c, {.lambda = -1, .fraction = 0, .penalty = std::nan(""), .over = Over::groups}, {});
  for (const char* part : {"lambda must", "fraction must", "penalty must", "over = groups"})
    EXPECT_NE(text.find(part), std::string::npos) << part << ": " << text;

  std::vector<int> short_of_one(samples - 1, 0), gap(samples, 0), negative(samples, 0);
  gap[3] = 2;
  negative[0] = -1;
  EXPECT_NE(message_of(c, {}, short_of_one).find("18 samples, got 17"), std::string::npos);
  for (const auto& wrong : {gap, negative})
    EXPECT_NE(message_of(c, {}, wrong).find("numbered 0, 1"), std::string::npos);
  EXPECT_EQ(message_of(c, {}, groups()), "");

  const Case mixed{"", c.model, cases()[2].loss};
  EXPECT_NE(message_of(mixed, {}, {}).find("disagree"), std::string::npos);
  EXPECT_NE(message_of({"", nullptr, nullptr}, {}, {}).find("model and a loss"), std::string::npos);
}

TEST(RobustObjective, DescriptionSaysWhatIsMinimised) {
  const Case c = cases().front();
  const RobustObjective objective(c.model, c.loss, {.over = Over::groups}, groups());
  EXPECT_EQ(objective.description(),
            "chi-square worst-case mean over 4 groups of squared loss of linear");
}

// Models work on a batch in blocks; a term over a group needs all of its samples at once.
TEST(RobustObjective, BatchesLargerThanTheBlocksOfAModelHaveTheGradientOfTheStatedTerms) {
  constexpr Index many = 1500;
  const Matrix inputs = normal_matrix(many, columns, "many inputs");
  const Vector noise = RandomStream(3, "many targets").normal_vector(many);
  const auto loss = std::make_shared<SquaredLoss>(Matrix(inputs.col(0) + noise));
  std::vector<int> members(many);
  for (std::size_t i = 0; i < members.size(); ++i) members[i] = static_cast<int>(i % 7);
  for (const std::vector<Index>& hidden : {std::vector<Index>{}, std::vector<Index>{5}}) {
    const auto model = Network({.inputs = columns, .hidden = hidden, .outputs = 1}).on(inputs);
    for (const Over over : {Over::samples, Over::groups}) {
      SCOPED_TRACE(testing::Message() << hidden.size() << " hidden layers, over "
                                      << (over == Over::groups ? "groups" : "samples"));
      const RobustObjective objective(model, loss, {.lambda = 0.2, .over = over}, members);
      const Vector x = point_of(objective);
      Vector g(x.size()), one(x.size());
      // All of them: the full objective, which is computed without batches.
      std::vector<Index> all(static_cast<std::size_t>(objective.sample_count()));
      std::iota(all.begin(), all.end(), Index{0});
      const double of_all = objective.value_and_gradient(x, all, g);
      Vector full(x.size());
      EXPECT_NEAR(objective.value_and_gradient(x, full), of_all, 1e-12 * std::abs(of_all));
      EXPECT_LE((g - full).norm(), 1e-11 * full.norm());
      // Some of them, repeated ones too: the mean of the single terms.
      std::vector<Index> some;
      for (std::size_t k = 0; k < 130; ++k) some.push_back(all[(k * k) % all.size()]);
      Vector mean = Vector::Zero(x.size());
      double value = 0;
      for (const Index k : some) {
        value += objective.value_and_gradient(x, Batch(&k, 1), one) / 130;
        mean += one / 130;
      }
      EXPECT_NEAR(objective.value_and_gradient(x, some, g), value, 1e-11 * std::abs(value));
      EXPECT_LE((g - mean).norm(), 1e-11 * mean.norm());
    }
  }
}

}  // namespace
}  // namespace thalweg
