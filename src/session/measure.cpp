#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <memory>

#include "thalweg/core/error.hpp"
#include "thalweg/linalg/blas.hpp"
#include "thalweg/method/registry.hpp"
#include "thalweg/method/sampled.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/preflight/critical_step.hpp"
#include "thalweg/preflight/sampling.hpp"
#include "thalweg/problem/curvature_measurement.hpp"
#include "thalweg/problem/sample_subset.hpp"
#include "thalweg/session/session.hpp"

namespace thalweg {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Work per second, the best of a few repeats within a small share of a second.
double rate_of(double flops, const std::function<void()>& work) {
  double fastest = seconds_of(work), spent = fastest;
  for (int repeat = 0; repeat < 20 && spent < 0.05; ++repeat) {
    const double seconds = seconds_of(work);
    spent += seconds;
    fastest = std::min(fastest, seconds);
  }
  return flops / std::max(fastest, 1e-9);
}

double gradient_rate(const Objective& problem, const ProblemSize& size, const ConstVectorRef& x) {
  const double flops = size.gradient_flops > 0 ? size.gradient_flops
                                               : 6 * static_cast<double>(size.samples) *
                                                     static_cast<double>(size.parameters);
  Vector gradient(x.size());
  return rate_of(flops, [&] { problem.value_and_gradient(x, gradient); });
}

double dense_rate() {
  constexpr Index n = 384;
  const Matrix a = Matrix::Constant(n, n, 0.5);
  Matrix c = Matrix::Zero(n, n);
  return rate_of(2.0 * n * n * n,
                 [&] { linalg::gemm(1, linalg::Op::none, a, linalg::Op::transpose, a, 0, c); });
}

void refuse_wrong_gradient(const GradientCheck& check, bool smooth) {
  if (check.passed || !smooth) return;
  throw RefusedError(
      fmt::format("the gradient disagrees with differences of values (Taylor slope {:.2f}, not 2)",
                  check.slope.value_or(0)),
      "correct it; scale inputs far from 1 (leave --no-standardize out); or say that the problem "
      "is not smooth (--force)");
}

// Separability of the rows that large steps are about: those of a linear model, the tangent rows of
// a network that is to be trained by them, and otherwise those of the table itself.
std::optional<SeparabilityReport> separability(const CompositeObjective& problem,
                                               const MarginLoss& loss, const ConstVectorRef& x0,
                                               const Subject& subject, bool large_steps,
                                               bool batches) {
  // Flops; less where only the user wants to know, and least where batches are all that is trained.
  constexpr double work = 1e11, aside = 4e10, beside_batches = 1e10;
  if (problem.model().linear() || large_steps)
    return measure_separability(*problem.model().linearize(x0), loss, {.max_flops = work});
  if (!subject.table) return std::nullopt;
  const LinearModel linear(*subject.table, {.outputs = loss.outputs_per_sample()});
  return measure_separability(*linear.linearize(Vector::Zero(linear.parameter_count())), loss,
                              {.max_flops = batches ? beside_batches : aside});
}

// A loss with flat ends: where every sample lies on them, no method can move.
void refuse_flat_start(const CompositeObjective& problem, const ConstVectorRef& x0) {
  const OutputLoss& loss = problem.loss();
  if (loss.convex()) return;
  Vector y(problem.output_count()), gy(problem.output_count());
  problem.model().outputs(x0, y);
  loss.gradient(y, gy);
  if (!gy.isZero(0) || loss.value(y) <= loss.lower_bound()) return;
  throw RefusedError(
      fmt::format("at the start every residual lies where the {} is flat", loss.description()),
      "give a larger scale, or start parameters that are nearer (--init), such as those of a "
      "Huber loss");
}

// A method on batches, or one whose steps follow the growth of the curvature.
bool asks_for_sampling(const Goal& goal) {
  const bool automatic = !goal.method || *goal.method == "auto";
  return automatic ? goal.sampled_problem : find_method(*goal.method).sampled;
}

void measure_classes(const CompositeObjective& problem, const ConstVectorRef& x0,
                     const Subject& subject, const Goal& goal, Preflight& preflight) {
  const auto* loss = dynamic_cast<const MarginLoss*>(&problem.loss());
  if (!loss) return;
  const bool large_steps = goal.method && is_large_step(*goal.method);
  preflight.separability =
      separability(problem, *loss, x0, subject, large_steps, asks_for_sampling(goal));
  const auto* linear = dynamic_cast<const LinearObjective*>(&problem);
  if (!linear) return;
  preflight.safe_stepsize = safe_stepsize(*linear);
  if (large_steps && subject.size.logistic && preflight.separability->verdict == Separable::no)
    preflight.critical_step = measure_critical_step(*linear);
}

double number_of(const Goal& goal, const std::string& key, double otherwise) {
  const auto found = goal.method_options.find(key);
  if (found == goal.method_options.end()) return otherwise;
  double value = otherwise;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return std::isfinite(value) ? value : otherwise;
}

// Whether any of the options of a method asks for batches.
bool asks_for_batches(const std::map<std::string, std::string>& options) {
  const auto above_zero = [&](const char* key) {
    const auto found = options.find(key);
    return found != options.end() && found->second != "0";
  };
  return above_zero("batch") || above_zero("independent-batch");
}

// Steps divided by a norm, which may be biased by their own batch.
bool divides_by_norm(const Goal& goal) {
  return goal.method && (*goal.method == "ian-sgd" || *goal.method == "clipped-sgd" ||
                         *goal.method == "normalized");
}

// A method whose steps or perturbations follow from the bound of the curvature by the value.
bool asks_for_value_curvature(const Goal& goal) {
  if (!goal.method || *goal.method == "auto") return false;
  const auto rule = goal.method_options.find("rule");
  return leaves_saddles(*goal.method, goal.method_options) || *goal.method == "tamed" ||
         (rule != goal.method_options.end() && rule->second.starts_with("self-bounding"));
}

// A stated bound costs nothing; else a few points are measured where a method asks.
void measure_value_bound(const Objective& problem, const Objective& probed,
                         const ConstVectorRef& x0, const Goal& goal, std::uint64_t seed,
                         Preflight& preflight) {
  const bool stated = stated_curvature_bound(problem).source() != CurvatureBound::Source::none;
  if (!stated && !asks_for_value_curvature(goal)) return;
  const ValueCurvature found =
      measure_value_curvature(stated ? problem : probed, x0, {.seed = seed});
  if (found.source != CurvatureBound::Source::none) preflight.value_curvature = found;
}

// Some samples of a problem whose evaluations are dear: what is measured by dozens of them, and is
// no promise, is measured on these.
std::unique_ptr<SampleSubset> affordable_part(const Objective& problem, const ProblemSize& size,
                                              std::uint64_t seed) {
  // Parameters times samples: products of matrices for a network, else reading.
  const bool network = !size.hidden.empty();
  const double dear = network ? 5e8 : 2e7, affordable = network ? 1e8 : 5e6;
  constexpr double fewest = 256;
  const auto parameters = static_cast<double>(problem.dimension());
  if (parameters * static_cast<double>(problem.sample_count()) <= dear) return nullptr;
  if (dynamic_cast<const FiniteSum*>(&problem) == nullptr) return nullptr;
  return std::make_unique<SampleSubset>(
      problem, static_cast<Index>(std::max(fewest, affordable / parameters)), seed);
}

// The measurements of the sampled methods.
void measure_sampled(const Objective& problem, const ConstVectorRef& x0, const ProblemSize& size,
                     const Goal& goal, std::uint64_t seed, Preflight& preflight) {
  const auto samples = static_cast<double>(problem.sample_count());
  const double batch = std::clamp(number_of(goal, "batch", usual_batch(size)), 1.0, samples);
  SamplingProbe probe;
  probe.curvature.seed = probe.noise.seed = probe.normalization_bias.seed = seed;
  probe.noise.batch = static_cast<Index>(std::min(batch, 16.0));
  NormalizationBiasOptions& bias = probe.normalization_bias;
  bias.batch = static_cast<Index>(batch);
  bias.independent_batch =
      static_cast<Index>(std::clamp(number_of(goal, "independent-batch", 4), 1.0, samples));
  bias.normalizer = {.exponent = std::clamp(number_of(goal, "exponent", 1), 0.0, 1.0),
                     .scale = number_of(goal, "factor", 2),
                     .offset = number_of(goal, "offset", 0),
                     .threshold = number_of(goal, "threshold", 0)};
  const bool automatic = !goal.method || *goal.method == "auto";
  probe.measures_bias = bias.normalizer.exponent > 0 && (automatic || divides_by_norm(goal)) &&
                        number_of(goal, "batch", 1) > 0;
  measure_sampling(problem, x0, probe, preflight);
}

// Where the laws of curvature and noise are measured: the start, or where a method that leaves a
// stationary start will be.
Vector probe_start(const Objective& problem, const ConstVectorRef& x0, const Goal& goal,
                   const Preflight& preflight, std::uint64_t seed) {
  constexpr double stationary = 1e-8;
  if (!escapes(goal.method_options) || preflight.initial_gradient_norm > stationary) return x0;
  RandomStream random(seed, "probe-start");
  const double norm = problem.start_norm() > 0 ? problem.start_norm() : 1 + x0.norm();
  return x0 + norm * random.normal_vector(x0.size()).normalized();
}

// The work of the few products that tell no more of the rank than the largest singular value.
double least_rank_work(const ProblemSize& size) {
  constexpr double products = 4, gradients = 4.0 / 3;  // a product with J J' in gradients
  return products * gradients * size.gradient_flops;
}

}  // namespace

