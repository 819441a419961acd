#include "thalweg/run/stopping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "thalweg/core/error.hpp"

namespace thalweg {
namespace {

// How a recorded quantity moved over the last half of a run, judged by the smallest numbers of the
// two halves of that window, since it may swing.
struct Trend {
  double last = 0;           // its last recorded number
  double fall_per_step = 0;  // 1 - (later / earlier)^(1 / steps); 0 where it did not fall
  std::int64_t steps = 0;    // in the window
};

template <class Quantity>
std::optional<Trend> trend(const std::vector<StepRecord>& trace, Quantity quantity) {
  const std::size_t window = std::clamp<std::size_t>(trace.size() / 2, 2, 1000);
  if (trace.size() < window) return std::nullopt;
  const std::size_t first = trace.size() - window, middle = trace.size() - window / 2;
  std::optional<double> earlier, later, last;
  for (std::size_t i = first; i < trace.size(); ++i) {
    const std::optional<double> number = quantity(trace[i]);
    if (!number || !std::isfinite(*number)) continue;
    std::optional<double>& smallest = i < middle ? earlier : later;
    smallest = std::min(*number, smallest.value_or(*number));
    last = number;
  }
  if (!earlier || !later) return std::nullopt;
  // A record of a sampled method stands for many steps.
  const std::int64_t steps = trace.back().iteration - trace[first].iteration + 1;
  Trend result{*last, 0, steps};
  if (*later > 0 && *later < *earlier)
    result.fall_per_step = -std::expm1(std::log(*later / *earlier) / (0.5 * double(steps)));
  return result;
}

// "the value still falls by 2.1 % per step" and so on: whether a larger budget would help.
std::string budget_advice(const Progress& progress, const char* remedy) {
  if (underflows(progress.record))
    return "the value is below 1e-150: there is nothing left to gain";
  const auto value =
      trend(progress.trace, [](const StepRecord& r) { return std::optional<double>(r.value); });
  const auto gradient = trend(progress.trace, [](const StepRecord& r) { return r.gradient_norm; });
  std::string falls;
  const auto note = [&falls](const char* name, const std::optional<Trend>& t) {
    constexpr double noticeable = 1e-6;  // per step
    if (!t || t->fall_per_step < noticeable) return;
    falls += fmt::format("{}the {} still falls by {:.2g} % per step (now {:.3g})",
                         falls.empty() ? "" : ", ", name, 100 * t->fall_per_step, t->last);
  };
  note("value", value);
  note("gradient norm", gradient);
  if (!falls.empty()) return falls + ": " + remedy;
  if (!value) return remedy;
  return fmt::format(
      "neither value nor gradient norm fell over the last {} steps: a larger budget will hardly "
      "help, try another method or model",
      value->steps);
}

class TargetLoss final : public Criterion {
 public:
  explicit TargetLoss(double target) : target_(target) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    if (!(progress.record.value <= target_)) return std::nullopt;
    return StopReason{Outcome::converged, "target-loss", progress.record.value, target_, ""};
  }

 private:
  double target_;
};

class GradientTolerance final : public Criterion {
 public:
  GradientTolerance(const char* name, double eps) : name_(name), eps_(eps) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    const auto norm = progress.record.gradient_norm;
    if (!norm || !(*norm <= eps_)) return std::nullopt;
    if (eps_ == 0 && underflows(progress.record))
      return std::nullopt;  // not a zero of the gradient
    return StopReason{Outcome::converged, name_, norm, eps_, ""};
  }

 private:
  const char* name_;
  double eps_;
};

class MaxSteps final : public Criterion {
 public:
  explicit MaxSteps(std::int64_t steps) : steps_(steps) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    if (progress.record.iteration < steps_) return std::nullopt;
    return StopReason{Outcome::budget_exhausted, "max-steps",
                      static_cast<double>(progress.record.iteration), static_cast<double>(steps_),
                      budget_advice(progress, "allow more steps")};
  }
  std::optional<std::int64_t> last_step() const override { return steps_; }

 private:
  std::int64_t steps_;
};

