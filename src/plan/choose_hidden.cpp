#include <fmt/format.h>

#include <cmath>

#include "work.hpp"

namespace thalweg {
namespace {

// The rule, stated in docs/how-to-choose.md: two equal layers, as wide as keeps the parameters at
// or below a share of the training outputs and below a cap.
constexpr double parameters_per_output = 0.5;
constexpr double parameter_cap = 600;  // an exact step on 10 000 rows then takes some 0.2 s
constexpr Index narrowest = 4, widest = 64;
// A network that is to reach every training value needs parameters to spare: with few more than
// outputs the Jacobian has full rank only on paper.
constexpr double parameters_per_reached_output = 16;
constexpr Index widest_to_interpolate = 512;

Index parameters_with(Index inputs, Index width, Index outputs) {
  return width * (inputs + 1) + width * (width + 1) + outputs * (width + 1);
}

std::string mlp(Index width) { return fmt::format("mlp:{},{}", width, width); }

std::vector<Index> interpolating_hidden(double observations, Index inputs, Index outputs,
                                        std::vector<Decision>& decisions) {
  const double wanted = parameters_per_reached_output * observations;
  Index width = narrowest;
  while (width < widest_to_interpolate &&
         plan::count(parameters_with(inputs, width, outputs)) < wanted)
    ++width;
  decisions.push_back(
      {"model",
       mlp(width),
       fmt::format("{} parameters for {:.0f} training outputs: enough to reach every value, as the "
                   "method promises",
                   parameters_with(inputs, width, outputs), observations),
       {}});
  return {width, width};
}

// Methods that are about linear models of classes; a budget asks for their promise.
bool wants_linear(const Goal& goal) {
  const std::string method = goal.method.value_or("auto");
  return is_large_step(method) || method == "newton" || method == "sgd" ||
         (method == "auto" && goal.budget);
}

}  // namespace

std::vector<Index> choose_hidden(Index samples, Index inputs, Index outputs, bool classification,
                                 const Goal& goal, std::vector<Decision>& decisions) {
  // Labels say less than numbers: one per row, however many classes.
  const double observations = plan::count(samples) * (classification ? 1 : plan::count(outputs));
  if (goal.method == "adapted-flow" && !classification)
    return interpolating_hidden(observations, inputs, outputs, decisions);
  if (classification && wants_linear(goal)) {
    decisions.push_back({"model",
                         "linear",
                         goal.method
                             ? *goal.method + " is about linear models of classes"
                             : "a budget of steps: the promise is for linear models of classes",
                         {{"mlp", "name it with --model to have one"}}});
    return {};
  }
  const double allowed = std::min(parameters_per_output * observations, parameter_cap);
  Index width = narrowest;
  while (width < widest && plan::count(parameters_with(inputs, width + 1, outputs)) <= allowed)
    ++width;

  if (classification && width < outputs) {
    decisions.push_back({"model",
                         "linear",
                         fmt::format("{} classes are more than the {} units of a hidden layer that "
                                     "keeps an exact step fast",
                                     outputs, width),
                         {{mlp(width), "its layers would be a bottleneck"}}});
    return {};
  }
  if (classification && outputs > 1 && !goal.validation) {
    decisions.push_back(
        {"model",
         "linear",
         "several classes, and no --validation rows that would end a network before "
         "it fits their noise",
         {{mlp(width), "fits the training labels, and predicts worse"}}});
    return {};
  }
  Decision decision;
  decision.what = "model";
  decision.chosen = mlp(width);
  const Index parameters = parameters_with(inputs, width, outputs);
  decision.because = fmt::format("{} parameters for {:.0f} training {}: {}", parameters,
                                 observations, classification ? "labels" : "outputs",
                                 width == narrowest ? "the narrowest network"
                                 : plan::count(parameters) > 0.9 * parameter_cap
                                     ? "as many as keep an exact step fast"
                                     : "about half as many parameters as outputs");
  decision.rejected.push_back({"linear", "cannot follow curved dependence"});
  Index interpolating = width;
  while (plan::count(parameters_with(inputs, interpolating, outputs)) < observations)
    ++interpolating;
  if (interpolating > width)
    decision.rejected.push_back(
        {mlp(interpolating),
         fmt::format("{} parameters reach every training value, noise included{}",
                     parameters_with(inputs, interpolating, outputs),
                     goal.validation ? "" : ", and no --validation rows would show it")});
  decisions.push_back(std::move(decision));
  return {width, width};
}

}  // namespace thalweg
