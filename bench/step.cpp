// An exact Gauss-Newton step of a network against a gradient step of the same code.
//
// Gradient step: forward, backward, parameter update on all rows. Gauss-Newton step: linearize,
// sensitivities, K = J J', Cholesky of K + mu I, d = J'(K + mu I)^-1 r, parameter update. flops of
// the floor: forward + sensitivities + lower triangle of K + m^3/3 + J'u.

#include <cmath>

#include "bench.hpp"
#include "model/network_model.hpp"
#include "thalweg/linalg/symmetric_solve.hpp"
#include "thalweg/model/network.hpp"
#include "thalweg/model/output_losses.hpp"

namespace thalweg::bench {
namespace {

struct Problem {
  Network network;
  std::shared_ptr<const OutputModel> model;
  SquaredLoss loss;
  Vector start;
};

Problem make_problem(const Options& options) {
  const Index rows = options.number("rows"), outputs = options.number("outputs");
  const Network network({.inputs = options.number("inputs"),
                         .hidden = options.numbers("widths"),
                         .outputs = outputs,
                         .activation = Activation::tanh});
  return {network, network.on(normal_matrix(rows, options.number("inputs"), "inputs")),
          SquaredLoss(normal_matrix(rows, outputs, "targets")), network.initial_parameters(1)};
}

void gradient_step(const Problem& problem, Vector& x) {
  const auto at_x = problem.model->linearize(x);
  Vector slope(at_x->output_count()), gradient(x.size());
  problem.loss.gradient(at_x->outputs(), slope);
  at_x->apply_adjoint(slope, gradient);
  x -= 1e-3 * gradient;
}

// Seconds of each phase, in the order in which they happen.
struct Phases {
  std::vector<double> forward, backward, gram, solve, apply, total;
};

void gauss_newton_step(const Problem& problem, Vector& x, Matrix& k, Phases& phases) {
  std::unique_ptr<Linearization> at_x;
  Vector z, d(x.size());
  const double forward = seconds_of([&] { at_x = problem.model->linearize(x); });
  const double backward =
      seconds_of([&] { dynamic_cast<const NetworkLinearization&>(*at_x).backpropagate(); });
  const double gram = seconds_of([&] { at_x->gram(k); });
  const double solve = seconds_of([&] {
    // A damping far below the diagonal: the work of an exact step whatever the rank of this point.
    const double mu = 1e-6 * k.diagonal().mean();
    Vector residual(at_x->output_count());
    problem.loss.gradient(at_x->outputs(), residual);
    z = linalg::CholeskyFactor(k, mu).solve(residual * static_cast<double>(k.rows()));
  });
  const double apply = seconds_of([&] {
    at_x->apply_adjoint(z, d);
    x -= d;
  });
  phases.forward.push_back(forward);
  phases.backward.push_back(backward);
  phases.gram.push_back(gram);
  phases.solve.push_back(solve);
  phases.apply.push_back(apply);
  phases.total.push_back(forward + backward + gram + solve + apply);
}

double step_flops(const Problem& problem) {
  const auto at_x = problem.model->linearize(problem.start);
  const double m = static_cast<double>(at_x->output_count());
  const auto& network = dynamic_cast<const NetworkLinearization&>(*at_x);
  return problem.model->forward_flops() + network.backpropagation_flops() + at_x->gram_flops() +
         m * m * m / 3 + at_x->apply_flops();
}

}  // namespace

Json step(const std::map<std::string, std::string>& given) {
  const Options options(
      {{"rows", "1000"}, {"inputs", "8"}, {"widths", "512,512,512"}, {"outputs", "1"}}, given);
  const Problem problem = make_problem(options);
  Matrix k(problem.model->output_count(), problem.model->output_count());
  k.setZero();
  MatrixProductRate rate;
  std::vector<double> gradient;
  Phases phases, warm_up;
  Vector x = problem.start;
  gradient_step(problem, x);
  const double once = seconds_of([&] { gauss_newton_step(problem, x, k, warm_up); });
  const int repeats = repeats_for(2 * once);
  for (int repeat = 0; repeat < repeats; ++repeat) {
    if (repeat % 4 == 0) rate.measure();
    x = problem.start;
    gradient.push_back(seconds_of([&] { gradient_step(problem, x); }));
    x = problem.start;
    gauss_newton_step(problem, x, k, phases);
  }
  const double flops = step_flops(problem), seconds = median(phases.total);
  return {{"gradient_seconds", median(gradient)},
          {"gauss_newton_seconds", seconds},
          {"ratio", seconds / median(gradient)},
          {"flops", flops},
          {"dgemm_rate", rate.best()},
          {"floor_share", flops / rate.best() / seconds},
          {"phases",
           {{"forward", median(phases.forward)},
            {"backward", median(phases.backward)},
            {"gram", median(phases.gram)},
            {"solve", median(phases.solve)},
            {"apply", median(phases.apply)}}}};
}

}  // namespace thalweg::bench