class SampleLimit final : public Criterion {
 public:
  explicit SampleLimit(std::int64_t samples) : samples_(samples) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    if (progress.record.samples < samples_) return std::nullopt;
    return StopReason{Outcome::budget_exhausted, "sample-limit",
                      static_cast<double>(progress.record.samples), static_cast<double>(samples_),
                      budget_advice(progress, "allow more samples")};
  }
  std::optional<std::int64_t> most_samples() const override { return samples_; }

 private:
  std::int64_t samples_;
};

class TimeLimit final : public Criterion {
 public:
  explicit TimeLimit(double seconds) : seconds_(seconds) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    if (!(progress.record.seconds >= seconds_)) return std::nullopt;
    return StopReason{Outcome::budget_exhausted, "time-limit", progress.record.seconds, seconds_,
                      budget_advice(progress, "allow more time")};
  }

 private:
  double seconds_;
};

class Patience final : public Criterion {
 public:
  explicit Patience(std::int64_t evaluations) : evaluations_(evaluations) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    if (progress.validations_since_best < evaluations_) return std::nullopt;
    std::string advice;
    if (progress.best_validation)
      advice =
          fmt::format("validation loss {:.4g} best at step {}, not improved for {} evaluations",
                      *progress.best_validation, progress.best_validation_step,
                      progress.validations_since_best);
    return StopReason{Outcome::early_stopped, "patience",
                      static_cast<double>(progress.validations_since_best),
                      static_cast<double>(evaluations_), std::move(advice)};
  }

 private:
  std::int64_t evaluations_;
};

class Stall final : public Criterion {
 public:
  Stall(std::int64_t window, double relative) : window_(window), relative_(relative) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    const auto& trace = progress.trace;
    const bool in_log = underflows(progress.record);
    double smallest = std::numeric_limits<double>::infinity(), largest = -smallest;
    // A difference of logarithms is a relative change already.
    const auto scale = [&] { return in_log ? 1 : std::abs(largest); };
    std::int64_t accepted = 0;  // the point before the first of `window` steps counts too
    for (auto record = trace.rbegin(); record != trace.rend() && accepted <= window_; ++record) {
      if (!record->accepted) continue;
      ++accepted;
      const double level =
          in_log ? record->log_value.value_or(std::log(record->value)) : record->value;
      smallest = std::min(smallest, level);
      largest = std::max(largest, level);
      if (largest - smallest > relative_ * scale()) return std::nullopt;
    }
    if (accepted <= window_ || !std::isfinite(largest)) return std::nullopt;
    const double change = largest == smallest ? 0 : (largest - smallest) / scale();
    return StopReason{Outcome::stalled, "stall", change, relative_,
                      fmt::format("the value did not change over {} accepted steps and no "
                                  "convergence criterion holds; try another method, or a smaller "
                                  "accuracy",
                                  window_)};
  }

 private:
  std::int64_t window_;
  double relative_;
};

class Divergence final : public Criterion {
 public:
  explicit Divergence(double factor) : factor_(factor) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    constexpr double tiny = std::numeric_limits<double>::epsilon();
    const double threshold = factor_ * std::max(std::abs(progress.start.value), tiny);
    const auto& trace = progress.trace;
    const bool rising = trace.size() >= 2 && progress.record.value > trace[trace.size() - 2].value;
    if (!rising || !(progress.record.value > threshold)) return std::nullopt;
    return StopReason{Outcome::diverged, "divergence", progress.record.value, threshold,
                      "use a smaller stepsize or a method that verifies its steps"};
  }

 private:
  double factor_;
};

