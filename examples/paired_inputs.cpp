// Does the number of steps depend on the conditioning? Three damping policies of
// Levenberg-Marquardt on pairs of inputs at distance delta: the smallest eigenvalue of J J' falls
// with delta^2. Prints steps to |r| <= 1e-2 delta |r(0)|, "> cap" where the cap ended the run.
//
//   paired_inputs [cap]      cap on the steps, default 150
#include "paired_inputs.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "thalweg/method/levenberg_marquardt.hpp"
#include "thalweg/run/run.hpp"

namespace {

using namespace thalweg;
using paired_inputs::Labels;

std::string steps(LevenbergMarquardt::Damping damping, std::uint64_t seed, double delta,
                  Labels labels, std::int64_t cap) {
  const auto problem = paired_inputs::make(seed, delta, labels);
  LevenbergMarquardt::Options options;
  options.damping = damping;
  if (damping == LevenbergMarquardt::Damping::fixed) options.damping_ratio = 1e-4;
  RunOptions run_options;
  run_options.stop = target_loss(paired_inputs::target(problem, delta)) | max_steps(cap);
  const Result result =
      run(*problem.objective, LevenbergMarquardt(options), problem.start, run_options);
  const bool reached = result.reason.criterion == "target-loss";
  return fmt::format("{}{}", reached ? "" : "> ", result.steps);
}

void table(const char* title, Labels labels, std::int64_t cap) {
  fmt::print("{}\n{:<30}{:>6}{:>8}{:>8}{:>8}{:>8}\n", title, "damping", "seed", "1e-1", "1e-2",
             "1e-3", "1e-4");
  const std::pair<const char*, LevenbergMarquardt::Damping> policies[] = {
      {"rho lambda_min", LevenbergMarquardt::Damping::smallest_eigenvalue},
      {"gain ratio", LevenbergMarquardt::Damping::gain_ratio},
      {"1e-4 lambda_max of the start", LevenbergMarquardt::Damping::fixed}};
  for (const auto& [name, damping] : policies)
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      fmt::print("{:<30}{:>6}", name, seed);
      for (const double delta : {1e-1, 1e-2, 1e-3, 1e-4})
        fmt::print("{:>8}", steps(damping, seed, delta, labels, cap));
      fmt::print("\n");
    }
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t cap = argc > 1 ? std::atoll(argv[1]) : 150;
  table("steps, labels smooth plus delta times a slope per pair; columns: delta", Labels::slope,
        cap);
  table("\nsteps, labels that differ by O(1) within a pair", Labels::jump, cap);
}
