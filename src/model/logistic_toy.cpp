#include "thalweg/model/logistic_toy.hpp"

#include "thalweg/model/margin_losses.hpp"

namespace thalweg {

std::shared_ptr<const LinearObjective> logistic_toy(double ridge) {
  Matrix rows(4, 2);
  rows << 1, 0.2,  //
      -2, 0.2,     //
      -1, -0.2,    //
      2, -0.2;
  const std::vector<int> labels = {1, 1, 0, 0};
  return std::make_shared<LinearObjective>(
      std::make_shared<LinearModel>(rows, LinearModel::Options{.outputs = 1, .intercept = false}),
      std::make_shared<CrossEntropyLoss>(labels, 2), ridge);
}

}  // namespace thalweg
