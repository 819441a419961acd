#include "certify/plateau_probe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalweg/linalg/smallest_eigenvalue.hpp"
#include "thalweg/method/sampled.hpp"
#include "thalweg/problem/hessian.hpp"
#include "thalweg/problem/probed_rank.hpp"
#include "thalweg/problem/sampled_gradient.hpp"

namespace thalweg {
namespace {

constexpr double value_cost = 0.5;   // in gradients
constexpr double length_factor = 4;  // from one trial to the next
constexpr int most_trials = 8;       // along a direction
constexpr int fewest_products = 8;
constexpr int noise_draws = 8;
constexpr int noise_products = 4;
constexpr Index most_rank_probes = 16, fewest_rank_probes = 4;

double gap_of(double value, const PlateauContext& context) {
  if (std::isfinite(context.lower_bound)) return std::max(value - context.lower_bound, 0.0);
  return std::max(std::abs(value), std::abs(context.start_value - value));
}

}  // namespace

PlateauProbe::PlateauProbe(const Objective& problem, const ConstVectorRef& x,
                           const PlateauContext& context)
    : problem_(problem), x_(x), context_(context), gradient_(x.size()) {
  value_ = problem.value_and_gradient(x_, gradient_);
  gradient_norm_ = gradient_.stableNorm();
  gap_ = gap_of(value_, context);
  exact_ = has_exact_hessian(problem);
  spent_ = 1;
}

bool PlateauProbe::finite() const { return std::isfinite(value_) && std::isfinite(gradient_norm_); }

double PlateauProbe::value_at(const Vector& direction, double length) {
  spent_ += value_cost;
  return problem_.value(x_ + length * direction);
}

// Longer while that gains more; where the first length does not gain, shorter until one does.
LineGain PlateauProbe::search(const Vector& direction, double first_length) {
  LineGain best;
  if (!(first_length > 0) || !std::isfinite(first_length)) return best;
  const auto improves = [&](double length) {
    const double gain = value_ - value_at(direction, length);
    if (!(gain > best.gain)) return false;
    best = {gain, length};
    return true;
  };
  const bool gains = improves(first_length);
  const auto go = [&](double factor) {
    double length = first_length;
    for (int trial = 0; trial < most_trials; ++trial) {
      length *= factor;
      if (!improves(length) && best.length > 0) return;
    }
  };
  if (gains) go(length_factor);
  if (best.length <= first_length) go(1 / length_factor);
  // Between the lengths that were tried the best may be up to twice longer or shorter.
  for (const double factor : {0.5, 2.0})
    if (best.length > 0) improves(factor * best.length);
  return best;
}

LineGain PlateauProbe::along_gradient() {
  if (!(gradient_norm_ > 0)) return {};
  double length = context_.plateau.last_step_norm.value_or(0);
  if (!(length > 0) && context_.plateau.stepsize)
    length = *context_.plateau.stepsize * gradient_norm_;
  if (!(length > 0)) length = std::min(gradient_norm_, 1e-2 * std::max(1.0, x_.norm()));
  return search(-gradient_ / gradient_norm_, length);
}

LineGain PlateauProbe::along(const Vector& direction) {
  const double sign = gradient_.dot(direction) > 0 ? -1 : 1;
  constexpr double share = 1e-2;
  return search(sign * direction, share * std::max(1.0, x_.norm()));
}

const Hessian& PlateauProbe::hessian() {
  if (!hessian_) {
    hessian_ = hessian_at(problem_, x_, gradient_);
    if (exact_) spent_ += 1;
  }
  return *hessian_;
}

void PlateauProbe::apply(const ConstVectorRef& v, VectorRef hv) {
  hessian().apply(v, hv);
  spent_ += hessian().gradients_per_product();
}

std::optional<ProbedCurvature> PlateauProbe::curvature() {
  // The point, a search along the vector, and the rank.
  const double reserved = 1 + value_cost * most_trials +
                          (with_changing_rank(problem_) ? 2 * (fewest_rank_probes + 1) + 2 : 0);
  const int per_product = exact_ ? 2 : 1;
  const int most =
      static_cast<int>(std::min<double>(context_.max_products, (left() - reserved) / per_product));
  const auto n = static_cast<double>(x_.size());
  if (most < std::min<double>(fewest_products, n) + 1) return std::nullopt;
  linalg::SmallestEigenvalueOptions options;
  options.tolerance = 1e-2;
  options.max_products = most - 1;
  RandomStream random(context_.seed, "plateau-curvature");
  const Vector probe = random.normal_vector(x_.size());
  Vector image(x_.size());
  apply(probe, image);
  const auto found = linalg::bound_smallest_eigenvalue(
      [&](const ConstVectorRef& v, VectorRef hv) { apply(v, hv); }, x_.size(), options, random);
  if (!std::isfinite(found.value)) return std::nullopt;
  ProbedCurvature curvature;
  curvature.smallest = found.value;
  curvature.largest = found.largest;
  curvature.lower = found.lower;
  curvature.vector = found.vector;
  const double size = std::max(std::abs(found.value), std::abs(found.largest));
  curvature.error = (exact_ ? 1e-10 : 1e-4) * size;
  const double trace = probe.dot(image) / probe.squaredNorm() * n;
  if (found.largest > 0) curvature.effective_dimension = std::clamp(trace / found.largest, 0.0, n);
  return curvature;
}

std::optional<ProbedNoise> PlateauProbe::noise() {
  const auto* sum = dynamic_cast<const FiniteSum*>(&problem_);
  const Index samples = problem_.sample_count();
  if (!sum || context_.batch <= 0 || context_.batch >= samples) return std::nullopt;
  const double draw_cost = static_cast<double>(context_.batch) / static_cast<double>(samples);
  if (left() < noise_draws * draw_cost) return std::nullopt;
  VectorMean squared(1);
  ProbedNoise noise;
  const double eta = context_.plateau.stepsize.value_or(0);
  const int per_product = exact_ ? 2 : 1;
  const bool balanced = context_.plain_steps && eta > 0 &&
                        left() > noise_draws * draw_cost + 1 + (noise_products + 1) * per_product;
  std::int64_t position = 0;
  double along_noise = 0, mean_square = 0;
  Vector batch_gradient, image(x_.size());
  for (int draw = 0; draw < noise_draws; ++draw) {
    detail::gradient_over(*sum, samples, x_, context_.seed, "plateau-noise", position,
                          context_.batch, batch_gradient);
    spent_ += draw_cost;
    const Vector xi = batch_gradient - gradient_;
    mean_square += xi.squaredNorm() / noise_draws;
    if (!balanced || draw >= noise_products) continue;
    apply(xi, image);
    along_noise += xi.dot(image) / noise_products;
  }
  noise.deviation = std::sqrt(mean_square);
  if (!balanced) return noise;
  apply(gradient_, image);
  noise.rise = eta * eta * along_noise / 2;
  noise.fall = eta * gradient_norm_ * gradient_norm_ - eta * eta * gradient_.dot(image) / 2;
  return noise;
}

std::optional<PlateauProbe::Rank> PlateauProbe::lost_rank() {
  const CompositeObjective* composite = with_changing_rank(problem_);
  const auto most = static_cast<Index>((left() - 2) / 2);
  if (!composite || most < fewest_rank_probes) return std::nullopt;
  const Index probes = std::min(most_rank_probes, most);
  const ProbedRank here = probe_rank(*composite, x_, context_.seed, "plateau-rank", probes);
  spent_ += 1 + static_cast<double>(here.probes);
  if (!here.lost()) return std::nullopt;
  // A rank that is low everywhere, by symmetries of the model, is not lost here.
  const double start_norm = problem_.start_norm();
  const double radius = start_norm > 0 ? start_norm : 1 + x_.norm();
  RandomStream random(context_.seed, "plateau-nearby");
  const Vector nearby = x_ + radius * random.normal_vector(x_.size()).normalized();
  const ProbedRank there = probe_rank(*composite, nearby, context_.seed, "plateau-rank", probes);
  spent_ += 1 + static_cast<double>(there.probes);
  if (there.rank <= here.rank) return std::nullopt;
  return Rank{here.rank, there.rank, here.probes};
}

}  // namespace thalweg
