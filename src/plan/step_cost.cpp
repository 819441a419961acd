#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "thalweg/core/error.hpp"
#include "thalweg/plan/samples.hpp"
#include "work.hpp"

namespace thalweg {
namespace plan {
namespace {

struct LayerSize {
  double in, out;  // in counts the constant column of the biases
  double parameters() const { return in * out; }
};

std::vector<LayerSize> layers(const ProblemSize& size) {
  std::vector<LayerSize> all;
  Index in = size.inputs;
  for (const Index width : size.hidden) {
    all.push_back({count(in + 1), count(width)});
    in = width;
  }
  all.push_back({count(in + 1), count(size.outputs_per_sample)});
  return all;
}

// Work and memory of the operations every method is made of.
class Parts {
 public:
  explicit Parts(const ProblemSize& size)
      : samples(count(size.samples)),
        outputs(count(size.outputs())),
        parameters(count(size.parameters)),
        smaller(std::min(outputs, parameters)),
        network_(size.inputs > 0),
        outputs_per_sample_(count(size.outputs_per_sample)),
        nonzeros_(size.nonzeros),
        layers_(layers(size)) {
    gradient = size.gradient_flops > 0 ? size.gradient_flops : 6 * parameters * samples;
    forward = gradient / 3;
    // One backward pass per output, 2 flops per weight and sample each.
    sensitivities = network_ ? outputs_per_sample_ * gradient / 3 : 0;
    // J v, or J'u.
    product =
        network_ ? (outputs_per_sample_ > 1 ? 2 : 1) * gradient / 3 : 2 * outputs * parameters;
  }

  // J J': for a network sum over layers of (A A') o (B B'), else from explicit rows.
  double gram() const {
    if (!network_) return outputs * outputs * parameters;
    double flops = 0;
    for (const LayerSize& layer : layers_) flops += samples * samples * layer.in;
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l)
      flops += outputs * outputs * (layers_[l].out + 1);
    return flops;
  }

  // J'J: for a network one product of half-vectorized outer products per pair of layers, whose cost
  // does not depend on the outputs per sample; else from explicit rows.
  double normal() const {
    if (!network_) return outputs * parameters * parameters;
    const auto half = [](double k) { return k * (k + 1) / 2; };
    double flops = 0;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      flops += 2 * samples * half(layers_[l].out) * half(layers_[l].in);
      for (std::size_t k = 0; k < l; ++k)
        flops += 2 * samples * layers_[l].parameters() * layers_[k].parameters();
    }
    return flops;
  }

  double squared() const { return parameters >= outputs ? gram() : normal(); }
  double cholesky() const { return smaller * smaller * smaller / 3; }
  // J formed, then its thin singular value decomposition by way of QR (Golub and Van Loan).
  double svd() const {
    const double longer = std::max(outputs, parameters);
    return 2 * outputs * parameters + (6 * longer + 20 * smaller) * smaller * smaller;
  }

  // Inputs, and per linearization the activations, their derivatives and the sensitivities.
  double linearization_bytes() const {
    double numbers = outputs + parameters;
    if (!network_) numbers += outputs * parameters;
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l)
      numbers += samples * (2 * layers_[l].out + 1 + outputs_per_sample_ * layers_[l].out);
    return sizeof(double) * numbers;
  }
  double data_bytes() const {
    if (nonzeros_ > 0) return 24 * nonzeros_ + 2 * sizeof(double) * outputs;
    return 2 * sizeof(double) * (network_ ? samples * layers_.front().in + outputs : outputs);
  }
  double svd_bytes() const {
    return sizeof(double) * (3 * outputs * parameters + (outputs + parameters) * smaller);
  }

  double samples, outputs, parameters;  // N, m, n
  double smaller;                       // min(m, n)
  double gradient, forward, sensitivities, product;

 private:
  bool network_;
  double outputs_per_sample_;
  double nonzeros_;  // an index and a number each, once more in the data set
  std::vector<LayerSize> layers_;
};

constexpr double live_points = 2;        // linearizations alive at once: the state and the trial
constexpr double squared_copies = 3;     // the matrix, its factor, and a workspace
constexpr double block_bytes = 1 << 26;  // bounded buffers of the kernels
constexpr double cg_iterations = 200;

// One accepted trial: linearization, factorization, direction, measured trial.
StepCost gauss_newton_cost(const Options& options, const ProblemSize& size) {
  const Parts part(size);
  const std::string solver = step_solver(options, size);
  StepCost cost;
  cost.flops = 2 * part.forward + 2 * part.product;
  cost.bytes = part.data_bytes() + live_points * part.linearization_bytes();
  if (solver == "svd") {
    cost.dense_flops = part.svd();
    cost.bytes += part.svd_bytes();
  } else if (solver == "cg") {
    cost.flops += part.sensitivities + 2 * cg_iterations * part.product;
    cost.bytes += 6 * sizeof(double) * (part.parameters + part.outputs);
  } else {
    const bool dual = solver == "dual";
    const double side = dual ? part.outputs : part.parameters;
    cost.dense_flops = (dual ? part.gram() : part.normal()) + side * side * side / 3;
    cost.flops += part.sensitivities + 4 * side * side;
    cost.bytes += squared_copies * sizeof(double) * side * side + block_bytes;
  }
  cost.flops += cost.dense_flops;
  return cost;
}