ProblemSize describe(const Objective& problem) {
  ProblemSize size;
  size.samples = problem.sample_count();
  size.parameters = problem.dimension();
  size.sampled = size.samples > 1 && dynamic_cast<const FiniteSum*>(&problem) != nullptr;
  const auto* composite = dynamic_cast<const CompositeObjective*>(&problem);
  size.composite = composite != nullptr;
  if (!composite) return size;
  size.outputs_per_sample = composite->loss().outputs_per_sample();
  size.linear = composite->model().linear();
  size.ridge = composite->ridge();
  size.squared = composite->loss().constant_hessian().has_value();
  if (const auto* loss = dynamic_cast<const MarginLoss*>(&composite->loss())) {
    size.classification = true;
    size.classes = loss->classes();
    size.logistic = dynamic_cast<const CrossEntropyLoss*>(loss) != nullptr;
  }
  return size;
}

Preflight measure(const Objective& problem, const ConstVectorRef& x0, const Subject& subject,
                  const Goal& goal, double memory_limit, std::uint64_t seed) {
  Preflight preflight;
  preflight.memory.limit = memory_limit;
  Vector gradient(x0.size());
  preflight.initial_loss = problem.value_and_gradient(x0, gradient);
  preflight.initial_gradient_norm = gradient.stableNorm();
  if (!std::isfinite(preflight.initial_loss) || !gradient.allFinite())
    throw RefusedError("the loss at the start parameters is not a finite number",
                       "give other start parameters with --init or --seed");
  const auto* composite = dynamic_cast<const CompositeObjective*>(&problem);
  if (composite) refuse_flat_start(*composite, x0);
  const std::unique_ptr<SampleSubset> part = affordable_part(problem, subject.size, seed);
  const Objective& probed = part ? static_cast<const Objective&>(*part) : problem;
  preflight.gradient_check = check_gradient(probed, x0, seed);
  refuse_wrong_gradient(preflight.gradient_check, subject.smooth);
  preflight.start_norm = x0.norm();
  measure_value_bound(problem, probed, x0, goal, seed, preflight);
  const bool batches = asks_for_sampling(goal);
  if (batches && goal.method != "adam")
    measure_sampled(probed, probe_start(problem, x0, goal, preflight, seed), subject.size, goal,
                    seed, preflight);
  if (!composite) return preflight;
  measure_classes(*composite, x0, subject, goal, preflight);
  if (subject.size.nonzeros > 0) return preflight;  // the rank would need the table made dense
  RankOptions options;
  options.memory_limit = memory_limit;
  options.max_flops = rank_work_limit(subject.size, goal);
  if (batches && least_rank_work(subject.size) > options.max_flops) return preflight;
  options.inputs = subject.inputs;
  options.targets = subject.targets;
  preflight.rank = measure_rank(*composite, x0, options);
  return preflight;
}

void add_plan(report::Record& record, const Objective& problem, const ConstVectorRef& x0,
              const ProblemSize& size, const Goal& goal) {
  Plan plan = make_plan(size, *record.preflight, goal);
  plan.options = find_method(plan.method).used_options(plan.options);
  if (asks_for_batches(plan.options)) detail::require_samples(problem, plan.method);
  if (find_method(plan.method).needs_composite)
    require<CompositeObjective>(problem, plan.method,
                                "the outputs and Jacobian of a model (a CompositeObjective)");
  const StepCost cost = step_cost(plan.method, plan.options, size);
  refuse_too_large(plan.method, cost, record.preflight->memory.limit, size);
  record.preflight->memory.bytes = cost.bytes;
  record.forecast =
      make_forecast(size, *record.preflight, plan, gradient_rate(problem, size, x0), dense_rate());
  record.plan = std::move(plan);
}

}  // namespace thalweg
