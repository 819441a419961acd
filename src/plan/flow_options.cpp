#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "thalweg/core/error.hpp"
#include "work.hpp"

namespace thalweg::plan {

double flow_samples(const Options& options, const ProblemSize& size) {
  return option(options, "metric", "euclidean") == "euclidean" ? count(size.samples) : 1;
}

bool by_tau_rule(const Options& options) {
  return option(options, "integrator", "runge-kutta") == "tau";
}

double flow_time_option(const Options& options) {
  const std::string text = option(options, "flow-time", "0");
  double time = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, time);
  if (error != std::errc() || stop != end || !(time >= 0) || !std::isfinite(time))
    throw UsageError(fmt::format("flow-time must be finite and >= 0, got '{}'", text));
  return time;
}

}  // namespace thalweg::plan
