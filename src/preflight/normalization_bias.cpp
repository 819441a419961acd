#include "thalweg/preflight/normalization_bias.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "probe_path.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/core/statistics.hpp"
#include "thalweg/problem/hessian.hpp"

namespace thalweg {
namespace {

using preflight::Probe;
using preflight::ProbePath;

// d = g / h(norm); zero where both vanish.
Vector normalized(const Vector& g, double norm, const Normalizer& h) {
  const double divisor = h(norm);
  if (divisor == 0) return Vector::Zero(g.size());
  return g / divisor;
}

// Mean and standard error of numbers.
struct Mean {
  double mean = 0, error = 0;
};

Mean mean_of(const std::vector<double>& numbers) {
  const Eigen::Map<const Eigen::ArrayXd> a(numbers.data(), static_cast<Index>(numbers.size()));
  const double count = static_cast<double>(a.size()), mean = a.mean();
  return {mean, std::sqrt((a - mean).square().sum() / (count - 1) / count)};
}

// <d, grad f> / |grad f| over draws, in units of the mean |d|.
class Alignment {
 public:
  explicit Alignment(const Probe& probe) : unit_(probe.gradient / probe.gradient_norm) {}

  void add(const Vector& d) {
    along_.push_back(d.dot(unit_));
    length_ += d.stableNorm();
  }
  // Zero steps have no direction.
  Mean result() const {
    const double mean_length = length_ / static_cast<double>(along_.size());
    const Mean along = mean_of(along_);
    if (mean_length == 0) return {};
    return {along.mean / mean_length, along.error / mean_length};
  }

 private:
  Vector unit_;
  std::vector<double> along_;
  double length_ = 0;
};

// What draws at the end of the path tell: where same-batch steps lead to, and how large the noise
// of a batch is.
struct Search {
  Vector direction;  // minus the mean same-batch step, unit length
  double noise = 0;
};

class BiasTest {
 public:
  BiasTest(const Objective& problem, const NormalizationBiasOptions& options)
      : options_(options),
        search_(problem, options.batch, options.seed, "bias-search"),
        batch_(problem, options.batch, options.seed, "bias-batch"),
        independent_(problem, options.independent_batch, options.seed, "bias-independent") {}

  double noise_at(const Probe& probe, int draws) {
    VectorMean gradients(probe.x.size());
    for (int draw = 0; draw < draws; ++draw) gradients.add(search_.draw(probe.x));
    return std::sqrt(gradients.variance());
  }

  Search search_at(const Probe& probe) {
    VectorMean gradients(probe.x.size()), steps(probe.x.size());
    for (int draw = 0; draw < options_.draws; ++draw) {
      const Vector& g = search_.draw(probe.x);
      gradients.add(g);
      steps.add(normalized(g, g.stableNorm(), options_.normalizer));
    }
    const double length = steps.mean().stableNorm();
    if (!(length > 0) || !std::isfinite(length)) return {};
    return {-steps.mean() / length, std::sqrt(gradients.variance())};
  }

  // Fresh draws; keeps the point if it is the worst so far.
  void test(const Probe& probe, double noise) {
    if (!probe.finite() || probe.gradient_norm == 0) return;
    Alignment same(probe), independent(probe);
    for (int draw = 0; draw < options_.draws; ++draw) {
      const double norm = independent_.draw(probe.x).stableNorm();
      const Vector& g = batch_.draw(probe.x);
      same.add(normalized(g, g.stableNorm(), options_.normalizer));
      independent.add(normalized(g, norm, options_.normalizer));
    }
    const Mean s = same.result(), i = independent.result();
    if (!std::isfinite(s.mean) || !std::isfinite(i.mean)) return;
    ++worst_.points;
    const double statistic = s.error > 0   ? s.mean / s.error
                             : s.mean == 0 ? 0.0
                                           : std::copysign(most_certain, s.mean);
    if (worst_.points > 1 && statistic >= worst_.statistic) return;
    worst_.same_batch = s.mean;
    worst_.same_batch_error = s.error;
    worst_.independent = i.mean;
    worst_.independent_error = i.error;
    worst_.statistic = statistic;
    worst_.gradient_norm = probe.gradient_norm;
    worst_.gradient_to_noise = noise > 0 ? probe.gradient_norm / noise : most_certain;
  }

  NormalizationBias result() {
    worst_.false_alarm = options_.false_alarm;
    worst_.draws = options_.draws;
    worst_.batch = options_.batch;
    worst_.independent_batch = options_.independent_batch;
    worst_.threshold =
        -student_quantile(options_.false_alarm / std::max(1, worst_.points), options_.draws - 1);
    worst_.significant = worst_.points > 0 && worst_.statistic < worst_.threshold;
    return worst_;
  }

