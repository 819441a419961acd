#include "thalweg/problem/output_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "thalweg/core/random.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/model/output_losses.hpp"
#include "thalweg/model/robust_losses.hpp"

namespace thalweg {
namespace {

constexpr Index samples = 23;

Vector normal(Index count, std::uint64_t seed) {
  return RandomStream(seed, "outputs").normal_vector(count);
}

Matrix targets(Index outputs) {
  return Eigen::Map<const Matrix>(normal(samples * outputs, 1).data(), samples, outputs);
}

std::vector<int> labels(int classes) {
  std::vector<int> all(samples);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(7 * i) % classes;
  return all;
}

std::vector<std::shared_ptr<const OutputLoss>> losses() {
  return {std::make_shared<SquaredLoss>(targets(1)),
          std::make_shared<SquaredLoss>(targets(3)),
          std::make_shared<HuberLoss>(targets(2), 0.7),
          std::make_shared<CauchyLoss>(targets(2), 0.7),
          std::make_shared<TukeyLoss>(targets(2), 2),
          std::make_shared<CrossEntropyLoss>(labels(2), 2),
          std::make_shared<CrossEntropyLoss>(labels(4), 4),
          std::make_shared<ExponentialLoss>(labels(2)),
          std::make_shared<PolynomialLoss>(labels(2), 1.5),
          std::make_shared<SquaredHingeLoss>(labels(2))};
}

TEST(SampleLosses, TheirMeanIsTheValueAndEachIsThatOfItsSampleAlone) {
  for (const auto& loss : losses()) {
    SCOPED_TRACE(loss->description());
    const Index outputs = loss->outputs_per_sample();
    const Vector y = 2 * normal(loss->output_count(), 2);
    Vector each(samples), gy(outputs);
    loss->sample_losses(y, each);
    EXPECT_NEAR(each.mean(), loss->value(y), 1e-14 * loss->value(y));
    for (Index i = 0; i < samples; ++i) {
      Vector own(outputs);
      for (Index q = 0; q < outputs; ++q) own[q] = y[q * samples + i];
      const double expected = loss->batch_sum(Batch(&i, 1), own, gy);
      EXPECT_NEAR(each[i], expected, 1e-14 * expected) << i;
    }
  }
}

TEST(SampleLosses, ABatchAgreesWithTheDefaultWhichTakesOneSampleAfterTheOther) {
  const std::vector<Index> batch = {22, 3, 3, 0, 17};
  const auto size = static_cast<Index>(batch.size());
  for (const auto& loss : losses()) {
    SCOPED_TRACE(loss->description());
    const Vector y = 3 * normal(size * loss->outputs_per_sample(), 3);
    Vector own(size), plain(size), gy(y.size());
    loss->batch_losses(batch, y, own);
    loss->OutputLoss::batch_losses(batch, y, plain);
    EXPECT_LE((own - plain).norm(), 1e-14 * plain.norm());
    const double sum = loss->batch_sum(batch, y, gy);
    EXPECT_NEAR(own.sum(), sum, 1e-14 * sum);
  }
}

TEST(SampleLosses, KnownValuesAndNotANumberStaysWithItsSample) {
  Matrix t(2, 2);
  t << 1, 2,  //
      3, 4;
  const SquaredLoss squared(t);
  Vector y(4), each(2);
  y << 2, 3, 4, 0;  // residuals (1, 2) and (0, -4)
  squared.sample_losses(y, each);
  EXPECT_EQ(each[0], 2.5);
  EXPECT_EQ(each[1], 8);
  const CrossEntropyLoss logistic({1, 0}, 2);
  logistic.sample_losses(Vector::Constant(2, 3), each);
  EXPECT_NEAR(each[0], std::log1p(std::exp(-3.0)), 1e-16);
  EXPECT_NEAR(each[1], 3 + std::log1p(std::exp(-3.0)), 1e-15);

  for (const auto& loss : losses()) {
    SCOPED_TRACE(loss->description());
    Vector outputs = normal(loss->output_count(), 4), of_samples(samples);
    outputs[5] = std::nan("");
    loss->sample_losses(outputs, of_samples);
    for (Index i = 0; i < samples; ++i) EXPECT_EQ(std::isnan(of_samples[i]), i == 5) << i;
  }
}

}  // namespace
}  // namespace thalweg
