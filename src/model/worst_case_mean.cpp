#include "thalweg/model/worst_case_mean.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thalweg {
namespace {

constexpr Divergence all_divergences[] = {Divergence::chi_square, Divergence::kl, Divergence::cvar};

// Positions of the losses from the largest to the smallest.
std::vector<Index> descending(const ConstVectorRef& losses) {
  std::vector<Index> order(static_cast<std::size_t>(losses.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return losses[a] > losses[b]; });
  return order;
}

}  // namespace

const char* to_string(Divergence divergence) {
  switch (divergence) {
    case Divergence::chi_square: return "chi-square";
    case Divergence::kl: return "kl";
    case Divergence::cvar: return "cvar";
  }
  return "";
}

std::vector<std::string> divergence_names() {
  std::vector<std::string> names;
  for (const Divergence divergence : all_divergences) names.emplace_back(to_string(divergence));
  return names;
}

Divergence divergence_from_name(std::string_view name) {
  for (const Divergence divergence : all_divergences)
    if (name == to_string(divergence)) return divergence;
  throw UsageError(fmt::format("unknown divergence '{}'", name),
                   fmt::format("one of {}", fmt::join(divergence_names(), ", ")));
}

void WorstCaseMean::require_ranges(OptionChecker& check, double lambda, double fraction) {
  check.require(lambda > 0 && std::isfinite(lambda), "lambda", "be positive and finite", lambda);
  check.require(fraction > 0 && fraction <= 1, "fraction", "be above 0 and at most 1", fraction);
}

WorstCaseMean::WorstCaseMean(Divergence divergence, double lambda, double fraction)
    : divergence_(divergence), lambda_(lambda), fraction_(fraction) {
  OptionChecker check("worst-case mean");
  require_ranges(check, lambda, fraction);
  check.throw_if_any();
}

// Comparisons are written so that NaN passes through.
WorstCaseMean::Term WorstCaseMean::term(double loss, double eta) const {
  const double gap = loss - eta, t = gap / lambda_;
  switch (divergence_) {
    case Divergence::chi_square:
      return t < -2 ? Term{-lambda_, 0} : Term{gap * (1 + t / 4), 1 + t / 2};
    case Divergence::kl: return {lambda_ * std::expm1(t), std::exp(t)};
    case Divergence::cvar: break;
  }
  return gap <= 0 ? Term{0, 0} : Term{gap / fraction_, 1 / fraction_};
}

double WorstCaseMean::value(const ConstVectorRef& losses, const ConstVectorRef& weights,
                            double eta) const {
  double sum = eta;
  for (Index k = 0; k < losses.size(); ++k) sum += weights[k] * term(losses[k], eta).value;
  return sum;
}

WorstCaseMean::Solution WorstCaseMean::best_eta(const ConstVectorRef& losses) const {
  const auto count = static_cast<double>(losses.size());
  return best_eta(losses, Vector::Constant(losses.size(), 1 / count));
}

WorstCaseMean::Solution WorstCaseMean::best_eta(const ConstVectorRef& losses,
                                                const ConstVectorRef& weights) const {
  if (losses.size() == 0 || weights.size() != losses.size())
    throw UsageError(
        fmt::format("a worst-case mean needs one weight per loss, got {} losses and {}"
                    " weights",
                    losses.size(), weights.size()));
  if (!(weights.array() > 0).all() || !(std::abs(weights.sum() - 1) <= 1e-9))
    throw UsageError("weights of a worst-case mean must be positive with sum 1");
  if (!losses.allFinite()) return {losses.sum(), losses.sum()};
  switch (divergence_) {
    case Divergence::chi_square: return best_chi_square(losses, weights);
    case Divergence::kl: return best_kl(losses, weights);
    case Divergence::cvar: break;
  }
  return best_cvar(losses, weights);
}

// L is stationary where sum_k p_k max(l_k - u, 0) = 2 lambda, u = eta - 2 lambda: the level u to
// which 2 lambda fills up from above, in the order of the losses.
WorstCaseMean::Solution WorstCaseMean::best_chi_square(const ConstVectorRef& losses,
                                                       const ConstVectorRef& weights) const {
  const std::vector<Index> order = descending(losses);
  const double top = losses[order.front()];
  double mass = 0, depth = 0;  // of the losses above u: sum p_k, sum p_k (top - l_k)
  std::size_t above = 0;
  while (above < order.size()) {
    const Index k = order[above];
    if (mass * (top - losses[k]) - depth >= 2 * lambda_) break;
    mass += weights[k];
    depth += weights[k] * (top - losses[k]);
    ++above;
  }
  double rest = 0;  // 1 - mass without cancellation: 0 where all losses are above u
  for (std::size_t i = above; i < order.size(); ++i) rest += weights[order[i]];
  const double eta = top - (depth + 2 * lambda_ * rest) / mass;

  // With w_k = q_k / p_k: Psi = eta + sum p_k (w_k (l_k - eta) - lambda (w_k - 1)^2), in which
  // nothing of the size of lambda cancels.
  double psi = 0;
  for (Index k = 0; k < losses.size(); ++k) {
    const double gap = losses[k] - eta, change = std::max(gap / (2 * lambda_), -1.0);
    psi += weights[k] * ((1 + change) * gap - lambda_ * change * change);
  }
  return {eta, eta + psi};
}

// sum_k p_k e^{(l_k - eta) / lambda} = 1, and there L(eta) = eta.
WorstCaseMean::Solution WorstCaseMean::best_kl(const ConstVectorRef& losses,
                                               const ConstVectorRef& weights) const {
  const double top = losses.maxCoeff();
  double missing = 0, sum = 0;  // sum p_k (e_k - 1) and sum p_k e_k, e_k = e^{(l_k - top)/lambda}
  for (Index k = 0; k < losses.size(); ++k) {
    missing += weights[k] * std::expm1((losses[k] - top) / lambda_);
    sum += weights[k] * std::exp((losses[k] - top) / lambda_);
  }
  const double eta = top + lambda_ * (missing > -0.5 ? std::log1p(missing) : std::log(sum));
  return {eta, eta};
}

// eta is the largest loss with at least the fraction a of the weight at or above it. Where that
// weight is exactly a, every eta down to the next loss is as good.
WorstCaseMean::Solution WorstCaseMean::best_cvar(const ConstVectorRef& losses,
                                                 const ConstVectorRef& weights) const {
  const std::vector<Index> order = descending(losses);
  double mass = 0, eta = losses[order.back()];
  for (const Index k : order) {
    mass += weights[k];
    if (mass >= fraction_) {
      eta = losses[k];
      break;
    }
  }
  return {eta, value(losses, weights, eta)};
}

}  // namespace thalweg