class NonFinite final : public Criterion {
 public:
  std::optional<StopReason> check(const Progress& progress) const override {
    const StepRecord& record = progress.record;
    const bool value_is_finite = std::isfinite(record.value);
    if (value_is_finite && std::isfinite(record.gradient_norm.value_or(0))) return std::nullopt;
    return StopReason{Outcome::failed, "non-finite", std::nullopt, std::nullopt,
                      fmt::format("the {} is not a finite number; {}",
                                  value_is_finite ? "gradient" : "value", remedy(progress))};
  }

 private:
  static std::string remedy(const Progress& progress) {
    if (progress.trace.size() < 2) return "start elsewhere, or check the data and the model";
    const StepRecord& before = progress.trace[progress.trace.size() - 2];
    if (before.value > progress.start.value)
      return fmt::format("it had risen to {:.3g} before: use a smaller stepsize", before.value);
    return "the last good point is kept; check the model there";
  }
};

class Interruption final : public Criterion {
 public:
  std::optional<StopReason> check(const Progress& progress) const override {
    if (!progress.stop_requested) return std::nullopt;
    return StopReason{Outcome::interrupted, "interruption", std::nullopt, std::nullopt,
                      "resume from the checkpoint, if one was written"};
  }
};

StopReason leading(const std::vector<StopReason>& reasons) {
  return *std::min_element(reasons.begin(), reasons.end(), outranks);
}

// The smallest of the limits that the criteria know.
template <class Limit>
std::optional<std::int64_t> least(const std::vector<StopWhen>& criteria, Limit limit_of) {
  std::optional<std::int64_t> result;
  for (const StopWhen& criterion : criteria)
    if (const auto limit = limit_of(*criterion)) result = std::min(*limit, result.value_or(*limit));
  return result;
}

// The largest, where all know one.
template <class Limit>
std::optional<std::int64_t> largest(const std::vector<StopWhen>& criteria, Limit limit_of) {
  std::int64_t result = 0;
  for (const StopWhen& criterion : criteria) {
    const auto limit = limit_of(*criterion);
    if (!limit) return std::nullopt;
    result = std::max(result, *limit);
  }
  return result;
}

constexpr auto last_step_of = [](const Criterion& c) { return c.last_step(); };
constexpr auto most_samples_of = [](const Criterion& c) { return c.most_samples(); };

class AfterStart final : public Criterion {
 public:
  explicit AfterStart(StopWhen criterion) : criterion_(std::move(criterion)) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    if (progress.record.iteration == 0) return std::nullopt;
    return criterion_->check(progress);
  }
  std::vector<StopReason> check_all(const Progress& progress) const override {
    if (progress.record.iteration == 0) return {};
    return criterion_->check_all(progress);
  }
  std::optional<std::int64_t> last_step() const override { return criterion_->last_step(); }
  std::optional<std::int64_t> most_samples() const override { return criterion_->most_samples(); }

 private:
  StopWhen criterion_;
};

class AnyOf final : public Criterion {
 public:
  explicit AnyOf(std::vector<StopWhen> criteria) : criteria_(std::move(criteria)) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    const auto reasons = check_all(progress);
    if (reasons.empty()) return std::nullopt;
    return leading(reasons);
  }
  std::vector<StopReason> check_all(const Progress& progress) const override {
    std::vector<StopReason> reasons;
    for (const StopWhen& criterion : criteria_)
      std::ranges::move(criterion->check_all(progress), std::back_inserter(reasons));
    return reasons;
  }
  std::optional<std::int64_t> last_step() const override { return least(criteria_, last_step_of); }
  std::optional<std::int64_t> most_samples() const override {
    return least(criteria_, most_samples_of);
  }

 private:
  std::vector<StopWhen> criteria_;
};

