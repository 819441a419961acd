#include "thalweg/method/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "option_tools.hpp"
#include "thalweg/core/error.hpp"
#include "thalweg/method/adam.hpp"
#include "thalweg/method/adapted_flow.hpp"
#include "thalweg/method/clipped_sgd.hpp"
#include "thalweg/method/escape.hpp"
#include "thalweg/method/gauss_newton.hpp"
#include "thalweg/method/gradient_descent.hpp"
#include "thalweg/method/ian_sgd.hpp"
#include "thalweg/method/large_step.hpp"
#include "thalweg/method/large_step_adaptive.hpp"
#include "thalweg/method/lbfgs.hpp"
#include "thalweg/method/levenberg_marquardt.hpp"
#include "thalweg/method/negative_curvature.hpp"
#include "thalweg/method/newton.hpp"
#include "thalweg/method/normalized.hpp"
#include "thalweg/method/nsgd_momentum.hpp"
#include "thalweg/method/perturbed.hpp"
#include "thalweg/method/restarted.hpp"
#include "thalweg/method/sgd.hpp"
#include "thalweg/method/spider.hpp"
#include "thalweg/method/tamed.hpp"

namespace thalweg {
namespace {

using Texts = std::map<std::string, std::string>;

/// What a method's page says in one line each.
struct Words {
  const char *summary, *needs, *promise, *reference;
};

// Which problems a method works on follows from its base, or is said here.
template <class State>
constexpr bool needs_composite(const MethodFor<CompositeObjective, State>*) {
  return true;
}
constexpr bool needs_composite(const Method*) { return false; }
constexpr bool needs_margins(const LargeStepAdaptive*) { return true; }
constexpr bool needs_margins(const Method*) { return false; }
template <class State>
constexpr bool is_sampled(const SampledMethod<State>*) {
  return true;
}
constexpr bool is_sampled(const Method*) { return false; }

std::string default_of(const MethodInfo& info, std::string_view key) {
  const auto found = std::ranges::find(info.options, key, &OptionInfo::key);
  return found == info.options.end() ? std::string() : found->default_value;
}

// The options of escape apart from the method's own.
struct Split {
  Texts own, escape;
  bool escapes() const { return thalweg::escapes(escape); }
};

Split split_escape(const Texts& texts) {
  Split split;
  for (const auto& [key, text] : texts)
    (key.starts_with("escape") ? split.escape : split.own).emplace(key, text);
  // A configuration file has true and false for it.
  if (const auto found = split.escape.find("escape"); found != split.escape.end()) {
    if (found->second == "true") found->second = "on";
    if (found->second == "false") found->second = "off";
  }
  return split;
}

Escaping::Options escape_options(const Texts& texts) {
  return with_options<Escaping::Options>("escape", texts);
}

template <class Options>
Texts used_texts(const Options& options) {
  Texts used;
  for (const OptionInfo& option : option_infos(options)) used[option.key] = option.default_value;
  return used;
}

// Everything but the words follows from the type and its options.
template <class MethodType>
MethodInfo describe(const Words& words) {
  using Options = typename MethodType::Options;
  MethodInfo info;
  info.name = MethodType(Options{}).name();
  info.summary = words.summary;
  info.needs = words.needs;
  info.promise = words.promise;
  info.reference = words.reference;
  info.needs_composite = needs_composite(static_cast<const MethodType*>(nullptr));
  info.needs_margins = needs_margins(static_cast<const MethodType*>(nullptr));
  info.options = option_infos(Options{});
  info.sampled = is_sampled(static_cast<const MethodType*>(nullptr));
  info.needs_samples = info.sampled && default_of(info, "batch") != "0";
  info.make = [name = info.name](const Texts& texts) -> std::unique_ptr<Method> {
    const Split split = split_escape(texts);
    auto method = std::make_unique<MethodType>(with_options<Options>(name, split.own));
    const Escaping::Options escape = escape_options(split.escape);
    if (!split.escapes()) return method;
    return std::make_unique<Escaping>(std::move(method), escape);
  };
  info.used_options = [name = info.name](const Texts& texts) {
    const Split split = split_escape(texts);
    Texts used = used_texts(with_options<Options>(name, split.own));
    const Escaping::Options escape = escape_options(split.escape);
    if (split.escapes()) used.merge(used_texts(escape));
    return used;
  };
  return info;
}

std::vector<MethodInfo> describe_all() {
  constexpr const char* outputs_and_jacobian =
      "a model's outputs and Jacobian, a convex or robust loss";
  return {
      describe<AdaptedFlow>(
          {"gradient flow of the loss in output space, lifted by the pseudo-inverse of J",
           outputs_and_jacobian,
           "under the rank condition C(s) = e^{-2s/N} C(0): the stopping time is known beforehand; "
           "where the rank is lost, the floor is",
           "Chen, Global L2 minimization at uniform exponential rate via geometrically adapted "
           "gradient descent in deep learning, arXiv:2311.15487"}),
      describe<GaussNewton>(
          {"pseudo-inverse steps of the linearised model with a verified line search",
           outputs_and_jacobian,
           "the value falls at every step; quadratic near a minimiser of zero residual where the "
           "rank is full",
           "Nocedal & Wright, Numerical Optimization, 2nd ed., section 10.3; Cayci, "
           "arXiv:2412.14031"}),
      describe<LevenbergMarquardt>(
          {"damped Gauss-Newton steps, kept only where the value falls", outputs_and_jacobian,
           "the value falls at every kept step; with damping=smallest-eigenvalue a geometric rate "
           "that does not depend on the conditioning",
           "Marquardt, SIAM J. Appl. Math. 11 (1963); More, The Levenberg-Marquardt algorithm "
           "(1978); Cayci, arXiv:2412.14031"}),
      describe<LargeStep>(
          {"gradient descent with a constant stepsize so large that the loss may rise at first",
           "values and gradients",
           "logistic loss of separable data: the oscillation ends by itself, and with eta chosen "
           "for T steps the loss after them is O(ln^2 T / (gamma^4 T^2))",
           "Wu, Bartlett, Telgarsky & Yu, Large stepsize gradient descent for logistic loss, COLT "
           "2024, arXiv:2402.15926"}),
      describe<LargeStepAdaptive>(
          {"gradient descent on ln of the loss of a linear classifier, with its averaged iterate",
           "a linear model and a loss of class labels",
           "separable data: ln loss of the average of t steps <= -(eta R^2 / 2)(gamma^2 t - 1)",
           "Zhang, Wu, Lin & Bartlett, Minimax optimal convergence of gradient descent in logistic "
           "regression via large and adaptive stepsizes, ICML 2025, arXiv:2504.04105"}),
      describe<GradientDescent>(
          {"gradient descent with backtracking, a constant stepsize, or one from a bound of the "
           "curvature by the value",
           "values and gradients",
           "the value falls at every step (armijo, self-bounding); linear rate set by the "
           "conditioning where f is strongly convex",
           "Nocedal & Wright, Numerical Optimization, 2nd ed., algorithm 3.1; Cao, Chen, Sridharan "
           "& Tang, arXiv:2503.04712"}),
      describe<Perturbed>(
          {"gradient descent that perturbs stationary points, with constants from the curvature "
           "bound, and ends where the second-order certificate holds",
           "values and gradients; Hessian products, or differences of gradients for them",
           "a second-order stationary point in O~(l D / eps^2) steps with probability 1 - delta",
           "Jin, Netrapalli, Ge, Kakade & Jordan, J. ACM 68 (2021); Cao, Chen, Sridharan & Tang, "
           "arXiv:2503.04712"}),
      describe<Restarted>(
          {"stochastic gradient steps that restart where they leave a ball, and average where they "
           "stay",
           "the gradient of a mean over some of its samples; Hessian products, or differences of "
           "gradients",
           "a second-order stationary point after O~(eps^-3.5) samples, up to constants",
           "Fang, Lin & Zhang, Sharp analysis for nonconvex SGD escaping from saddle points, COLT "
           "2019, arXiv:1902.00247"}),
      describe<Tamed>(
          {"gradient descent with nonlinearly preconditioned steps, in a plain and a perturbed "
           "form",
           "values and gradients; perturbed: Hessian products, or differences of gradients",
           "the value falls where |H| <= L0 + L1 |g|; strict saddles are avoided from almost every "
           "start; perturbed: a second-order stationary point",
           "Bodard & Patrinos, Escaping saddle points without Lipschitz smoothness, NeurIPS 2025, "
           "arXiv:2509.15817"}),
      describe<NegativeCurvature>(
          {"gradient steps, and at stationary points steps along the most negative curvature",
           "values and gradients; Hessian products, or differences of gradients for them",
           "a second-order stationary point after a bounded number of steps that each gain a "
           "bounded "
           "decrease",
           "Carmon, Duchi, Hinder & Sidford, SIAM J. Optim. 28 (2018); Cao, Chen, Sridharan & "
           "Tang, "
           "arXiv:2503.04712"}),
      describe<Sgd>(
          {"gradient steps on small random batches, with a constant stepsize",
           "the gradient of a mean over some of its samples",
           "separable data: a mean loss of O(1/t) over t updates on fresh samples; no gain from a "
           "large stepsize is proved",
           "Robbins & Monro, Ann. Math. Statist. 22 (1951); Wu, Bartlett, Telgarsky & Yu, COLT "
           "2024, arXiv:2402.15926, theorem 4"}),
      describe<Normalized>(
          {"gradient steps divided by a power of the gradient norm",
           "values and gradients; on batches the gradient of a mean over some of its samples",
           "curvature at most L0 + L1 |g|^alpha: the value falls at every step without knowing the "
           "constants; with a fixed gamma a rate, or a floor, known from (rho, beta)",
           "Yang, Tripp, Sun, Zou & Zhou, Adaptive gradient normalization and independent sampling "
           "for (stochastic) generalized-smooth optimization, TMLR 2025, arXiv:2410.14054"}),
      describe<IanSgd>({"stochastic steps divided by the gradient norm of an independent batch",
                        "the gradient of a mean over some of its samples",
                        "a normalization without bias: the mean step is along the gradient; "
                        "O(eps^-4) samples to "
                        "a gradient norm of eps where curvature and noise grow with the gradient",
                        "Yang, Tripp, Sun, Zou & Zhou, TMLR 2025, arXiv:2410.14054, algorithm 2"}),
      describe<ClippedSgd>(
          {"stochastic steps with clipped gradients, by thresholds or by the published table",
           "the gradient of a mean over some of its samples",
           "convex (L0, L1)-smooth objectives, table: O(L0 R^2 / T + s R / sqrt T) above the "
           "minimum",
           "Gaash, Levy & Carmon, Convergence of clipped SGD on convex (L0, L1)-smooth functions; "
           "Pascanu, Mikolov & Bengio, ICML 2013"}),
      describe<NsgdMomentum>(
          {"stochastic steps of prescribed length along averaged gradients",
           "the gradient of a mean over some of its samples",
           "a mean gradient norm of O(T^(-1/4)) in T steps without knowing any constant",
           "Cutkosky & Mehta, ICML 2020; Hubler, Yang, Li & He, Parameter-agnostic optimization "
           "under relaxed smoothness, AISTATS 2024"}),
      describe<Spider>(
          {"normalized steps along gradients whose noise is reduced by differences",
           "the gradient of a mean over some of its samples, and over all",
           "a gradient norm of eps after O(sqrt(N) / eps^2) samples for mean-square smooth "
           "objectives",
           "Fang, Li, Lin & Zhang, SPIDER, NeurIPS 2018"}),
      describe<Adam>({"adaptive moment estimation, on the full batch or on samples",
                      "values and gradients; on batches the gradient of a mean over some of its "
                      "samples",
                      "none: a baseline whose steps do not depend on the scale of the value",
                      "Kingma & Ba, Adam: a method for stochastic optimization, ICLR 2015"}),
      describe<Lbfgs>(
          {"limited-memory quasi-Newton with a strong Wolfe line search", "values and gradients",
           "the value falls at every step; linear rate where f is uniformly convex",
           "Nocedal, Math. Comp. 35 (1980); Nocedal & Wright, Numerical Optimization, 2nd ed., "
           "algorithms 7.4 and 7.5"}),
      describe<Newton>(
          {"trust-region Newton steps by conjugate gradients",
           "values and gradients; Hessian products, or differences of gradients for them",
           "the value falls at every kept step; superlinear near a minimiser with a positive "
           "definite Hessian",
           "Steihaug, SIAM J. Numer. Anal. 20 (1983); Nocedal & Wright, Numerical Optimization, "
           "2nd ed., section 7.1; Lin, Weng & Keerthi, JMLR 9 (2008)"}),
  };
}

}  // namespace

const std::vector<MethodInfo>& methods() {
  static const std::vector<MethodInfo> all = describe_all();
  return all;
}

const std::vector<OptionInfo>& escape_option_infos() {
  static const std::vector<OptionInfo> infos = option_infos(Escaping::Options{});
  return infos;
}

bool escapes(const std::map<std::string, std::string>& options) {
  const auto found = options.find("escape");
  return found != options.end() && (found->second == "on" || found->second == "true");
}

bool leaves_saddles(const std::string& method, const std::map<std::string, std::string>& options) {
  if (method == "perturbed" || method == "restarted" || method == "negative-curvature") return true;
  const auto found = options.find("perturbed");
  return method == "tamed" && found != options.end() && found->second == "true";
}

bool has_own_option(const MethodInfo& method, const std::string& key) {
  return std::ranges::find(method.options, key, &OptionInfo::key) != method.options.end();
}

bool has_option(const MethodInfo& method, const std::string& key) {
  const auto& common = escape_option_infos();
  if (std::ranges::find(common, key, &OptionInfo::key) != common.end()) return true;
  const auto names = [&](const std::string& name) {
    return std::ranges::find(method.options, name, &OptionInfo::key) != method.options.end();
  };
  return names(key) || (key == "eta" && names("stepsize")) || (key == "stepsize" && names("eta"));
}

const MethodInfo& find_method(const std::string& name) {
  const auto found = std::ranges::find(methods(), name, &MethodInfo::name);
  if (found != methods().end()) return *found;
  std::vector<std::string> names;
  for (const MethodInfo& info : methods()) names.push_back(info.name);
  throw UsageError(fmt::format("there is no method '{}'", name),
                   fmt::format("the methods are {}", fmt::join(names, ", ")));
}

}  // namespace thalweg
