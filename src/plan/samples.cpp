#include "thalweg/plan/samples.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "thalweg/method/registry.hpp"
#include "work.hpp"

namespace thalweg {
namespace plan {
namespace {

// What an update draws.
struct Draws {
  std::int64_t batches = 0;  ///< samples of a plain update; 0: all of them, as whole passes
  std::int64_t period = 0;   ///< every so many updates, from the first on, one draws all; 0: none
};

// An option as given, or its default; 0 where the method has none. What is no number is refused by
// the method, with the right words.
std::int64_t integer(const MethodInfo& info, const Options& options, const std::string& key) {
  const auto known = std::ranges::find(info.options, key, &OptionInfo::key);
  if (known == info.options.end()) return 0;
  const std::string text = option(options, key, known->default_value);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Draws draws(const std::string& method, const Options& options, Index samples) {
  const auto info = std::ranges::find(methods(), method, &MethodInfo::name);
  if (info == methods().end() || !info->sampled) return {};
  const auto drawn = [&](const char* key) {
    return std::min<std::int64_t>(integer(*info, options, key), samples);
  };
  if (drawn("batch") <= 0) return {};
  // The same batch at two points.
  if (method == "spider")
    return {2 * drawn("batch"), std::max<std::int64_t>(1, integer(*info, options, "period"))};
  return {drawn("batch") + std::max<std::int64_t>(0, drawn("independent-batch"))};
}

// Samples of the first `updates` updates.
std::int64_t drawn_by(const Draws& draws, std::int64_t updates, Index samples) {
  if (draws.period == 0) return updates * draws.batches;
  const std::int64_t whole = (updates + draws.period - 1) / draws.period;
  return whole * samples + (updates - whole) * draws.batches;
}

// Work of one pass over the data, in flops of large matrix products.
double work_per_pass(const PlannedRuns& runs, const ProblemSize& size) {
  if (needs_composite(runs.method))
    return weighted_work(step_cost(runs.method, runs.options, size));
  const double updates =
      count(size.samples) / samples_per_update(runs.method, runs.options, size.samples);
  // Whatever a step takes of them, a pass is one gradient.
  if (updates <= 1) return weighted_work(step_cost("adam", {{"batch", "0"}}, size));
  constexpr double seconds_per_update = 1e-5;  // beside its samples
  return updates * (weighted_work(step_cost(runs.method, runs.options, size)) +
                    seconds_per_update * sustained_speed);
}

}  // namespace
}  // namespace plan

double samples_per_update(const std::string& method,
                          const std::map<std::string, std::string>& options, Index samples) {
  const plan::Draws draws = plan::draws(method, options, samples);
  if (draws.batches == 0) return plan::count(samples);
  const std::int64_t updates = std::max<std::int64_t>(1, draws.period);
  return static_cast<double>(plan::drawn_by(draws, updates, samples)) /
         static_cast<double>(updates);
}

std::int64_t updates_within(const std::string& method,
                            const std::map<std::string, std::string>& options, Index samples,
                            std::int64_t budget) {
  const plan::Draws draws = plan::draws(method, options, samples);
  if (draws.batches == 0) return std::max<std::int64_t>(0, budget / samples - 1);
  if (draws.period == 0) return budget / draws.batches;
  const std::int64_t per_period = plan::drawn_by(draws, draws.period, samples);
  const std::int64_t rest = budget % per_period;
  const std::int64_t started = rest < samples ? 0 : 1 + (rest - samples) / draws.batches;
  return budget / per_period * draws.period + started;
}

std::int64_t samples_of(const std::string& method,
                        const std::map<std::string, std::string>& options, Index samples,
                        std::int64_t updates) {
  const plan::Draws draws = plan::draws(method, options, samples);
  return draws.batches == 0 ? (updates + 1) * samples : plan::drawn_by(draws, updates, samples);
}

std::optional<std::string> stepsize_option(const std::string& method,
                                           const std::map<std::string, std::string>& options) {
  const plan::Options used = find_method(method).used_options(options);
  std::string rule = plan::option(used, "rule", "");
  if (method == "gd" && rule == "auto" && std::stod(used.at("stepsize")) > 0) rule = "constant";
  const bool found_by_rule =
      (method == "gd" && rule != "constant") || (method == "clipped-sgd" && rule != "threshold");
  if (found_by_rule) return std::nullopt;
  if (method == "gd") return "stepsize";
  for (const char* key : {"stepsize", "eta"}) {
    const auto found = used.find(key);
    if (found != used.end() && std::stod(found->second) > 0) return key;
  }
  return std::nullopt;
}

std::int64_t default_sample_budget(const std::vector<PlannedRuns>& runs, const ProblemSize& size) {
  constexpr double most = 30, fewest = 3;
  double work = 0;  // of one pass of each run
  for (const PlannedRuns& each : runs)
    work += static_cast<double>(each.runs) * plan::work_per_pass(each, size);
  const double passes = std::clamp(std::floor(plan::affordable_work(size) / work), fewest, most);
  return static_cast<std::int64_t>(passes) * size.samples;
}

}  // namespace thalweg
