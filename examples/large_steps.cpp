// Figure 1 of Wu et al. (COLT 2024): the logistic loss of four separable points under ever larger
// constant stepsizes; then what becomes of the final loss when the stepsize grows with the budget.
// With two paths it also draws both: example_large_steps losses.svg budgets.svg
#include <cmath>
#include <cstdio>
#include <functional>

#include "log_picture.hpp"
#include "thalweg/method/large_step.hpp"
#include "thalweg/method/large_step_theory.hpp"
#include "thalweg/model/linear_model.hpp"
#include "thalweg/model/margin_losses.hpp"
#include "thalweg/run/run.hpp"

using namespace thalweg;

// Largest row norm R = sqrt 4.04; the margin of the rows is 0.2, along the second axis.
LinearObjective toy() {
  Matrix rows(4, 2);
  rows << 1, 0.2, -2, 0.2, -1, -0.2, 2, -0.2;
  return {std::make_shared<LinearModel>(rows, LinearModel::Options{.intercept = false}),
          std::make_shared<CrossEntropyLoss>(std::vector{1, 1, 0, 0}, 2)};
}
const SeparableRows table{0.2 / std::sqrt(4.04), std::sqrt(4.04), 4};

Result descend(double eta, std::int64_t steps) {
  RunOptions options;
  options.stop = max_steps(steps);
  return run(toy(), LargeStep({.eta = eta}), Vector::Zero(2), options);
}

double log10_loss(const StepRecord& record) { return *record.log_value / std::log(10); }

LogPicture figure_1() {
  LogPicture picture{.title = "Logistic loss of four points, constant stepsizes",
                     .x_name = "step",
                     .first_x = 0,
                     .last_x = 6,
                     .first_y = -6,
                     .last_y = 2,
                     .legend_x = 0.72};
  constexpr std::int64_t steps = 1 << 18;
  std::printf("eta  last increase  f <= 1/eta from  loss at 2^18  loss * gamma^2 eta t\n");
  for (const double eta : {4, 8, 16, 32}) {
    const Result result = descend(eta, steps);
    const StepRecord& end = result.trace.back();
    std::printf("%3.0f  %13.0f  %15.0f  %12.2e  %20.2f\n", eta, *end.last_increase_step,
                *end.transition_step, end.value, end.value * 0.04 * eta * steps);
    LogLine line{fmt::format("eta {}", eta), {}};
    double next = 1;  // about two hundred points over the decades
    for (const StepRecord& record : result.trace) {
      const auto t = static_cast<double>(record.iteration);
      if (t < next) continue;
      line.points.emplace_back(t, log10_loss(record));
      next = t < 40 ? t + 1 : t * 1.06;
    }
    picture.lines.push_back(std::move(line));
  }
  return picture;
}

// The smoothness constant of the loss is lambda_max(Z'Z / n) / 4 = 10 / 16.
LogPicture budgets() {
  struct Rule {
    const char* name;
    std::function<double(double steps)> stepsize;
  };
  const Rule rules[] = {
      {"1 / smoothness", [](double) { return 1.6; }},
      {"gamma^2 T / (120 R^2), proved", [](double T) { return proved_stepsize(table, T); }},
      {"gamma^2 T / (4 R^2), practical", [](double T) { return practical_stepsize(table, T); }},
      {"T / (10 R^2)", [](double T) { return T / (10 * 4.04); }}};
  LogPicture picture{.title = "Final loss of T steps, the stepsize chosen for T",
                     .x_name = "T",
                     .first_x = 3,
                     .last_x = 5,
                     .first_y = -12,
                     .last_y = 0,
                     .legend_x = 0.05,
                     .legend_y = 0.27};
  std::printf("\neta                             T = 1e3     3e3     1e4     3e4     1e5\n");
  for (const Rule& rule : rules) {
    LogLine line{rule.name, {}, true};
    std::printf("%-30s", rule.name);
    for (const double steps : {1e3, 3e3, 1e4, 3e4, 1e5}) {
      const Result result = descend(rule.stepsize(steps), static_cast<std::int64_t>(steps));
      std::printf("  %.0e", result.trace.back().value);
      line.points.emplace_back(steps, log10_loss(result.trace.back()));
    }
    std::printf("\n");
    picture.lines.push_back(std::move(line));
  }
  return picture;
}

int main(int argc, char** argv) {
  const LogPicture losses = figure_1(), finals = budgets();
  if (argc > 2) {
    losses.write(argv[1]);
    finals.write(argv[2]);
  }
}
