#include "thalweg/session/compare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "thalweg/method/registry.hpp"
#include "thalweg/plan/samples.hpp"

namespace thalweg {
namespace {

using Options = std::map<std::string, std::string>;

constexpr const char* budget_rule = "budget-rule";  // an option of the plan for some methods

bool takes(const MethodInfo& info, const std::string& key) {
  return has_option(info, key) ||
         (key == budget_rule && (info.name == "large-step" || info.name == "sgd"));
}

Options without_budget_rule(Options options) {
  options.erase(budget_rule);
  return options;
}

// What the user and the preset say about a method, the user first.
Options given_to(const MethodInfo& info, const Options& user,
                 const std::optional<MethodPreset>& preset) {
  const bool has_eta =
      std::ranges::find(info.options, "eta", &OptionInfo::key) != info.options.end();
  const std::string stepsize = has_eta ? "eta" : "stepsize";  // the name of its own
  const auto own_name = [&](const std::string& key) {
    return key == "eta" || key == "stepsize" ? stepsize : key;
  };
  Options given;
  for (const auto& [key, value] : user)
    if (takes(info, key)) given[own_name(key)] = value;
  if (preset)
    for (const auto& [key, value] : preset->options) given.try_emplace(own_name(key), value);
  return given;
}

void require_methods(const std::vector<std::string>& methods) {
  if (methods.size() < 2)
    throw UsageError("a comparison needs at least two methods", "name several, such as adam,lbfgs");
  for (const std::string& name : methods) find_method(name);
  if (std::set(methods.begin(), methods.end()).size() < methods.size())
    throw UsageError("a method is named twice in the comparison", "name each once");
}

void require_seeds(const CompareOptions& options) {
  const std::set<std::uint64_t> seeds(options.seeds.begin(), options.seeds.end());
  if (seeds.empty()) throw UsageError("a comparison needs a seed");
  if (seeds.size() < options.seeds.size())
    throw UsageError("a seed is given twice in the comparison", "give each once");
  if (seeds.contains(options.tuning_seed))
    throw UsageError("the tuning seed is one of the seeds that are compared",
                     "take another one, so that no method is tuned on what it is judged by");
}

void require_known_options(const CompareOptions& options) {
  for (const auto& [key, value] : options.method_options) {
    const bool known = std::ranges::any_of(options.methods, [&, name = key](const auto& method) {
      return takes(find_method(method), name);
    });
    if (!known)
      throw UsageError(fmt::format("none of the compared methods has an option '{}'", key),
                       "see thalweg methods NAME");
  }
}

void require_usable(const CompareOptions& options) {
  require_methods(options.methods);
  require_seeds(options);
  require_known_options(options);
  if (options.tuning_trials < 0) throw UsageError("the number of tuning trials is negative");
  if (options.samples && *options.samples < 1)
    throw UsageError("the sample budget must be at least 1");
}

// A best value so far, and the samples it took.
struct Reached {
  std::int64_t samples;
  double value;
};

// One method with its options and what came of it.
struct Contender {
  const MethodInfo* info = nullptr;
  Options given;
  std::optional<MethodPreset> preset;
  const Preflight* preflight = nullptr;  // of its kind of methods
  report::ComparedMethod result;
  std::vector<std::vector<Reached>> descents;  // of each run
};

struct Ran {
  report::ComparedRun run;
  std::vector<Reached> descent;
  bool interrupted = false;
};

std::vector<Reached> descent_of(const Result& result, std::int64_t samples) {
  std::vector<Reached> descent;
  for (const StepRecord& record : result.trace) {
    if (!std::isfinite(record.value) || (record.iteration > 0 && record.samples > samples))
      continue;
    if (descent.empty() || record.value < descent.back().value)
      descent.push_back({record.samples, record.value});
  }
  return descent;
}

double gradient_norm_at_best(const Result& result, const Objective& objective) {
  for (const StepRecord& record : result.trace)
    if (record.iteration == result.best_step && record.gradient_norm) return *record.gradient_norm;
  Vector gradient(result.best.size());
  objective.value_and_gradient(result.best, gradient);
  return gradient.stableNorm();
}

std::optional<report::HeldBackResult> measured(const HeldBack& rows, const Vector& x) {
  if (!rows.loss) return std::nullopt;
  return report::HeldBackResult{.loss = rows.loss(x),
                                .metrics = rows.metrics ? rows.metrics(x) : Metrics{}};
}

bool failed(Outcome outcome) { return outcome == Outcome::diverged || outcome == Outcome::failed; }

// The spread of what the runs have; absent where one of them has it not.
template <class Number>
std::optional<report::Spread> spread_over(const std::vector<report::ComparedRun>& runs,
                                          Number number) {
  std::vector<double> values;
  for (const report::ComparedRun& run : runs) {
    const std::optional<double> value = number(run);
    if (!value || !std::isfinite(*value)) return std::nullopt;
    values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  return spread_of(std::move(values));
}

std::optional<double> loss_of(const std::optional<report::HeldBackResult>& rows) {
  return rows ? std::optional(rows->loss) : std::nullopt;
}

std::optional<double> score_of(const std::optional<report::HeldBackResult>& rows) {
  if (!rows) return std::nullopt;
  return rows->metrics.r2 ? rows->metrics.r2 : rows->metrics.accuracy;
}

void summarize(report::ComparedMethod& method) {
  using report::ComparedRun;
  const auto& runs = method.runs;
  method.value = spread_over(runs, [](const ComparedRun& r) { return std::optional(r.value); });
  method.gradient_norm = spread_over(runs, [](const ComparedRun& r) { return r.gradient_norm; });
  method.seconds = spread_over(runs, [](const ComparedRun& r) { return std::optional(r.seconds); });
  method.validation_loss =
      spread_over(runs, [](const ComparedRun& r) { return loss_of(r.validation); });
  method.validation_score =
      spread_over(runs, [](const ComparedRun& r) { return score_of(r.validation); });
  method.test_loss = spread_over(runs, [](const ComparedRun& r) { return loss_of(r.test); });
  method.test_score = spread_over(runs, [](const ComparedRun& r) { return score_of(r.test); });
  method.diverged =
      std::ranges::count_if(runs, [](const ComparedRun& r) { return failed(r.outcome); });
}

void count_samples_to(double target, Contender& contender) {
  constexpr double never = HUGE_VAL;
  std::vector<double> counts;
  for (std::size_t i = 0; i < contender.descents.size(); ++i) {
    const auto& descent = contender.descents[i];
    const auto there =
        std::ranges::find_if(descent, [&](const Reached& r) { return r.value <= target; });
    const bool reached = there != descent.end();
    if (reached) contender.result.runs[i].samples_to_target = there->samples;
    contender.result.reached += reached ? 1 : 0;
    counts.push_back(reached ? static_cast<double>(there->samples) : never);
  }
  std::ranges::sort(counts);
  // Without interpolation between a number and never: the upper of two middle runs.
  if (!counts.empty() && counts[counts.size() / 2] < never)
    contender.result.samples_to_target = counts[counts.size() / 2];
}

std::vector<report::RankedMethod> ranking(const std::vector<Contender>& contenders) {
  std::vector<const report::ComparedMethod*> order;
  for (const Contender& contender : contenders) order.push_back(&contender.result);
  std::ranges::stable_sort(order, {}, [](const auto* m) { return m->value->median; });
  const bool verdicts = order.front()->runs.size() >= report::least_seeds_for_a_verdict;
  std::vector<report::RankedMethod> ranked;
  for (const auto* method : order) {
    report::RankedMethod& entry = ranked.emplace_back();
    entry.method = method->method;
    for (const auto* other : order) {
      if (other == method) continue;
      if (!verdicts || !distinguishable(*method->value, *other->value))
        entry.not_distinguishable_from.push_back(other->method);
      else if (other->value->median < method->value->median)
        ++entry.rank;
    }
  }
  return ranked;
}

class Comparison {
 public:
  Comparison(const std::function<Instance(std::uint64_t)>& instance, const CompareOptions& options)
      : instance_(instance), options_(options) {
    require_usable(options);
    limit_ = options.memory_limit > 0 ? options.memory_limit : default_memory_limit();
  }

  report::ComparisonSection run() {
    section_.tuning_trials = options_.tuning_trials;
    section_.tuning_seed = options_.tuning_seed;
    prepare();
    for (const std::uint64_t seed : options_.seeds) {
      if (section_.interrupted) break;
      race(seed);
    }
    judge();
    for (Contender& contender : contenders_)
      section_.methods.push_back(std::move(contender.result));
    return std::move(section_);
  }

 private:
  // ---- before the runs that count

  // Plans and tunes every method on the instance of the tuning seed.
  void prepare() {
    const Instance instance = instance_(options_.tuning_seed);
    const Subject subject =
        options_.subject.value_or(Subject{.size = describe(*instance.objective)});
    section_.sample_count = instance.objective->sample_count();
    for (const std::string& name : options_.methods) enter(name, instance, subject.size);
    for (Contender& contender : contenders_) measure_for(contender, instance, subject);
    // Batches first, from which the samples follow, from which the steps do.
    for (Contender& contender : contenders_) plan(contender, subject.size, std::nullopt);
    choose_samples(subject.size);
    for (Contender& contender : contenders_) {
      require_a_step(contender);
      plan(contender, subject.size, steps_for(contender, contender.result.options));
      contender.result.tuning = untuned(contender);
    }
    runs_ = static_cast<std::int64_t>(contenders_.size() * options_.seeds.size());
    for (const Contender& contender : contenders_) runs_ += trials_for(contender);
    for (Contender& contender : contenders_)
      if (!section_.interrupted) tune(contender, instance);
  }

  // Refuses, with its name, a method that cannot work here.
  template <class Work>
  static void refusing(const std::string& name, Work work) {
    try {
      work();
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{} cannot be compared here: {}", name, error.problem()),
                       "leave it out");
    }
  }

  void enter(const std::string& name, const Instance& instance, const ProblemSize& size) {
    Contender& contender = contenders_.emplace_back();
    contender.info = &find_method(name);
    if (options_.preset) contender.preset = options_.preset(name);
    contender.given = given_to(*contender.info, options_.method_options, contender.preset);
    contender.result.method = name;
    const Options own = without_budget_rule(contender.given);
    const auto method = contender.info->make(own);
    refuse_too_large(name, step_cost(name, own, size), limit_, size);
    Context context{.seed = options_.tuning_seed, .memory_limit = limit_};
    refusing(name, [&] { method->init(*instance.objective, instance.start, context); });
  }

  // What methods of a kind share is measured once.
  void measure_for(Contender& contender, const Instance& instance, const Subject& subject) {
    const std::string& name = contender.info->name;
    const std::string kind = is_large_step(name)       ? "large steps"
                             : contender.info->sampled ? "batches"
                                                       : "all samples";
    if (!measured_.contains(kind)) {
      constexpr std::int64_t usual_passes = 30;  // for work in proportion
      Goal goal = goal_of(contender);
      goal.max_steps = options_.samples ? *options_.samples / subject.size.samples : usual_passes;
      measured_[kind] =
          measure(*instance.objective, instance.start, subject, goal, limit_, options_.tuning_seed);
    }
    contender.preflight = &measured_.at(kind);
  }

  Goal goal_of(const Contender& contender) const {
    Goal goal;
    goal.method = contender.info->name;
    goal.method_options = contender.given;
    goal.sampled_problem = options_.sampled_problem;
    return goal;
  }

  void plan(Contender& contender, const ProblemSize& size, std::optional<std::int64_t> steps) {
    Goal goal = goal_of(contender);
    goal.max_steps = steps;
    refusing(contender.info->name, [&] {
      contender.result.options =
          contender.info->used_options(make_plan(size, *contender.preflight, goal).options);
    });
  }

  // Why the stepsize of a method is not searched for; empty: it is.
  std::string against_tuning(const Contender& contender) const {
    if (contender.preset) return "settings as published";
    if (contender.given.contains("stepsize") || contender.given.contains("eta"))
      return "stepsize given";
    if (!stepsize_option(contender.info->name, contender.result.options))
      return "no stepsize to set";
    return options_.tuning_trials == 0 ? "search switched off" : "";
  }

  std::int64_t trials_for(const Contender& contender) const {
    return against_tuning(contender).empty() ? options_.tuning_trials : 0;
  }

  report::TuningSection untuned(const Contender& contender) const {
    report::TuningSection tuning;
    tuning.because = against_tuning(contender);
    const Options& options = contender.result.options;
    const auto option = stepsize_option(contender.info->name, options);
    if (!option) return tuning;
    tuning.option = *option;
    tuning.planned = tuning.chosen = std::stod(options.at(*option));
    return tuning;
  }

  void choose_samples(const ProblemSize& size) {
    const auto passes = [&](std::int64_t samples) {
      return fmt::format("{:.3g} passes over {} samples",
                         static_cast<double>(samples) / static_cast<double>(size.samples),
                         size.samples);
    };
    std::string because;
    std::int64_t& samples = section_.samples;
    if (options_.samples) {
      samples = *options_.samples;
      because = fmt::format("asked for: {}", passes(samples));
    } else if (samples = samples_of_presets(); samples > 0) {
      because = "enough for the published steps";
    } else {
      std::vector<PlannedRuns> runs;
      for (const Contender& contender : contenders_)
        runs.push_back({contender.info->name, contender.result.options,
                        static_cast<std::int64_t>(options_.seeds.size()) + trials_for(contender)});
      samples = default_sample_budget(runs, size);
      because = passes(samples);
    }
    section_.decisions.push_back({"samples", fmt::format("{}", samples), because, {}});
  }

  std::int64_t samples_of_presets() const {
    std::int64_t most = 0;
    for (const Contender& contender : contenders_)
      if (contender.preset && contender.preset->steps)
        most = std::max(most, samples_of(contender.info->name, contender.result.options,
                                         section_.sample_count, *contender.preset->steps));
    return most;
  }

  std::int64_t steps_for(const Contender& contender, const Options& options) const {
    const std::int64_t within =
        updates_within(contender.info->name, options, section_.sample_count, section_.samples);
    if (!contender.preset) return within;
    return std::min(within, contender.preset->steps.value_or(within));
  }

  void require_a_step(const Contender& contender) const {
    const std::string& name = contender.info->name;
    const Options& options = contender.result.options;
    if (steps_for(contender, options) > 0) return;
    throw UsageError(
        fmt::format("{} samples are too few for one step of {}", section_.samples, name),
        fmt::format("allow at least {}", samples_of(name, options, section_.sample_count, 1)));
  }

  // ---- runs

  void tune(Contender& contender, const Instance& instance) {
    report::TuningSection& tuning = contender.result.tuning;
    const double planned = tuning.planned.value_or(0);
    std::optional<double> least;
    Options best = contender.result.options;
    const auto factors = tuning_factors(trials_for(contender), options_.tuning_seed);
    if (factors.empty()) return;
    const auto [smallest, largest] = std::ranges::minmax(factors);
    for (const double factor : factors) {
      Options options = contender.result.options;
      options[tuning.option] = fmt::format("{}", factor * planned);
      const Ran ran = run_once(contender, options, instance, options_.tuning_seed, true);
      if (ran.interrupted) break;
      tuning.trials += 1;
      tuning.samples += ran.run.samples;
      tuning.seconds += ran.run.seconds;
      if (least && !(ran.run.value < *least)) continue;
      least = ran.run.value;
      tuning.chosen = factor * planned;
      tuning.at_edge = factors.size() > 1 && (factor == smallest || factor == largest);
      best = std::move(options);
    }
    contender.result.options = std::move(best);
  }

  // All methods on one seed; counts only when all of them ended.
  void race(std::uint64_t seed) {
    const Instance instance = instance_(seed);
    std::vector<Ran> ran;
    for (const Contender& contender : contenders_) {
      ran.push_back(run_once(contender, contender.result.options, instance, seed, false));
      if (section_.interrupted) return;
    }
    section_.seeds.push_back(seed);
    starts_.push_back(ran.front().descent.empty() ? HUGE_VAL : ran.front().descent.front().value);
    for (std::size_t i = 0; i < ran.size(); ++i) {
      contenders_[i].result.runs.push_back(ran[i].run);
      contenders_[i].descents.push_back(std::move(ran[i].descent));
    }
  }

  Ran run_once(const Contender& contender, const Options& options, const Instance& instance,
               std::uint64_t seed, bool tuning) {
    if (options_.watch) options_.watch({contender.info->name, tuning, seed, runs_done_, runs_});
    RunOptions how;
    std::vector<StopWhen> criteria = {zero_gradient(), sample_limit(section_.samples),
                                      max_steps(steps_for(contender, options))};
    if (!may_rise(*contender.preflight, contender.info->name)) criteria.push_back(divergence());
    how.stop = any_of(std::move(criteria));
    how.stop_token = options_.stop_token;
    how.context.seed = seed;
    how.context.memory_limit = limit_;
    const auto method = contender.info->make(options);
    const Result result = thalweg::run(*instance.objective, *method, instance.start, how);
    runs_done_ += 1;
    Ran ran;
    ran.interrupted = result.reason.outcome == Outcome::interrupted;
    section_.interrupted = section_.interrupted || ran.interrupted;
    ran.descent = descent_of(result, section_.samples);
    ran.run = {.seed = seed,
               .steps = result.steps,
               .samples = result.samples,
               .value = result.value,
               .gradient_norm = gradient_norm_at_best(result, *instance.objective),
               .samples_to_target = std::nullopt,
               .validation = std::nullopt,
               .test = std::nullopt,
               .seconds = result.seconds,
               .outcome = result.reason.outcome};
    if (tuning || ran.interrupted) return ran;
    ran.run.validation = measured(instance.validation, result.best);
    ran.run.test = measured(instance.test, result.best);
    return ran;
  }

  // ---- after them

  void judge() {
    if (section_.seeds.empty()) return;
    for (Contender& contender : contenders_) summarize(contender.result);
    section_.target_given = options_.target.has_value();
    section_.target = options_.target ? options_.target : common_target();
    if (section_.target)
      for (Contender& contender : contenders_) count_samples_to(*section_.target, contender);
    section_.ranking = ranking(contenders_);
  }

  // The largest median among the methods that came below the start.
  std::optional<double> common_target() const {
    const double start = spread_of(starts_).median;
    std::optional<double> target;
    for (const Contender& contender : contenders_) {
      const double median = contender.result.value->median;
      if (median < start) target = std::max(median, target.value_or(median));
    }
    return target;
  }

  const std::function<Instance(std::uint64_t)>& instance_;
  const CompareOptions& options_;
  double limit_ = 0;
  report::ComparisonSection section_;
  std::vector<Contender> contenders_;
  std::map<std::string, Preflight> measured_;  // by kinds of methods
  std::vector<double> starts_;                 // value at the start of each seed
  std::int64_t runs_ = 0, runs_done_ = 0;
};

}  // namespace

std::vector<double> tuning_factors(std::int64_t trials, std::uint64_t seed) {
  constexpr double decades = 3;  // on either side
  std::vector<double> factors;
  if (trials > 0) factors.push_back(1);
  RandomStream random(seed, "tuning");
  const double parts = static_cast<double>(trials) - 1;
  for (std::int64_t part = 0; part + 1 < trials; ++part) {
    const double place = (static_cast<double>(part) + random.uniform()) / parts;
    factors.push_back(std::pow(10, decades * (2 * place - 1)));
  }
  return factors;
}

report::Spread spread_of(std::vector<double> values) {
  if (values.empty()) throw UsageError("there are no values to take quartiles of");
  std::ranges::sort(values);
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    const double weight = place - static_cast<double>(below);
    return weight == 0 ? values[below] : std::lerp(values[below], values[above], weight);
  };
  return {.median = at(0.5), .lower_quartile = at(0.25), .upper_quartile = at(0.75)};
}

bool distinguishable(const report::Spread& a, const report::Spread& b) {
  constexpr double share = 1e-3;
  const report::Spread &lower = a.median <= b.median ? a : b, &upper = a.median <= b.median ? b : a;
  const double gap = upper.lower_quartile - lower.upper_quartile;
  return gap > share * std::max(std::abs(lower.median), std::abs(upper.median));
}

report::ComparisonSection compare(const std::function<Instance(std::uint64_t)>& instance,
                                  const CompareOptions& options) {
  return Comparison(instance, options).run();
}

}  // namespace thalweg
