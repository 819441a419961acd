#include "thalweg/model/worst_case_mean.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "thalweg/core/random.hpp"

namespace thalweg {
namespace {

constexpr Divergence divergences[] = {Divergence::chi_square, Divergence::kl, Divergence::cvar};

// The dual form as it is stated, in long double.
struct Stated {
  Divergence divergence;
  long double lambda, fraction;

  long double conjugate(long double t) const {
    if (divergence == Divergence::chi_square) {
      const long double u = std::max(t / 2 + 1, 0.0L);
      return u * u - 1;
    }
    return divergence == Divergence::kl ? std::exp(t) - 1 : std::max(t, 0.0L) / fraction;
  }
  long double slope(long double t) const {
    if (divergence == Divergence::chi_square) return std::max(t / 2 + 1, 0.0L);
    return divergence == Divergence::kl ? std::exp(t) : (t > 0 ? 1 / fraction : 0);
  }
  long double value(const Vector& l, const Vector& p, long double eta) const {
    long double sum = eta;
    for (Index k = 0; k < l.size(); ++k)
      sum += p[k] * lambda * conjugate((static_cast<long double>(l[k]) - eta) / lambda);
    return sum;
  }
  // dL/d eta, increasing.
  long double eta_derivative(const Vector& l, const Vector& p, long double eta) const {
    long double sum = 1;
    for (Index k = 0; k < l.size(); ++k)
      sum -= p[k] * slope((static_cast<long double>(l[k]) - eta) / lambda);
    return sum;
  }
  // Where the derivative changes sign.
  long double bisected_eta(const Vector& l, const Vector& p) const {
    long double low = l.minCoeff() - 1e-3L, high = l.maxCoeff() + 2 * lambda + 1e-3L;
    for (int k = 0; k < 200; ++k) {
      const long double middle = (low + high) / 2;
      (eta_derivative(l, p, middle) < 0 ? low : high) = middle;
    }
    return (low + high) / 2;
  }
  // psi(u) of the divergence itself.
  long double divergence_of(long double u) const {
    if (divergence == Divergence::chi_square) return (u - 1) * (u - 1);
    if (divergence == Divergence::kl) return u > 0 ? u * std::log(u) - u + 1 : 1;
    return u <= 1 / fraction ? 0 : std::numeric_limits<long double>::infinity();
  }
};

Vector random_losses(Index count, double spread, std::uint64_t seed) {
  return spread * RandomStream(seed, "losses").normal_vector(count).array().square();
}

Vector random_weights(Index count, std::uint64_t seed) {
  const Vector raw = RandomStream(seed, "weights").normal_vector(count).array().abs() + 0.01;
  return raw / raw.sum();
}

TEST(WorstCaseMean, BestEtaAgreesWithBisection) {
  for (const Divergence divergence : divergences) {
    for (const double lambda : {1e-3, 0.3, 20.0, 1e5}) {
      for (const double spread : {1e-2, 1.0, 300.0}) {
        for (const Index count : {1, 2, 7, 200}) {
          SCOPED_TRACE(std::string(to_string(divergence)) + " lambda " + std::to_string(lambda) +
                       " spread " + std::to_string(spread) + " losses " + std::to_string(count));
          const WorstCaseMean mean(divergence, lambda, 0.15);
          const Stated stated{divergence, lambda, 0.15L};
          const Vector l = random_losses(count, spread, 3), p = random_weights(count, 5);
          const auto found = mean.best_eta(l, p);
          const long double eta = stated.bisected_eta(l, p);
          const double psi = static_cast<double>(stated.value(l, p, eta));
          EXPECT_NEAR(found.psi, psi, 1e-9 * psi);
          // cvar may have an interval of minimisers: there the values agree, not the etas.
          EXPECT_NEAR(static_cast<double>(stated.value(l, p, found.eta)), psi, 1e-9 * psi);
          if (divergence != Divergence::cvar) {
            EXPECT_NEAR(found.eta, static_cast<double>(eta), 1e-9 * (psi + lambda * 1e-6));
          }
        }
      }
    }
  }
}

TEST(WorstCaseMean, NoEtaIsBetterThanTheBest) {
  const Vector l = random_losses(40, 1, 8);
  RandomStream random(9, "eta");
  for (const Divergence divergence : divergences) {
    for (const double lambda : {0.05, 1.0}) {
      const WorstCaseMean mean(divergence, lambda, 0.2);
      const Vector p = Vector::Constant(40, 1.0 / 40);
      const auto best = mean.best_eta(l);
      EXPECT_NEAR(mean.value(l, p, best.eta), best.psi, 1e-13 * best.psi);
      for (int k = 0; k < 200; ++k)
        EXPECT_GE(mean.value(l, p, 3 * random.normal()), best.psi * (1 - 1e-14));
    }
  }
}

// The supremum over distributions of two points, from the divergences themselves.
TEST(WorstCaseMean, IsTheMeanUnderTheWorstDistribution) {
  Vector l(2), p(2);
  l << 1.3, 0.4;
  p << 0.3, 0.7;
  for (const Divergence divergence : divergences) {
    for (const double lambda : {0.1, 0.5, 5.0}) {
      SCOPED_TRACE(std::string(to_string(divergence)) + " lambda " + std::to_string(lambda));
      const Stated stated{divergence, lambda, 0.4L};
      long double sup = -1e300L;
      constexpr int grid = 400000;
      for (int k = 0; k <= grid; ++k) {
        const long double q = static_cast<long double>(k) / grid;
        const long double distance =
            p[0] * stated.divergence_of(q / p[0]) + p[1] * stated.divergence_of((1 - q) / p[1]);
        sup = std::max(sup, q * l[0] + (1 - q) * l[1] - lambda * distance);
      }
      EXPECT_NEAR(WorstCaseMean(divergence, lambda, 0.4).best_eta(l, p).psi,
                  static_cast<double>(sup), 1e-5);
    }
  }
}

TEST(WorstCaseMean, CvarIsTheMeanOfTheTail) {
  const Vector l = Vector::LinSpaced(10, 1, 10);
  const auto psi = [&](double fraction) {
    return WorstCaseMean(Divergence::cvar, 0.01, fraction).best_eta(l).psi;
  };
  EXPECT_NEAR(psi(0.25), (10 + 9 + 0.5 * 8) / 2.5, 1e-14);
  EXPECT_NEAR(psi(0.3), 9, 1e-14);
  EXPECT_NEAR(psi(0.01), 10, 1e-14);
  EXPECT_NEAR(psi(1), 5.5, 1e-14);
  const Vector equal = Vector::Constant(10, 3);
  EXPECT_EQ(WorstCaseMean(Divergence::cvar, 1, 0.5).best_eta(equal).psi, 3);
}

TEST(WorstCaseMean, LargeLambdaGivesTheMeanAndSmallLambdaTheLargest) {
  const Vector l = random_losses(60, 1, 2);
  const double mean = l.mean(), variance = (l.array() - mean).square().mean();
  const double largest = l.maxCoeff();
  for (const double lambda : {1e3, 1e6, 1e9}) {
    // Psi = mean + variance/(2 lambda) + ... for kl, and + variance/(4 lambda) for chi-square.
    const double kl = WorstCaseMean(Divergence::kl, lambda, 1).best_eta(l).psi;
    const double chi = WorstCaseMean(Divergence::chi_square, lambda, 1).best_eta(l).psi;
    EXPECT_NEAR((kl - mean) * 2 * lambda / variance, 1, 10 / lambda + 1e-15 * lambda);
    EXPECT_NEAR((chi - mean) * 4 * lambda / variance, 1, 1e-12 + 1e-15 * lambda);
  }
  for (const Divergence divergence : {Divergence::kl, Divergence::chi_square}) {
    EXPECT_NEAR(WorstCaseMean(divergence, 1e-7, 1).best_eta(l).psi, largest, 1e-4);
    double previous = largest;
    for (double lambda = 1e-3; lambda < 1e3; lambda *= 3) {
      const double psi = WorstCaseMean(divergence, lambda, 1).best_eta(l).psi;
      EXPECT_LT(psi, previous);
      EXPECT_GT(psi, mean);
      previous = psi;
    }
  }
}

TEST(WorstCaseMean, AConstantIsAddedToPsiAndEta) {
  const Vector l = random_losses(30, 1, 4), shifted = l.array() + 7;
  for (const Divergence divergence : divergences) {
    const WorstCaseMean mean(divergence, 0.2, 0.3);
    EXPECT_NEAR(mean.best_eta(shifted).psi, mean.best_eta(l).psi + 7, 1e-13);
    EXPECT_NEAR(mean.best_eta(shifted).eta, mean.best_eta(l).eta + 7, 1e-13);
  }
}

TEST(WorstCaseMean, HugeLossesOverflowToInfinityInLAloneAndNanStaysVisible) {
  Vector l = random_losses(5, 1e6, 4);
  const Vector p = Vector::Constant(5, 0.2);
  const WorstCaseMean kl(Divergence::kl, 0.01, 1);
  EXPECT_TRUE(std::isinf(kl.value(l, p, 0)));
  EXPECT_NEAR(kl.best_eta(l).psi, l.maxCoeff() - 0.01 * std::log(5.0), 1e-6);
  l[3] = std::nan("");
  for (const Divergence divergence : divergences) {
    const WorstCaseMean mean(divergence, 0.01, 0.5);
    EXPECT_TRUE(std::isnan(mean.best_eta(l).psi));
    EXPECT_TRUE(std::isnan(mean.value(l, p, 0)));
  }
}

TEST(WorstCaseMean, MisuseIsNamed) {
  try {
    WorstCaseMean(Divergence::kl, 0, 1.5);
    FAIL();
  } catch (const UsageError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("lambda must"), std::string::npos) << text;
    EXPECT_NE(text.find("fraction must"), std::string::npos) << text;
  }
  const WorstCaseMean mean(Divergence::chi_square, 1, 1);
  EXPECT_THROW(mean.best_eta(Vector()), UsageError);
  EXPECT_THROW(mean.best_eta(Vector::Ones(2), Vector::Ones(2)), UsageError);
  EXPECT_THROW(mean.best_eta(Vector::Ones(2), Vector::Ones(1)), UsageError);
  EXPECT_THROW(mean.best_eta(Vector::Ones(2), Vector::Unit(2, 0)), UsageError);
}

TEST(Divergence, NamesGoBothWays) {
  for (const Divergence divergence : divergences)
    EXPECT_EQ(divergence_from_name(to_string(divergence)), divergence);
  EXPECT_EQ(divergence_names(), (std::vector<std::string>{"chi-square", "kl", "cvar"}));
  EXPECT_THROW(divergence_from_name("chi2"), UsageError);
}

}  // namespace
}  // namespace thalweg