// Six new stages of the embedded pair, or one point of the tau rule; each one linearization, one
// factorization, its smallest eigenvalue by inverse iteration, one refined solution.
StepCost adapted_flow_cost(const Options& options, const ProblemSize& size) {
  const Parts part(size);
  const double stages = option(options, "integrator", "runge-kutta") == "tau" ? 1 : 6;
  constexpr double inverse_iterations = 20, refinements = 3;
  const double triangular = 4 * part.smaller * part.smaller;
  StepCost cost;
  cost.dense_flops = stages * (part.squared() + part.cholesky());
  cost.flops = cost.dense_flops +
               stages * (part.forward + part.sensitivities + inverse_iterations * triangular +
                         refinements * (2 * part.product + triangular));
  cost.bytes = part.data_bytes() + live_points * part.linearization_bytes() + block_bytes +
               live_points * squared_copies * sizeof(double) * part.smaller * part.smaller;
  return cost;
}

// Gradient methods: gradients and values per step, and vectors kept.
struct FirstOrderShape {
  double gradients, values, vectors;
};

FirstOrderShape first_order_shape(std::string_view method) {
  constexpr double memory_pairs = 10;
  // A checkpoint holds what the state holds twice more: as tensors, and as bytes on their way.
  if (method == "lbfgs") return {1.1, 0.1, 6 * memory_pairs + 12};  // most line searches take one
  if (method == "gd") return {1, 1, 9};                             // one backtracking trial
  if (method == "newton") return {9, 1, 10};                        // some ten products per step
  if (is_large_step(method)) return {1.1, 0, 9};
  return {1, 0, 14};  // adam and others
}

StepCost first_order_cost(const std::string& method, const Options& options,
                          const ProblemSize& size) {
  const Parts part(size);
  const FirstOrderShape shape = first_order_shape(method);
  StepCost cost;
  // On batches: their share of a pass, and the same again for the measurement once per epoch.
  const double share = samples_per_update(method, options, size.samples) / count(size.samples);
  const double passes = share < 1 ? 2 * share : shape.gradients;
  cost.flops =
      passes * part.gradient + shape.values * part.forward + 2 * shape.vectors * part.parameters;
  cost.bytes = part.data_bytes() + part.linearization_bytes() +
               shape.vectors * sizeof(double) * part.parameters;
  return cost;
}

}  // namespace

std::string option(const Options& options, const std::string& key, const std::string& otherwise) {
  const auto found = options.find(key);
  return found == options.end() ? otherwise : found->second;
}

bool needs_composite(std::string_view method) {
  return method == "adapted-flow" || method == "gauss-newton" || method == "levenberg-marquardt";
}

std::string step_solver(const Options& options, const ProblemSize& size) {
  std::string chosen = option(options, "solver", "auto");
  if (chosen != "auto") return chosen;
  const Parts part(size);
  constexpr double small_side = 64, small_jacobian = 1e6;
  if (part.smaller <= small_side && part.outputs * part.parameters <= small_jacobian) return "svd";
  // An exact step is worth so many inexact ones.
  constexpr double worth = 20;
  if (part.squared() + part.cholesky() > worth * 2 * cg_iterations * part.product) return "cg";
  return part.outputs <= part.parameters ? "dual" : "normal";
}

double typical_steps(std::string_view method) {
  if (method == "levenberg-marquardt" || method == "gauss-newton") return 60;
  if (method == "adapted-flow") return 60;
  if (method == "lbfgs") return 2000;
  if (method == "newton") return 20;
  return 10000;
}

double typical_work(const std::string& method, const Options& options, const ProblemSize& size) {
  return typical_steps(method) * weighted_work(step_cost(method, options, size));
}

std::string with_prefix(double number, std::string_view unit) {
  constexpr std::array<std::string_view, 6> prefixes{"", "k", "M", "G", "T", "P"};
  std::size_t p = 0;
  for (; std::abs(number) >= 999.5 && p + 1 < prefixes.size(); ++p) number /= 1000;
  return fmt::format("{:.3g} {}{}", number, prefixes[p], unit);
}

}  // namespace plan

StepCost step_cost(const std::string& method, const std::map<std::string, std::string>& options,
                   const ProblemSize& size) {
  if (method == "adapted-flow") return plan::adapted_flow_cost(options, size);
  if (plan::needs_composite(method)) return plan::gauss_newton_cost(options, size);
  return plan::first_order_cost(method, options, size);
}

void refuse_too_large(const std::string& method, const StepCost& cost, double limit,
                      const ProblemSize& size) {
  if (limit <= 0 || cost.bytes <= limit) return;
  struct Candidate {
    std::string method;
    plan::Options options;
    std::string call;
  };
  const std::vector<Candidate> candidates{
      {"levenberg-marquardt", {}, "--method levenberg-marquardt"},
      {"levenberg-marquardt",
       {{"solver", "cg"}},
       "--method levenberg-marquardt --option solver=cg"},
      {"lbfgs", {}, "--method lbfgs"},
      {"adam", {}, "--method adam"},
      {"gd", {}, "--method gd"}};
  std::string remedy;
  double least = std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : candidates) {
    if (plan::needs_composite(candidate.method) && !size.composite) continue;
    const double bytes = step_cost(candidate.method, candidate.options, size).bytes;
    least = std::min(least, bytes);
    if (remedy.empty() && bytes <= limit)
      remedy = fmt::format("{} fits with {}, or raise --memory-limit", candidate.call,
                           plan::with_prefix(bytes, "B"));
  }
  if (remedy.empty())
    remedy = fmt::format(
        "no method fits (the least need is {}): use fewer rows, narrower layers, or raise "
        "--memory-limit",
        plan::with_prefix(least, "B"));
  throw RefusedError(fmt::format("{} needs {}, over the memory limit of {}", method,
                                 plan::with_prefix(cost.bytes, "B"), plan::with_prefix(limit, "B")),
                     remedy);
}

}  // namespace thalweg