class AllOf final : public Criterion {
 public:
  explicit AllOf(std::vector<StopWhen> criteria) : criteria_(std::move(criteria)) {}
  std::optional<StopReason> check(const Progress& progress) const override {
    const auto reasons = check_all(progress);
    if (reasons.empty()) return std::nullopt;
    return leading(reasons);
  }
  std::vector<StopReason> check_all(const Progress& progress) const override {
    std::vector<StopReason> reasons;
    bool all_hold = true;
    for (const StopWhen& criterion : criteria_) {
      auto part = criterion->check_all(progress);
      all_hold = all_hold && !part.empty();
      std::ranges::move(part, std::back_inserter(reasons));
    }
    if (!all_hold) reasons.clear();
    return reasons;
  }
  std::optional<std::int64_t> last_step() const override {
    return largest(criteria_, last_step_of);
  }
  std::optional<std::int64_t> most_samples() const override {
    return largest(criteria_, most_samples_of);
  }

 private:
  std::vector<StopWhen> criteria_;
};

void require_criteria(const std::vector<StopWhen>& criteria, const char* name) {
  if (std::ranges::any_of(criteria, [](const StopWhen& c) { return c == nullptr; }))
    throw UsageError(fmt::format("{} was given an empty criterion", name), "leave it out");
}

// A criterion's parameter must lie in its range, or it would never or always fire.
void require_parameter(bool holds, const char* criterion, const char* must, double value) {
  OptionChecker checker("stopping");
  checker.require(holds, criterion, must, value);
  checker.throw_if_any();
}

}  // namespace

bool underflows(const StepRecord& record) {
  return record.value < smallest_precise_value && record.log_value &&
         std::isfinite(*record.log_value);
}

std::vector<StopReason> Criterion::check_all(const Progress& progress) const {
  std::vector<StopReason> reasons;
  if (auto reason = check(progress)) reasons.push_back(std::move(*reason));
  return reasons;
}

StopWhen any_of(std::vector<StopWhen> criteria) {
  require_criteria(criteria, "any_of");
  return std::make_shared<AnyOf>(std::move(criteria));
}

StopWhen all_of(std::vector<StopWhen> criteria) {
  require_criteria(criteria, "all_of");
  return std::make_shared<AllOf>(std::move(criteria));
}

StopWhen target_loss(double target) {
  require_parameter(!std::isnan(target), "target loss", "be a number", target);
  return std::make_shared<TargetLoss>(target);
}

StopWhen gradient_tolerance(double eps) {
  require_parameter(eps >= 0, "gradient tolerance", "be at least 0", eps);
  return std::make_shared<GradientTolerance>("gradient-tolerance", eps);
}

StopWhen zero_gradient() { return std::make_shared<GradientTolerance>("zero-gradient", 0); }

StopWhen max_steps(std::int64_t steps) {
  require_parameter(steps >= 0, "max steps", "be at least 0", static_cast<double>(steps));
  return std::make_shared<MaxSteps>(steps);
}

StopWhen sample_limit(std::int64_t samples) {
  require_parameter(samples >= 0, "sample limit", "be at least 0", static_cast<double>(samples));
  return std::make_shared<SampleLimit>(samples);
}

StopWhen time_limit(double seconds) {
  require_parameter(seconds >= 0, "time limit", "be at least 0", seconds);
  return std::make_shared<TimeLimit>(seconds);
}

StopWhen patience(std::int64_t evaluations) {
  require_parameter(evaluations >= 1, "patience", "be at least 1",
                    static_cast<double>(evaluations));
  return std::make_shared<Patience>(evaluations);
}

StopWhen after_start(StopWhen criterion) {
  return std::make_shared<AfterStart>(std::move(criterion));
}

StopWhen stall(std::int64_t window, double relative) {
  require_parameter(window >= 1 && window <= 1000, "stall window", "lie in 1 .. 1000",
                    static_cast<double>(window));
  require_parameter(relative >= 0, "stall change", "be at least 0", relative);
  return std::make_shared<Stall>(window, relative);
}

StopWhen divergence(double factor) {
  require_parameter(factor > 1, "divergence factor", "be above 1", factor);
  return std::make_shared<Divergence>(factor);
}

StopWhen non_finite() { return std::make_shared<NonFinite>(); }
StopWhen interruption() { return std::make_shared<Interruption>(); }

}  // namespace thalweg