 private:
  static constexpr double most_certain = 1e6;  // without noise: finite, so that reports keep it

  const NormalizationBiasOptions& options_;
  SampledGradient search_, batch_, independent_;
  NormalizationBias worst_;
};

// From `end` along `direction`, the step doubled or shortened until the gradient norm lies within
// [least, 2 least]; the last point that has at least `least`, if any.
std::optional<Probe> leave_until(const Objective& problem, const Probe& end,
                                 const Vector& direction, double least, int evaluations) {
  Vector image(direction.size());
  hessian_at(problem, end.x, end.gradient)->apply(direction, image);
  const double curvature = image.stableNorm();
  double length =
      curvature > 0 && std::isfinite(curvature) ? 1.5 * least / curvature : 1 + end.x.stableNorm();
  double longest = std::numeric_limits<double>::infinity(), shortest = 0;
  std::optional<Probe> found;
  for (int i = 1; i < evaluations; ++i) {
    Probe probe = preflight::probe_at(problem, end.x + length * direction);
    const bool near = probe.finite() && probe.gradient_norm < least;
    const bool far = !probe.finite() || probe.gradient_norm > 2 * least;
    if (!near && !far) return probe;
    if (!near && probe.finite()) found = std::move(probe);
    (far ? longest : shortest) = length;
    length = std::isfinite(longest) ? (shortest + longest) / 2 : 2 * length;
  }
  return found;
}

}  // namespace

void NormalizationBiasOptions::validate() const {
  OptionChecker checker("normalization bias");
  checker.require(batch >= 1, "batch", "be at least 1", static_cast<double>(batch));
  checker.require(independent_batch >= 1, "independent_batch", "be at least 1",
                  static_cast<double>(independent_batch));
  checker.require(normalizer.exponent >= 0 && normalizer.exponent <= 1, "exponent", "lie in [0, 1]",
                  normalizer.exponent);
  checker.require(normalizer.scale >= 0, "scale", "be at least 0", normalizer.scale);
  checker.require(normalizer.offset >= 0, "offset", "be at least 0", normalizer.offset);
  checker.require(normalizer.threshold >= 0, "threshold", "be at least 0", normalizer.threshold);
  checker.require(draws >= 8, "draws", "be at least 8", draws);
  checker.require(max_evaluations >= 4, "max_evaluations", "be at least 4", max_evaluations);
  checker.require(relevance > 0, "relevance", "be above 0", relevance);
  checker.require(false_alarm > 0 && false_alarm < 0.5, "false_alarm", "lie in (0, 1/2)",
                  false_alarm);
  checker.throw_if_any();
}

NormalizationBias measure_normalization_bias(const Objective& problem, const ConstVectorRef& x0,
                                             const NormalizationBiasOptions& options) {
  options.validate();
  constexpr int search_evaluations = 12, rough_draws = 16;
  BiasTest test(problem, options);
  ProbePath path(problem, x0, {});
  const Probe start = path.here();
  const double start_noise = test.noise_at(start, rough_draws);
  if (start.gradient_norm >= options.relevance * start_noise) test.test(start, start_noise);

  // Down to where the gradient is far below the noise; on the way the point where they are equal.
  std::optional<Probe> balanced;
  double noise = start_noise, balanced_noise = 0;
  const auto left = [&] {
    return options.max_evaluations - search_evaluations - path.evaluations();
  };
  while (path.here().gradient_norm > options.relevance / 4 * noise && left() >= 2 &&
         path.advance(left())) {
    noise = test.noise_at(path.here(), rough_draws);
    if (balanced || path.here().gradient_norm > noise) continue;
    balanced = path.here();
    balanced_noise = noise;
  }
  if (balanced && balanced->gradient_norm >= options.relevance * balanced_noise)
    test.test(*balanced, balanced_noise);

  const Search search = test.search_at(path.here());
  bool searched = false;
  if (search.noise > 0) {
    const double least = options.relevance * search.noise;
    if (path.here().gradient_norm >= 2 * least) {
      test.test(path.here(), search.noise);
    } else if (const auto aside =
                   leave_until(problem, path.here(), search.direction, least, search_evaluations)) {
      test.test(*aside, search.noise);
      searched = true;
    }
  }
  NormalizationBias bias = test.result();
  bias.searched = searched;
  return bias;
}

}  // namespace thalweg
